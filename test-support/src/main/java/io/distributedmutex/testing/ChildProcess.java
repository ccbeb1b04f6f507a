package io.distributedmutex.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A process of a test, on this class path, that takes commands on standard input and answers on standard output, line by line.
 * An answer begins with a word that says what it is.
 */
public final class ChildProcess implements AutoCloseable {

    private static final long END_SECONDS = 10;

    /** After the last line. */
    private static final String ENDED = "-";

    private final Process process;
    private final PrintStream input;
    private final LinkedBlockingQueue<String> lines = new LinkedBlockingQueue<>();

    private ChildProcess(Process process) {
        this.process = process;
        this.input = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
        Thread reader = new Thread(this::read, "child-" + process.pid());
        reader.setDaemon(true);
        reader.start();
    }

    /** Starts a main class. Waits for nothing. */
    public static ChildProcess start(Class<?> main, String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dtest.log.level=ERROR",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
        command.addAll(List.of(arguments));
        try {
            return new ChildProcess(new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Gives it a command, and waits for nothing. */
    public void tell(String command) {
        input.println(command);
    }

    /** Gives it a command, and returns the words of its next line, which must begin with a word. */
    public String[] ask(String command, String word) {
        tell(command);
        return expectNext(word);
    }

    /** Waits for its next line, which must begin with a word, and returns the words of it. */
    public String[] expectNext(String word) {
        String line = next(word, deadline());
        if (!line.startsWith(word)) {
            throw new AssertionError("'" + line + "' and not '" + word + "' from process " + process.pid());
        }
        return line.split(" ");
    }

    /** Waits for its next line, and returns the words of it. */
    public String[] expectNext() {
        return next("line", deadline()).split(" ");
    }

    /** Its next line's words, if it has printed one by the end of a time that may be short. */
    public Optional<String[]> nextWithin(Duration patience) {
        try {
            String line = lines.poll(patience.toNanos(), TimeUnit.NANOSECONDS);
            if (ENDED.equals(line)) {
                throw new AssertionError("process " + process.pid() + " ended");
            }
            return Optional.ofNullable(line).map(text -> text.split(" "));
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Waits for the line that begins with a word, and returns the words of it. Lines before it are dropped. */
    public String[] expect(String word) {
        return collectUntil(word, new ArrayList<>());
    }

    /** The same, and keeps the lines before it. */
    public String[] collectUntil(String word, List<String> before) {
        long deadline = deadline();
        while (true) {
            String line = next(word, deadline);
            if (line.startsWith(word)) {
                return line.split(" ");
            }
            before.add(line);
        }
    }

    private static long deadline() {
        return System.nanoTime() + Await.BOUND.toNanos();
    }

    private String next(String expected, long deadline) {
        try {
            String line = lines.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (line == null) {
                throw new AssertionError(
                        "no '" + expected + "' within " + Await.BOUND.toSeconds() + " s from process " + process.pid());
            }
            if (line.equals(ENDED)) {
                throw new AssertionError("process " + process.pid() + " ended without '" + expected + "'");
            }
            return line;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Whether every line that it has printed was taken. */
    public boolean isSilent() {
        return lines.isEmpty();
    }

    /** Kill -9. */
    public void kill() {
        process.destroyForcibly();
    }

    /** Sends a signal, by its name without SIG. */
    public void signal(String name) {
        try {
            int code = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                    .start()
                    .waitFor();
            if (code != 0) {
                throw new AssertionError("kill -" + name + " failed with " + code);
            }
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
                throw new AssertionError("process " + process.pid() + " does not end");
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private void read() {
        try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                lines.add(line);
            }
        } catch (IOException e) {
            // It was killed.
        }
        lines.add(ENDED);
    }
}
