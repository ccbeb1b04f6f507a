package io.distributedmutex.lab.process;

import io.distributedmutex.cli.console.StoreOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A worker's process, as the process that started it sees it. */
public final class WorkerProcess {

    /** A worker needs little; four of them and a build share two cores on many a machine. */
    private static final List<String> JAVA_FLAGS =
            List.of("-Xmx64m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto");

    /** How long the end of a destroyed process is waited for. */
    public static final long DESTROY_MILLIS = 5_000;

    private final int id;
    private final Process process;
    private final Thread reader;
    private volatile boolean killed;

    private WorkerProcess(int id, Process process, Thread reader) {
        this.id = id;
        this.process = process;
        this.reader = reader;
    }

    /**
     * Starts a worker; it does nothing until it gets an order.
     *
     * @param id its number
     * @param program what the process runs
     * @param arguments its options
     * @param uri where Redis is; not on the command line, where others could see the password
     * @param log where its standard error goes
     * @param lines hears each line that the worker prints, on a thread of its own
     */
    public static WorkerProcess start(
            int id, Class<?> program, List<String> arguments, String uri, Path log, Consumer<String> lines)
            throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(JAVA_FLAGS);
        command.addAll(javaOptions(System.getenv("DMUTEX_JAVA_OPTS"))); // Last: they win.
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), program.getName()));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(log.toFile());
        builder.environment().put(StoreOptions.REDIS_URL, uri);
        Process process = builder.start();
        Thread reader = new Thread(() -> read(process, lines), "worker-" + id);
        reader.setDaemon(true);
        reader.start();
        return new WorkerProcess(id, process, reader);
    }

    /** What the user wants Java to be started with; the script that starts us takes it too. */
    static List<String> javaOptions(@Nullable String flags) {
        return flags == null
                ? List.of()
                : Arrays.stream(flags.split("\\s+", -1))
                        .filter(flag -> !flag.isEmpty())
                        .toList();
    }

    private static void read(Process process, Consumer<String> heard) {
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                heard.accept(line);
            }
        } catch (IOException | UncheckedIOException e) {
            // It was killed in the middle of a line.
            return;
        }
    }

    public int id() {
        return id;
    }

    public long pid() {
        return process.pid();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    public boolean wasKilled() {
        return killed;
    }

    public int exitCode() {
        return process.exitValue();
    }

    /** Gives an order. A worker that is dead does not hear it. */
    public void tell(String order) {
        try {
            OutputStream orders = process.getOutputStream();
            orders.write((order + "\n").getBytes(StandardCharsets.US_ASCII));
            orders.flush();
        } catch (IOException e) {
            // It has ended; the reader of its events will see that.
            return;
        }
    }

    /** kill -9. */
    public void kill() {
        killed = true;
        process.destroyForcibly();
    }

    /** Sends a signal of the operating system, by its name without SIG. */
    public void signal(String name) throws IOException, InterruptedException {
        // By the shell's own kill, since /bin/kill is missing on slim images.
        Process kill = new ProcessBuilder("sh", "-c", "kill -" + name + " " + process.pid())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        if (kill.waitFor() != 0 && process.isAlive()) {
            throw new IOException("SIG" + name + " could not be sent to process " + process.pid());
        }
    }

    /** Waits for the end of the process and of its events. */
    public boolean awaitEnd(long millis) throws InterruptedException {
        if (!process.waitFor(millis, TimeUnit.MILLISECONDS)) {
            return false;
        }
        reader.join(millis);
        return true;
    }

    /** Ends the process in any case. */
    public void destroy() {
        process.destroyForcibly();
    }

    /** Ends all in any case, and waits for each for 5 s at most, interrupted or not (the flag is kept). */
    public static void destroyAll(List<WorkerProcess> workers) {
        workers.forEach(WorkerProcess::destroy);
        boolean interrupted = false;
        for (WorkerProcess worker : workers) {
            try {
                worker.awaitEnd(DESTROY_MILLIS);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
