package io.distributedmutex.redis.takeover;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A process of a test's, such as a {@link LockProcess}, as the test sees it. */
final class Child implements AutoCloseable {

    private static final long BOUND_SECONDS = 40;

    /** After the last line. */
    private static final String ENDED = "-";

    private final Process process;
    private final PrintStream input;
    private final LinkedBlockingQueue<String> lines = new LinkedBlockingQueue<>();

    private Child(Process process) {
        this.process = process;
        this.input = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
        Thread reader = new Thread(this::read, "child-" + process.pid());
        reader.setDaemon(true);
        reader.start();
    }

    static Child start(String uri) {
        return startAll(uri, 1).get(0);
    }

    /** Starts so many at a time. */
    static List<Child> startAll(String uri, int number) {
        return startAll(LockProcess.class, uri, number);
    }

    /** The same with another main class, which takes the URI and further arguments. */
    static List<Child> startAll(Class<?> main, String uri, int number, String... arguments) {
        List<Child> children =
                Stream.generate(() -> begin(main, uri, arguments)).limit(number).toList();
        children.forEach(child -> child.expect("ready"));
        return children;
    }

    private static Child begin(Class<?> main, String uri, String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dtest.log.level=ERROR",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName(),
                uri));
        command.addAll(List.of(arguments));
        try {
            return new Child(new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void tell(String command) {
        input.println(command);
    }

    /** The words of the next line. */
    String[] next() {
        String[] words = nextWithin(Duration.ofSeconds(BOUND_SECONDS));
        if (words == null) {
            throw new AssertionError("no line within " + BOUND_SECONDS + " s");
        }
        return words;
    }

    /** The words of the next line; null if there is none in time. */
    String[] nextWithin(Duration patience) {
        try {
            String line = lines.poll(patience.toNanos(), TimeUnit.NANOSECONDS);
            if (ENDED.equals(line)) {
                throw new AssertionError("process " + process.pid() + " ended");
            }
            return line == null ? null : line.split(" ");
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Waits for the line that begins with a word, and returns its words. Lines before it are dropped. */
    String[] expect(String word) {
        return collectUntil(word, new ArrayList<>());
    }

    /** The same, and keeps the lines before it. */
    String[] collectUntil(String word, List<String> before) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(BOUND_SECONDS);
        try {
            while (true) {
                String line = lines.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
                if (line == null) {
                    throw new AssertionError("no '" + word + "' within " + BOUND_SECONDS + " s");
                }
                if (line.equals(ENDED)) {
                    throw new AssertionError("process " + process.pid() + " ended without '" + word + "'");
                }
                if (line.startsWith(word)) {
                    return line.split(" ");
                }
                before.add(line);
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    boolean isSilent() {
        return lines.isEmpty();
    }

    /** Kill -9. */
    void kill() {
        process.destroyForcibly();
    }

    /** SIGSTOP or SIGCONT, by name without SIG. */
    void signal(String name) {
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
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                throw new AssertionError("process " + process.pid() + " does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
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
