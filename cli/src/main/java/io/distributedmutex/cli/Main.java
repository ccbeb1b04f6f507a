package io.distributedmutex.cli;

import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.Failures;
import io.distributedmutex.cli.console.StandardOutput;
import io.distributedmutex.cli.console.StandardStreams;
import io.distributedmutex.cli.console.StoreOptions;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.BiFunction;
import picocli.CommandLine;

/** The entry of the {@code dmutex} tool. */
public final class Main {

    private Main() {}

    /**
     * Runs the tool and ends the process with its exit code.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        run(Main::commandLine, arguments);
    }

    /**
     * Runs a tool and ends the process with its exit code.
     *
     * @param tool makes the tool with its standard output and standard error
     * @param arguments the command line
     */
    public static void run(BiFunction<PrintWriter, PrintWriter, CommandLine> tool, String[] arguments) {
        StandardStreams.claim();
        StandardOutput output = new StandardOutput(new FileOutputStream(FileDescriptor.out));
        PrintWriter out = utf8(output);
        PrintWriter err = utf8(new FileOutputStream(FileDescriptor.err));
        CommandLine commandLine = tool.apply(out, err);
        int exitCode = commandLine.execute(arguments);
        out.flush();
        err.flush();
        System.exit(output.failure() == null ? exitCode : lost(output.failure(), exitCode, commandLine));
    }

    /**
     * Makes the tool.
     *
     * @param out its standard output
     * @param err its standard error
     * @return the tool, to be executed
     */
    public static CommandLine commandLine(PrintWriter out, PrintWriter err) {
        return commandLine(out, err, List.of());
    }

    /**
     * Makes the tool with more commands.
     *
     * @param out its standard output
     * @param err its standard error
     * @param more the commands
     * @return the tool, to be executed
     */
    public static CommandLine commandLine(PrintWriter out, PrintWriter err, List<Object> more) {
        CommandLine tool = new CommandLine(new DmutexCommand());
        more.forEach(tool::addSubcommand);
        StoreOptions.hideWhatIsMissing(tool);
        Failures failures = new Failures();
        return tool.setOut(out)
                .setErr(err)
                .setUsageHelpWidth(100)
                // "curl -d @file" is the command's own business.
                .setExpandAtFiles(false)
                .setParameterExceptionHandler(failures)
                .setExecutionExceptionHandler(failures);
    }

    /** Somebody has not got what we have to say. */
    private static int lost(IOException failure, int exitCode, CommandLine commandLine) {
        String message = String.valueOf(failure.getMessage());
        if (message.contains("Broken pipe")) {
            return ExitCodes.PIPE_CLOSED; // "dmutex list | head -1" has seen enough.
        }
        Failures.tell(commandLine, "standard output cannot be written: " + message);
        return exitCode == ExitCodes.OK || exitCode == ExitCodes.NO ? ExitCodes.OUTPUT_LOST : exitCode;
    }

    /** Keys are UTF-8 in Redis, whatever the locale. */
    private static PrintWriter utf8(OutputStream stream) {
        return new PrintWriter(stream, false, StandardCharsets.UTF_8);
    }
}
