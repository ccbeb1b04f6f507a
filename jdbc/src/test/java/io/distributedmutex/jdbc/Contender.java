package io.distributedmutex.jdbc;

import io.distributedmutex.testing.Await;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A {@link ContenderProcess} as the test sees it. */
final class Contender implements AutoCloseable {

    /** After the last line. */
    private static final String ENDED = "-";

    private final Process process;
    private final PrintStream input;
    private final LinkedBlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final long session;

    Contender(String redisUri, Database database) throws IOException {
        process = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx128m",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Dtest.log.level=ERROR",
                        "-cp",
                        System.getProperty("java.class.path"),
                        ContenderProcess.class.getName(),
                        redisUri,
                        database.url(),
                        database.user(),
                        database.sessionQuery()))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        input = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
        Thread reader = new Thread(this::read, "contender-" + process.pid());
        reader.setDaemon(true);
        reader.start();
        session = Long.parseLong(expect("ready")[1]);
    }

    /** Its session in the database. */
    long session() {
        return session;
    }

    /** Tells it what to do, and returns the words of its answer, which must begin with a word. */
    String[] tell(String command, String answer) {
        begin(command);
        return expect(answer);
    }

    void begin(String command) {
        input.println(command);
    }

    boolean isSilent() {
        return lines.isEmpty();
    }

    String[] expect(String word) {
        try {
            String line = lines.poll(Await.BOUND.toSeconds(), TimeUnit.SECONDS);
            if (line == null || !line.startsWith(word)) {
                throw new AssertionError("'" + line + "' and not '" + word + "' from process " + process.pid());
            }
            return line.split(" ");
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
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
