package io.distributedmutex.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
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
        // Keys are UTF-8 in Redis, whatever the locale.
        PrintWriter out = utf8(FileDescriptor.out);
        PrintWriter err = utf8(FileDescriptor.err);
        int exitCode = commandLine(out, err).execute(arguments);
        out.flush();
        err.flush();
        System.exit(exitCode);
    }

    /** The tool with its streams; a test gives its own. */
    static CommandLine commandLine(PrintWriter out, PrintWriter err) {
        Failures failures = new Failures();
        return new CommandLine(new DmutexCommand())
                .setOut(out)
                .setErr(err)
                .setUsageHelpWidth(100)
                // "curl -d @file" is the command's own business.
                .setExpandAtFiles(false)
                .setParameterExceptionHandler(failures)
                .setExecutionExceptionHandler(failures);
    }

    private static PrintWriter utf8(FileDescriptor descriptor) {
        return new PrintWriter(new FileOutputStream(descriptor), false, StandardCharsets.UTF_8);
    }
}
