package io.distributedmutex.cli;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LockOptions;
import io.distributedmutex.cli.console.Arguments;
import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.Holder;
import io.distributedmutex.cli.console.Json;
import io.distributedmutex.cli.console.LockText;
import io.distributedmutex.cli.console.Logging;
import io.distributedmutex.cli.console.StoreOptions;
import io.distributedmutex.cli.console.StoreOptions.Server;
import io.distributedmutex.cli.console.ToolVersion;
import io.distributedmutex.spi.Messages;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Takes a lock from its holder. */
@Command(
        name = "release",
        mixinStandardHelpOptions = true,
        versionProvider = ToolVersion.class,
        description = {
            "Take a lock away from whoever holds it; the next that waits gets it.",
            "",
            "The holder is not asked. It learns of it at its next renewal, or when it releases, and until then works on"
                    + " beside the next holder; what protects the data meanwhile is the fencing token. So first make"
                    + " sure that the holder is dead or stopped. If it is dead, waiting for the lease's end is safer."
        },
        abbreviateSynopsis = true,
        sortOptions = false,
        parameterListHeading = "%nArguments:%n",
        optionListHeading = "%nOptions:%n",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:released",
            "1:the lock was free",
            "64:the command line is wrong, or --force is missing",
            "69:Redis was not reached",
            "77:Redis refused"
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  dmutex inspect deploy                        who is it, and when does it end by itself?",
            "  dmutex release --force deploy"
        })
final class ReleaseCommand implements Callable<Integer> {

    @Spec
    private @Nullable CommandSpec command;

    @Parameters(paramLabel = "KEY", description = "The lock's name.")
    private String key = "";

    @Option(names = "--force", description = "Say that you know what this does to the holder.")
    private boolean force;

    @Option(names = "--json", description = "One JSON object (what was evicted) instead of text for people.")
    private boolean json;

    @Mixin
    private StoreOptions store = new StoreOptions();

    @Override
    public Integer call() {
        CommandSpec spec = Arguments.present(command);
        Arguments.checkKey(spec, key);
        if (!force) {
            throw new ParameterException(
                    spec.commandLine(),
                    "only a holder can release its lock; taking it away needs --force, as the holder works on until it"
                            + " notices. 'dmutex inspect' shows who it is and when its lease ends by itself");
        }
        Logging.hushWarnings(store.isVerbose());
        try (Server server = store.open();
                DistributedMutex mutex = server.connectMutex(Holder.label(), LockOptions.defaults())) {
            Optional<LockInfo> evicted = mutex.forceRelease(key);
            spec.commandLine().getOut().println(json ? Json.write(json(evicted)) : text(evicted));
            return evicted.isPresent() ? ExitCodes.OK : ExitCodes.NO;
        }
    }

    private String text(Optional<LockInfo> evicted) {
        if (evicted.isEmpty()) {
            return "'" + Messages.shown(key) + "' was free";
        }
        LockInfo lock = evicted.get();
        return "released '" + Messages.shown(key) + "', " + LockText.holding(lock)
                + (lock.waiters() == 0 ? "; nobody waited" : "; the next of " + lock.waiters() + " waiting has it");
    }

    private Map<String, @Nullable Object> json(Optional<LockInfo> evicted) {
        Map<String, @Nullable Object> members = new LinkedHashMap<>();
        members.put("key", key);
        members.put("released", evicted.isPresent());
        members.put("evicted", evicted.isPresent() ? LockText.json(key, evicted, Optional.empty()) : null);
        return members;
    }
}
