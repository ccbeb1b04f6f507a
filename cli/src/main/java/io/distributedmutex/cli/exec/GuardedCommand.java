package io.distributedmutex.cli.exec;

import io.distributedmutex.Lease;
import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.StandardStreams;
import io.distributedmutex.spi.Messages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A command that runs while a lease is held, with all processes that it starts. It has our standard streams and a session of
 * its own. Signals that we get go to every process of that session, and we end after the last of them. When the lease is lost
 * they get SIGTERM, and SIGKILL after a grace.
 *
 * <p>In the foreground, or on a system that cannot start a session, the command stays in our session and process group, and so
 * keeps the terminal. Then its processes are its descendants.
 */
final class GuardedCommand {

    /**
     * What people send to a program. All of them would end us, and leave the command without a lock. Java keeps SIGQUIT
     * for itself; others it, or a profiler, may use inside.
     */
    private static final List<String> PASSED_ON = List.of("HUP", "INT", "TERM", "USR1", "ALRM");

    /** That too, unless Java's flight recorder needs it, which sends it to threads of ours. */
    private static final String NOT_WHILE_RECORDED = "USR2";

    /** What a terminal sends to its own session alone, beside SIGINT and SIGQUIT. */
    private static final List<String> OF_TERMINAL = List.of("TSTP", "CONT", "WINCH");

    private static final String TOKEN = "DMUTEX_FENCING_TOKEN";

    private static final long FIRST_PAUSE_MILLIS = 5;
    private static final long LONGEST_PAUSE_MILLIS = 250;

    /** If processes of a command that has ended run for longer than that, a line says so. */
    private static final Duration QUIET = Duration.ofSeconds(1);

    /** What SIGKILL does not end in this time hangs in the kernel. */
    private static final Duration KILL_PATIENCE = Duration.ofSeconds(5);

    private final List<String> command;
    private final Map<String, String> environment;
    private final Duration grace;
    private final boolean foreground;
    private final Consumer<String> tell;

    /** Signals that came before the command was there. Guarded by this. */
    private final List<String> early = new ArrayList<>();

    /** Guarded by this. */
    private @Nullable CommandProcesses processes;

    /** Whether nothing may run any more: the lease is lost, or we are ended. Guarded by this. */
    private boolean ending;

    /** Whether who ends it has done all that can be done. Guarded by this. */
    private boolean ended;

    /** When somebody has asked the command to end, or null. */
    private volatile @Nullable Long askedNanos;

    /**
     * Prepares a command.
     *
     * @param command the program and its arguments
     * @param environment what it has in its environment beside what we have and the fencing token
     * @param grace how long after SIGTERM SIGKILL follows
     * @param foreground whether it is to stay in our session and process group
     * @param tell prints lines for the user
     */
    GuardedCommand(
            List<String> command,
            Map<String, String> environment,
            Duration grace,
            boolean foreground,
            Consumer<String> tell) {
        this.command = command;
        this.environment = environment;
        this.grace = grace;
        this.foreground = foreground;
        this.tell = tell;
    }

    /**
     * Runs the command to the end of its last process.
     *
     * @param lease what it needs
     * @return its exit code, 128 + n if signal n ended it; 126 or 127 if it could not be started
     */
    int run(Lease lease) throws InterruptedException {
        if (Programs.find(command.get(0)).isEmpty()) {
            boolean isThere = Programs.isThere(command.get(0));
            tell.accept(command.get(0) + ": command not " + (isThere ? "executable" : "found"));
            return isThere ? ExitCodes.NOT_EXECUTABLE : ExitCodes.NOT_FOUND;
        }
        String mark = TOKEN + "=" + lease.fencingToken(); // In the environment of all that the command starts.
        List<String> prefix =
                foreground ? List.of() : CommandProcesses.OfSession.prefix().orElse(List.of());
        List<String> received = new ArrayList<>(PASSED_ON);
        if (!isRecorded()) {
            received.add(NOT_WHILE_RECORDED);
        }
        if (!prefix.isEmpty()) {
            received.addAll(OF_TERMINAL);
        }
        // Before the command starts, so that no signal can end us and leave it alone.
        try (Signals signals = Signals.receive(signal -> receive(signal, lease), received);
                Guardian guardian = Guardian.start(grace, mark)) {
            Process leader;
            try {
                leader = start(lease, prefix, guardian, mark);
            } catch (IOException e) {
                tell.accept(command.get(0) + ": command not executable: " + e.getMessage());
                return ExitCodes.NOT_EXECUTABLE;
            }
            if (leader == null) {
                return ExitCodes.INTERRUPTED;
            }
            lease.onLost(this::leaseLost);
            int exitCode = leader.waitFor();
            awaitOthers(exitCode);
            return exitCode;
        }
    }

    /** Starts the command unless we are ending, and sends on what came meanwhile. */
    private synchronized @Nullable Process start(Lease lease, List<String> prefix, Guardian guardian, String mark)
            throws IOException {
        if (ending) {
            return null;
        }
        List<String> words = new ArrayList<>(prefix);
        words.addAll(command);
        ProcessBuilder builder = new ProcessBuilder(words).inheritIO().redirectInput(StandardStreams.input());
        builder.environment().putAll(environment);
        builder.environment().put(TOKEN, Long.toString(lease.fencingToken()));
        Process started = builder.start();
        guardian.guard(started.pid(), !prefix.isEmpty());
        CommandProcesses all = prefix.isEmpty()
                ? new CommandProcesses.Descendants(started.toHandle(), mark)
                : new CommandProcesses.OfSession(started);
        processes = all;
        early.forEach(all::signal);
        return started;
    }

