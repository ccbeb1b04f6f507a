package io.distributedmutex.verification.fuzz;

import io.distributedmutex.cli.Main;
import io.distributedmutex.testing.CommandLineTool;

/** Runs {@code dmutex} in this process. */
final class Tool {

    private static final CommandLineTool TOOL = new CommandLineTool(
            Main.class, (out, err, arguments) -> Main.commandLine(out, err).execute(arguments));

    private Tool() {}

    static CommandLineTool.Result run(String... arguments) {
        return TOOL.run(arguments);
    }
}
