package io.distributedmutex.cli;

import io.distributedmutex.Lease;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A command that runs as long as a lease is held. It has our standard streams. Signals that we get are sent on to it, and
 * we live on until it has ended. When the lease is lost it gets SIGTERM, and after a grace SIGKILL.
 */
final class GuardedCommand {

    /** Java 17 says {@code error=2,}, Java 25 says {@code error: 2 (}. */
    private static final Pattern ERROR_NUMBER = Pattern.compile("error(?:=|: )(\\d+)");

    private static final String NO_SUCH_FILE = "2";

    private final List<String> command;
    private final Map<String, String> environment;
    private final Duration grace;
    private final Consumer<String> tell;

    /** Signals that came before the command was there. Guarded by this. */
    private final List<String> early = new ArrayList<>();

    /** Guarded by this. */
    private @Nullable Process process;

    private boolean ending;

    /**
     * Prepares a command.
     *
     * @param command the program and its arguments
     * @param environment what it has in its environment beside what we have and the fencing token
     * @param grace how long after SIGTERM SIGKILL follows
     * @param tell what the user is told
     */
    GuardedCommand(List<String> command, Map<String, String> environment, Duration grace, Consumer<String> tell) {
        this.command = command;
        this.environment = environment;
        this.grace = grace;
        this.tell = tell;
    }

    /**
     * Runs the command to its end.
     *
     * @param lease what it needs
     * @return its exit code, 128 + n if signal n ended it; 126 or 127 if it could not be started
     */
    int run(Lease lease) throws InterruptedException {
        // Before the command starts, so that no signal can end us and leave it alone.
        try (Signals signals = Signals.receive(this::send, "INT", "TERM", "HUP")) {
            Process started;
            try {
                started = start(lease);
            } catch (IOException e) {
                return notStarted(e);
            }
            if (started == null) {
                return ExitCodes.INTERRUPTED;
            }
            lease.onLost(lost -> leaseLost(started, lost));
            return started.waitFor();
        }
    }

    /** Starts the command unless we are ending, and sends on what came meanwhile. */
    private synchronized @Nullable Process start(Lease lease) throws IOException {
        if (ending) {
            return null;
        }
        ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
        builder.environment().putAll(environment);
        builder.environment().put("DMUTEX_FENCING_TOKEN", Long.toString(lease.fencingToken()));
        Process started = builder.start();
        process = started;
        early.forEach(signal -> send(started, signal));
        return started;
    }

    /** Ends the command, or keeps it from being started: our process is going to end. Waits for the end. */
    void end() {
        Process running;
        synchronized (this) {
            ending = true;
            running = process;
        }
        if (running != null) {
            end(running);
        }
    }

    private int notStarted(IOException failure) {
        Matcher number = ERROR_NUMBER.matcher(String.valueOf(failure.getMessage()));
        boolean missing = number.find() && number.group(1).equals(NO_SUCH_FILE);
        tell.accept(command.get(0) + ": command not " + (missing ? "found" : "executable") + ": "
                + Texts.shown(String.valueOf(failure.getMessage())));
        return missing ? ExitCodes.NOT_FOUND : ExitCodes.NOT_EXECUTABLE;
    }

    /** Runs on a thread of the JVM. */
    private synchronized void send(String signal) {
        if (process == null) {
            early.add(signal);
        } else {
            send(process, signal);
        }
    }

    private static void send(Process process, String signal) {
        if (signal.equals("INT") && isOfForegroundGroup()) {
            return; // The terminal has sent Ctrl-C to all of its foreground group, the command included.
        }
        if (signal.equals("TERM")) {
            process.destroy();
            return;
        }
        try {
            new ProcessBuilder("sh", "-c", "kill -" + signal + " " + process.pid())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            process.destroy();
        }
    }

    /** Whether Ctrl-C on our terminal reaches us and our children; known on Linux, elsewhere taken for no. */
    private static boolean isOfForegroundGroup() {
        try {
            // proc(5): after the name in brackets follow state, ppid, pgrp, session, tty_nr, tpgid
            String status = Files.readString(Path.of("/proc/self/stat"));
            String[] fields = status.substring(status.lastIndexOf(')') + 2).split(" ", 7);
            return fields[2].equals(fields[5]);
        } catch (IOException | RuntimeException e) {
            return false;
        }
    }

    /** Runs on a callback thread of the library, which may block. */
    private void leaseLost(Process running, Lease lost) {
        if (!running.isAlive()) {
            return; // It was the release that found out; the caller tells.
        }
        tell.accept("lost the lease on '" + Texts.shown(lost.key()) + "'"
                + lost.lossReason().map(reason -> " (" + reason + ")").orElse("")
                + ": the command gets SIGTERM, and SIGKILL after " + Durations.format(grace));
        end(running);
    }

    private void end(Process running) {
        running.destroy();
        try {
            if (!running.waitFor(grace.toMillis(), TimeUnit.MILLISECONDS)) {
                // Its children first: once it is dead they could not be found any more.
                running.descendants().forEach(ProcessHandle::destroyForcibly);
                running.destroyForcibly();
            }
        } catch (InterruptedException e) {
            running.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