    /**
     * The command has ended; the lock is kept until what it has started has ended too. Who was asked to end has had the
     * signal as the command had, and gets no more of it.
     */
    private void awaitOthers(int exitCode) throws InterruptedException {
        CommandProcesses all = processes();
        long end = System.nanoTime();
        boolean told = false;
        long pause = FIRST_PAUSE_MILLIS;
        for (Set<Long> running = all.running(); !running.isEmpty() && !isEnded(); running = all.running()) {
            Long asked = askedNanos;
            if (asked != null && end - asked > grace.plus(QUIET).toNanos()) {
                asked = null; // Long ago, and it went on: that is not why it has ended.
            }
            long now = System.nanoTime();
            if (asked != null && !isEnding() && now - end >= grace.toNanos() && now - asked >= grace.toNanos()) {
                askedNanos = null; // Somebody may ask again.
                killAll(all);
            } else if (!told && now - end > QUIET.toNanos() && !isEnding()) {
                told = true;
                tell.accept("the command has ended with " + exitCode + ", but what it has started runs, process "
                        + shown(running) + "; "
                        + (asked == null
                                ? "the lock is kept until that ends"
                                : "that gets SIGKILL after " + Messages.about(grace)));
            } else {
                TimeUnit.MILLISECONDS.sleep(pause);
                pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
            }
        }
    }

    /** Ends the command, or keeps it from being started: our process is going to end. Waits for the end. */
    void end() {
        CommandProcesses all;
        synchronized (this) {
            ending = true;
            all = processes;
        }
        if (all != null) {
            try {
                endAll(all);
            } catch (InterruptedException e) {
                all.signal("KILL");
                Thread.currentThread().interrupt();
            }
        }
        synchronized (this) {
            ended = true;
        }
    }

    /** Runs on a callback thread of the library, which may block. */
    private void leaseLost(Lease lost) {
        if (processes().running().isEmpty()) {
            return; // It was the release that found out; the caller tells.
        }
        tell.accept("lost the lease on '" + Messages.shown(lost.key()) + "'"
                + lost.lossReason().map(reason -> " (" + reason + ")").orElse("")
                + ": the command gets SIGTERM, and SIGKILL after " + Messages.about(grace));
        end();
    }

    /** Runs on a thread of the JVM. */
    private synchronized void receive(String signal, Lease lease) {
        // Set first: it counts for a command that is about to start as well.
        if (signal.equals("INT") || signal.equals("TERM")) {
            askedNanos = System.nanoTime();
        }
        CommandProcesses all = processes;
        if (all == null) {
            early.add(signal);
            return;
        }
        switch (signal) {
            case "TSTP" -> {
                // Not that signal: the kernel ignores it in a session whose parent is in another one.
                all.signal("STOP");
                Kill.send("STOP", ProcessHandle.current());
            }
            case "CONT" -> {
                // Stopped for too long, it goes on only to end: the listener of the loss ends it.
                if (lease.isValid()) {
                    all.signal("CONT");
                }
            }
            case "INT" -> {
                // The terminal sends Ctrl-C to all of its foreground group; where that is ours, the command has it.
                if (all instanceof CommandProcesses.OfSession || !isOfForegroundGroup()) {
                    all.signal(signal);
                }
            }
            default -> all.signal(signal);
        }
    }

    private void endAll(CommandProcesses all) throws InterruptedException {
        all.signal("TERM");
        all.signal("CONT"); // What is stopped does not hear it otherwise.
        if (!awaitEnd(all, grace)) {
            killAll(all);
        }
    }

    private void killAll(CommandProcesses all) throws InterruptedException {
        long deadline = System.nanoTime() + KILL_PATIENCE.toNanos();
        do {
            all.signal("KILL"); // Again, for what was started meanwhile.
            if (awaitEnd(all, Duration.ofMillis(LONGEST_PAUSE_MILLIS))) {
                return;
            }
        } while (System.nanoTime() < deadline);
        tell.accept("SIGKILL does not end process " + shown(all.running()));
    }

    private static boolean awaitEnd(CommandProcesses all, Duration bound) throws InterruptedException {
        long deadline = System.nanoTime() + bound.toNanos();
        long pause = FIRST_PAUSE_MILLIS;
        while (!all.running().isEmpty()) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return false;
            }
            TimeUnit.NANOSECONDS.sleep(Math.min(left, TimeUnit.MILLISECONDS.toNanos(pause)));
            pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
        }
        return true;
    }

    private static String shown(Set<Long> pids) {
        return pids.stream().map(String::valueOf).collect(Collectors.joining(", "));
    }

    private synchronized CommandProcesses processes() {
        if (processes == null) {
            throw new IllegalStateException("not started");
        }
        return processes;
    }

    private synchronized boolean isEnding() {
        return ending;
    }

    private synchronized boolean isEnded() {
        return ended;
    }

    private static boolean isRecorded() {
        try {
            // By reflection, since a runtime may do without.
            return (boolean) Class.forName("jdk.jfr.FlightRecorder")
                    .getMethod("isInitialized")
                    .invoke(null);
        } catch (ReflectiveOperationException e) {
            return false;
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
}
