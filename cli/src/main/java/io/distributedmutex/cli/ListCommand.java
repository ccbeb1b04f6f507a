package io.distributedmutex.cli;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.cli.console.Arguments;
import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.Failures;
import io.distributedmutex.cli.console.Json;
import io.distributedmutex.cli.console.LockText;
import io.distributedmutex.cli.console.StoreOptions;
import io.distributedmutex.cli.console.StoreOptions.Server;
import io.distributedmutex.cli.console.ToolVersion;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.spi.Messages;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Shows all locks that are held. */
@Command(
        name = "list",
        mixinStandardHelpOptions = true,
        versionProvider = ToolVersion.class,
        description = {
            "Show the locks that are held now: key, holder, fencing token, remaining time, waiting instances.",
            "",
            "Goes through the server's keys a few hundred at a time (SCAN), which holds nobody up."
        },
        abbreviateSynopsis = true,
        sortOptions = false,
        parameterListHeading = "%nArguments:%n",
        optionListHeading = "%nOptions:%n",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:all was shown, be it nothing",
            "64:the command line is wrong",
            "69:Redis was not reached",
            "77:Redis refused, or some of the keys cannot be read"
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  dmutex list",
            "  dmutex list 'tenant:*'                       quote it, so that the shell leaves it alone",
            "  dmutex list --json | jq -r '.locks[] | select(.waiters > 0) | .key'"
        })
final class ListCommand implements Callable<Integer> {

    private static final int MAXIMUM_LIMIT = 1_000_000;

    /** So many requests are under way at once. */
    private static final int AT_A_TIME = 100;

    @Spec
    private @Nullable CommandSpec command;

    @Parameters(
            paramLabel = "PATTERN",
            arity = "0..1",
            description = "Which keys, as in Redis: * any text, ? any character, [ab] one of these. Default: all.")
    private String pattern = "*";

    @Option(
            names = "--limit",
            paramLabel = "N",
            description = "How many locks at most, from 1 to 1000000. Default: ${DEFAULT-VALUE}")
    private int limit = 1_000;

    @Option(names = "--json", description = "One JSON object instead of text for people.")
    private boolean json;

    @Mixin
    private StoreOptions store = new StoreOptions();

    @Override
    public Integer call() {
        CommandSpec spec = Arguments.present(command);
        Arguments.checkReadable(spec, "the pattern", pattern);
        if (limit < 1 || limit > MAXIMUM_LIMIT) {
            throw new ParameterException(
                    spec.commandLine(), "--limit must be from 1 to " + MAXIMUM_LIMIT + ", but is " + limit);
        }
        try (Server server = store.open();
                RedisLockStore connected = server.connectStore()) {
            // One more than is shown, to know whether there are more.
            List<String> keys = new ArrayList<>(Replies.await(connected.keys(pattern, limit + 1)));
            boolean more = keys.size() > limit;
            List<String> shown = keys.subList(0, Math.min(limit, keys.size()));
            shown.sort(null);
            List<LockInfo> locks = new ArrayList<>();
            boolean allRead = inspect(connected, shown, locks, spec.commandLine());
            show(locks, more, connected, spec.commandLine());
            return allRead ? ExitCodes.OK : ExitCodes.REFUSED;
        }
    }

    /** Keys that were freed meanwhile are left out; one that cannot be read does not keep the others from being shown. */
    private static boolean inspect(
            RedisLockStore connected, List<String> keys, List<LockInfo> locks, CommandLine commandLine) {
        boolean allRead = true;
        for (int from = 0; from < keys.size(); from += AT_A_TIME) {
            List<CompletionStage<Optional<LockInfo>>> replies = new ArrayList<>();
            for (String key : keys.subList(from, Math.min(from + AT_A_TIME, keys.size()))) {
                replies.add(connected.inspect(key));
            }
            for (CompletionStage<Optional<LockInfo>> reply : replies) {
                try {
                    Replies.await(reply).ifPresent(locks::add);
                } catch (StoreRefusedException e) {
                    Failures.tell(commandLine, Failures.messageOf(e));
                    allRead = false;
                }
            }
        }
        return allRead;
    }

    private void show(List<LockInfo> locks, boolean more, RedisLockStore connected, CommandLine commandLine) {
        PrintWriter out = commandLine.getOut();
        if (json) {
            Map<String, Object> document = new LinkedHashMap<>();
            document.put(
                    "locks",
                    locks.stream()
                            .map(lock -> LockText.json(lock.key(), Optional.of(lock), connected.shardOf(lock.key())))
                            .toList());
            document.put("more", more);
            out.println(Json.write(document));
        } else if (locks.isEmpty()) {
            out.println("no locks are held" + (pattern.equals("*") ? "" : " that match " + Messages.shown(pattern)));
        } else {
            out.print(LockText.table(locks, connected::shardOf));
        }
        out.flush();
        if (more && !json) {
            Failures.tell(commandLine, "there are more than " + limit + "; use --limit to see them");
        }
    }
}
