package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.internal.UninterruptedWait;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * One operating system process of a server, and the signals that a test may send it. Thread-safe.
 *
 * <p>A server must not outlive its JVM. An ordinary exit is covered by {@link ExitCleanup}. A JVM that is itself killed
 * with SIGKILL runs no hook; for that case, on Linux, the server is started through {@code setpriv --pdeathsig KILL}
 * (util-linux 2.33 or newer, used only if a trial run succeeds), which asks the kernel to kill the server when its
 * parent dies, and then becomes the server, under the same process id. The kernel means the parent <em>thread</em>
 * (prctl(2), PR_SET_PDEATHSIG), so every server is started by one thread that lives as long as the JVM; a server
 * started by a test's own thread would be killed at the end of that thread. Elsewhere such a server is left behind.
 */
final class RedisProcess {

    private static final Duration LAUNCH_BOUND = Duration.ofSeconds(10);
    private static final Duration SIGNAL_BOUND = Duration.ofSeconds(10);
    private static final long STATE_POLL_MILLIS = 1;
    private static final ThreadPoolExecutor LAUNCHER = new ThreadPoolExecutor(
            1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), RedisProcess::launcherThread);

    private final Process process;

    private RedisProcess(Process process) {
        this.process = process;
    }

    /**
     * Starts the command in the folder; its output is appended to the file. Returns when the process exists, which says
     * nothing yet about how it fares.
     *
     * @throws EmbeddedRedisException if no process can be made, or not within 10 s. One that is made after all once the
     *     10 s are over belongs to nobody, and ends with the JVM.
     */
    static RedisProcess launch(List<String> command, Path folder, Path output) {
        try {
            return CompletableFuture.supplyAsync(() -> spawn(command, folder, output), LAUNCHER)
                    .orTimeout(LAUNCH_BOUND.toMillis(), TimeUnit.MILLISECONDS)
                    .join();
        } catch (CompletionException failure) {
            throw new EmbeddedRedisException("cannot run " + command.get(0) + ": " + failure.getCause(), failure);
        }
    }

    private static RedisProcess spawn(List<String> command, Path folder, Path output) {
        List<String> guarded = new ArrayList<>(Guard.PREFIX);
        guarded.addAll(command);
        try {
            Process started = new ProcessBuilder(guarded)
                    .directory(folder.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(output.toFile()))
                    .start();
            ExitCleanup.watch(started);
            return new RedisProcess(started);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    long pid() {
        return process.pid();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Waits for the process to end, up to the bound, and returns whether it has ended. */
    boolean awaitExit(Duration bound) throws InterruptedException {
        return process.waitFor(bound.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** Returns the exit code of a process that has ended; 128 more than the signal for one that was killed. */
    int exitCode() {
        return process.exitValue();
    }

    /** Asks the process to end (SIGTERM) and returns whether it did within the bound. */
    boolean terminate(Duration bound) {
        process.destroy();
        return hasEnded(bound);
    }

    /** Kills the process (SIGKILL), paused or not, and waits until it is dead; nothing happens if it is. */
    void kill() {
        process.destroyForcibly();
        if (!hasEnded(SIGNAL_BOUND)) {
            throw new EmbeddedRedisException(
                    "process " + pid() + " is still there " + SIGNAL_BOUND.toMillis() + " ms after SIGKILL");
        }
    }

    /** Stops the process (SIGSTOP) and, where /proc tells, waits until it stands still. */
    void pause() {
        signal("STOP");
        awaitStopped(true);
    }

    /** Lets a stopped process continue (SIGCONT) and, where /proc tells, waits until it does. */
    void resume() {
        signal("CONT");
        awaitStopped(false);
    }

    private boolean hasEnded(Duration bound) {
        return UninterruptedWait.atMost(bound, nanos -> process.waitFor(nanos, TimeUnit.NANOSECONDS));
    }

    /** Sends the signal by the shell's own kill, since /bin/kill is missing on slim images. */
    private void signal(String name) {
        if (File.separatorChar == '\\') {
            throw new UnsupportedOperationException("a process cannot be paused or resumed on Windows");
        }
        try {
            Process kill = new ProcessBuilder("sh", "-c", "kill -" + name + " " + pid())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            boolean ended = UninterruptedWait.atMost(SIGNAL_BOUND, nanos -> kill.waitFor(nanos, TimeUnit.NANOSECONDS));
            if (!ended || kill.exitValue() != 0) {
                kill.destroyForcibly();
                throw new EmbeddedRedisException("SIG" + name + " could not be sent to process " + pid());
            }
        } catch (IOException failure) {
            throw new EmbeddedRedisException("SIG" + name + " could not be sent to process " + pid(), failure);
        }
    }

    private void awaitStopped(boolean wanted) {
        boolean reached = UninterruptedWait.atMost(SIGNAL_BOUND, nanos -> {
            long deadline = System.nanoTime() + nanos;
            while (process.isAlive() && isStopped().orElse(wanted) != wanted) {
                if (System.nanoTime() - deadline >= 0) {
                    return false;
                }
                TimeUnit.MILLISECONDS.sleep(STATE_POLL_MILLIS);
            }
            return true;
        });
        if (!reached) {
            throw new EmbeddedRedisException("process " + pid() + " did not " + (wanted ? "stop" : "continue")
                    + " within " + SIGNAL_BOUND.toMillis() + " ms of the signal");
        }
    }

    /**
     * Reads the state in /proc/PID/stat, the field after the parenthesised name (proc(5)); empty where there is none.
     */
    private Optional<Boolean> isStopped() {
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid()), "stat"));
            return Optional.of(stat.startsWith(") T", stat.lastIndexOf(')')));
        } catch (IOException absent) {
            return Optional.empty();
        }
    }

    private static Thread launcherThread(Runnable work) {
        Thread thread = new Thread(work, "dmutex-testkit-launcher");
        thread.setDaemon(true);
        thread.setContextClassLoader(null);
        return thread;
    }

    /** Finds out, once, whether setpriv can be used. Initialised on the launcher's thread. */
    private static final class Guard {

        static final List<String> PREFIX = works(List.of("setpriv", "--pdeathsig", "KILL"));

        private static List<String> works(List<String> prefix) {
            if (!System.getProperty("os.name", "").startsWith("Linux")) {
                return List.of();
            }
            List<String> trial = new ArrayList<>(prefix);
            trial.add("true");
            try {
                Process process = new ProcessBuilder(trial)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
                boolean ended =
                        UninterruptedWait.atMost(SIGNAL_BOUND, nanos -> process.waitFor(nanos, TimeUnit.NANOSECONDS));
                process.destroyForcibly();
                return ended && process.exitValue() == 0 ? prefix : List.of();
            } catch (IOException absent) {
                return List.of();
            }
        }
    }
}
