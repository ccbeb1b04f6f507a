package io.distributedmutex.cli;

import io.distributedmutex.cli.DemoEvent.Kind;
import io.distributedmutex.cli.StoreOptions.Server;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** A worker's process, as the demo sees it. */
final class DemoWorkerProcess {

    /** A worker needs little; four of them and a build share two cores on many a machine. */
    private static final List<String> JAVA_FLAGS =
            List.of("-Xmx64m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto");

    private final int id;
    private final Process process;
    private final Thread reader;
    private volatile boolean killed;

    private DemoWorkerProcess(int id, Process process, Thread reader) {
        this.id = id;
        this.process = process;
        this.reader = reader;
    }

    /**
     * Starts a worker; it does nothing until it is told to.
     *
     * @param id its number
     * @param server the server, with the prefix of the demo
     * @param directory the shared files, and the worker's log
     * @param settings what the user wants
     * @param events hears what the worker tells; thread-safe
     */
    static DemoWorkerProcess start(
            int id, Server server, Path directory, DemoSettings settings, Consumer<DemoEvent> events)
            throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(JAVA_FLAGS);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName(), "demo-worker"));
        command.addAll(List.of("--id", Integer.toString(id)));
        command.addAll(List.of("--directory", directory.toString()));
        command.addAll(List.of("--seed", Long.toString(settings.seed() + id)));
        command.add("--prefix=" + server.prefix());
        command.addAll(List.of("--timeout", server.timeout().toString()));
        if (settings.withoutLock()) {
            command.add("--without-lock");
        }
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectError(directory.resolve("worker-" + id + ".log").toFile());
        // Not on the command line, where others could see the password.
        builder.environment().put(StoreOptions.REDIS_URL, server.uri());
        Process process = builder.start();
        Thread reader = new Thread(() -> read(id, process, events), "demo-worker-" + id);
        reader.setDaemon(true);
        reader.start();
        return new DemoWorkerProcess(id, process, reader);
    }

    private static void read(int id, Process process, Consumer<DemoEvent> events) {
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                DemoEvent event = DemoEvent.parse(id, line);
                if (event != null) {
                    events.accept(event);
                }
            }
        } catch (IOException | UncheckedIOException e) {
            // It was killed in the middle of a line.
            return;
        }
    }

    int id() {
        return id;
    }

    long pid() {
        return process.pid();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    boolean wasKilled() {
        return killed;
    }

    int exitCode() {
        return process.exitValue();
    }

    /** Gives an order. A worker that is dead does not hear it. */
    void tell(String order) {
        try {
            OutputStream orders = process.getOutputStream();
            orders.write((order + "\n").getBytes(StandardCharsets.US_ASCII));
            orders.flush();
        } catch (IOException e) {
            // It has ended, which whoever waits for its events will see.
            return;
        }
    }

    /** kill -9, as far as the events go at this moment. */
    DemoEvent kill() {
        killed = true;
        DemoEvent event = DemoEvent.now(id, Kind.KILLED, "", 0, process.pid());
        process.destroyForcibly();
        return event;
    }

    /** Waits for the end of the process and of what it told. */
    boolean awaitEnd(long millis) throws InterruptedException {
        if (!process.waitFor(millis, TimeUnit.MILLISECONDS)) {
            return false;
        }
        reader.join(millis);
        return true;
    }

    /** Ends the process in any case. */
    void destroy() {
        process.destroyForcibly();
    }
}
