package io.distributedmutex.verification.fuzz;

import io.distributedmutex.cli.Main;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.Method;
import picocli.CommandLine;

/** Runs {@code dmutex} in this process. */
final class Tool {

    /** How a run ended. */
    record Result(int exitCode, String out, String err) {}

    private Tool() {}

    static Result run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exitCode = commandLine(new PrintWriter(out), new PrintWriter(err)).execute(arguments);
        return new Result(exitCode, out.toString(), err.toString());
    }

    /** The tool keeps this to its own package: for users, its main method ends the process. */
    private static CommandLine commandLine(PrintWriter out, PrintWriter err) {
        try {
            Method method = Main.class.getDeclaredMethod("commandLine", PrintWriter.class, PrintWriter.class);
            method.setAccessible(true);
            return (CommandLine) method.invoke(null, out, err);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }
}
