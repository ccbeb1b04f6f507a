package io.distributedmutex.cli;

import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.ToolVersion;
import io.distributedmutex.cli.exec.ExecCommand;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** The tool itself. Without a command it prints its usage. */
@Command(
        name = "dmutex",
        mixinStandardHelpOptions = true,
        versionProvider = ToolVersion.class,
        synopsisSubcommandLabel = "COMMAND",
        description = {
            "Take turns across processes and machines: a distributed lock on the Redis that you already run.",
            "",
            "A lock is held for a lease: it ends by itself, so that a holder that dies blocks nobody for long."
        },
        commandListHeading = "%nCommands:%n",
        subcommands = {
            ExecCommand.class,
            InspectCommand.class,
            ListCommand.class,
            ReleaseCommand.class,
            CompletionCommand.class,
            HelpCommand.class
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  dmutex exec report:daily -- ./report.sh      run a script on one machine at a time",
            "  dmutex inspect report:daily                  who holds the lock, and for how long still",
            "  dmutex list 'report:*' --json                all held locks of a pattern, for jq",
            "",
            "Redis is found by --redis URI or the environment variable REDIS_URL.",
            "Every command explains itself: dmutex exec --help"
        })
final class DmutexCommand implements Callable<Integer> {

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() {
        if (spec != null) {
            spec.commandLine().usage(spec.commandLine().getErr());
        }
        return ExitCodes.USAGE;
    }
}
