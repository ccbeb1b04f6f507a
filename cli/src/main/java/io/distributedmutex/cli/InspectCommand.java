package io.distributedmutex.cli;

import io.distributedmutex.HolderStatus;
import io.distributedmutex.LockInfo;
import io.distributedmutex.cli.console.Arguments;
import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.Json;
import io.distributedmutex.cli.console.LockText;
import io.distributedmutex.cli.console.Logging;
import io.distributedmutex.cli.console.StoreOptions;
import io.distributedmutex.cli.console.StoreOptions.Server;
import io.distributedmutex.cli.console.ToolVersion;
import io.distributedmutex.redis.RedisLockStore;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Shows the holder of a lock. */
@Command(
        name = "inspect",
        mixinStandardHelpOptions = true,
        versionProvider = ToolVersion.class,
        description = {
            "Show who holds a lock, its fencing token, how long its lease lasts still, and how many wait.",
            "If the holder's instance answers within 1 s, show also which thread (or owner) of it holds the lock, and what"
                    + " that one itself has waited for, for 1 s or more."
        },
        abbreviateSynopsis = true,
        sortOptions = false,
        parameterListHeading = "%nArguments:%n",
        optionListHeading = "%nOptions:%n",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:the lock is held",
            "1:the lock is free",
            "64:the command line is wrong",
            "69:Redis was not reached",
            "77:Redis refused"
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  dmutex inspect report:daily",
            "  dmutex inspect report:daily --json | jq .remainingMillis",
            "  if dmutex inspect deploy >/dev/null; then echo 'somebody deploys'; fi"
        })
final class InspectCommand implements Callable<Integer> {

    @Spec
    private @Nullable CommandSpec command;

    @Parameters(paramLabel = "KEY", description = "The lock's name.")
    private String key = "";

    @Option(names = "--json", description = "One JSON object instead of text for people.")
    private boolean json;

    @Mixin
    private StoreOptions store = new StoreOptions();

    @Override
    public Integer call() {
        CommandSpec spec = Arguments.present(command);
        Arguments.checkKey(spec, key);
        // That this user may not ask the holder's instance, say.
        Logging.hushWarnings(store.isVerbose());
        try (Server server = store.open();
                RedisLockStore connected = server.connectStore()) {
            Optional<LockInfo> found = Replies.await(connected.inspect(key));
            Optional<String> shard = connected.shardOf(key);
            Optional<HolderStatus> holder = found.flatMap(LockInfo::holder).flatMap(ours -> server.askHolder(key));
            spec.commandLine()
                    .getOut()
                    .print(
                            json
                                    ? Json.write(LockText.json(key, found, holder, shard)) + "\n"
                                    : LockText.details(key, found, holder, shard));
            return found.isPresent() ? ExitCodes.OK : ExitCodes.NO;
        }
    }
}
