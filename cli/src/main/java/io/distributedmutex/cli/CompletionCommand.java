package io.distributedmutex.cli;

import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.ToolVersion;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Prints what makes a shell complete our commands and options. */
@Command(
        name = "completion",
        mixinStandardHelpOptions = true,
        versionProvider = ToolVersion.class,
        description = "Print a script that makes bash or zsh complete dmutex's commands and options.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  source <(dmutex completion)                  for this shell (put it into ~/.bashrc for all)",
            "  dmutex completion > /etc/bash_completion.d/dmutex"
        })
final class CompletionCommand implements Callable<Integer> {

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() {
        if (spec != null) {
            CommandLine root = spec.root().commandLine();
            root.getOut().print(AutoComplete.bash("dmutex", root));
            root.getOut().flush();
        }
        return ExitCodes.OK;
    }
}
