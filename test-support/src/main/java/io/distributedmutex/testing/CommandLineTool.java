package io.distributedmutex.testing;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Runs a command-line tool: in this process, or as the process that users start.
 *
 * @param main the class whose main method is the tool's
 * @param inProcess runs the tool here
 */
public record CommandLineTool(Class<?> main, InProcess inProcess) {

    /** Runs a tool in this process. */
    @FunctionalInterface
    public interface InProcess {

        /** Runs it, and returns its exit code. */
        int run(PrintWriter out, PrintWriter err, String... arguments);
    }

    /** How a run ended. */
    public record Result(int exitCode, String out, String err) {}

    private static final long BOUND_SECONDS = 90;

    /** Runs it in this process. */
    public Result run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exitCode = inProcess.run(new PrintWriter(out), new PrintWriter(err), arguments);
        return new Result(exitCode, out.toString(), err.toString());
    }

    /** Whether a process lives. */
    public static boolean isRunning(long pid) {
        return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }

    /** The tool as a process of its own, with its output in files. */
    public static final class Running implements AutoCloseable {

        private final Process process;
        private final Path out;
        private final Path err;

        private Running(Process process, Path out, Path err) {
            this.process = process;
            this.out = out;
            this.err = err;
        }

        public Process process() {
            return process;
        }

        public String out() {
            return read(out);
        }

        public String err() {
            return read(err);
        }

        /** Waits until a text was printed. */
        public void awaitOut(String text) {
            Await.until(() -> "'" + text + "' in: " + out() + err(), () -> {
                if (!process.isAlive() && !out().contains(text)) {
                    throw new AssertionError("ended with " + process.exitValue() + ": " + out() + err());
                }
                return out().contains(text);
            });
        }

        public void awaitErr(String text) {
            Await.until(() -> "'" + text + "' in: " + err(), () -> err().contains(text));
        }

        public Result end() throws InterruptedException {
            return end(BOUND_SECONDS);
        }

        public Result end(long boundSeconds) throws InterruptedException {
            if (!process.waitFor(boundSeconds, TimeUnit.SECONDS)) {
                throw new AssertionError("has not ended within " + boundSeconds + " s: " + out() + err());
            }
            return new Result(process.exitValue(), out(), err());
        }

        /** What a shell's kill does. */
        public void signal(String name) throws IOException, InterruptedException {
            Process kill = new ProcessBuilder("sh", "-c", "kill -" + name + " " + process.pid()).start();
            if (kill.waitFor() != 0) {
                throw new AssertionError("could not send SIG" + name);
            }
        }

        @Override
        public void close() {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }

        private static String read(Path file) {
            try {
                return Files.readString(file);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }
    }

    /** Starts it as a process. */
    public Running start(Path directory, String... arguments) throws IOException {
        return start(directory, Map.of(), arguments);
    }

    /** Starts it as a process. */
    public Running start(Path directory, Map<String, String> environment, String... arguments) throws IOException {
        return startCommand(directory, environment, command(arguments));
    }

    /** The tool's command line, for a shell to do something with. */
    public List<String> command(String... arguments) {
        // Where the tests run in the background of a script, SIGINT is ignored, and children inherit that.
        List<String> command = new ArrayList<>(List.of(
                "/usr/bin/env",
                "--default-signal=INT,HUP,TERM",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                classPath(),
                main.getName()));
        command.addAll(List.of(arguments));
        return command;
    }

    /** The tool within a shell script, in which it is {@code "$@"}. */
    public Running startInShell(Path directory, String script, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("sh", "-c", script, "sh"));
        command.addAll(command(arguments));
        return startCommand(directory, Map.of(), command);
    }

    private static Running startCommand(Path directory, Map<String, String> environment, List<String> command)
            throws IOException {
        Path out = Files.createTempFile(directory, "tool", ".out");
        Path err = Files.createTempFile(directory, "tool", ".err");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
        builder.environment().remove("REDIS_URL");
        builder.environment().put("LC_ALL", "C.UTF-8");
        builder.environment().putAll(environment);
        return new Running(builder.start(), out, err);
    }

    /** The tests log by Logback, the tool by what stands beside slf4j-api in the local repository. */
    private static String classPath() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !entry.contains("logback"))
                .flatMap(entry -> entry.contains("slf4j-api")
                        ? Stream.of(entry, entry.replace("slf4j-api", "slf4j-simple"))
                        : Stream.of(entry))
                .collect(Collectors.joining(File.pathSeparator));
    }
}
