package io.distributedmutex.lab.demo;

import io.distributedmutex.lab.process.WorkerProcess;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** Shows how a demo goes: on a terminal by one line that changes, elsewhere by a line each second. */
final class Progress {

    private static final int BAR_WIDTH = 20;
    private static final long TERMINAL_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long PLAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final PrintWriter out;
    private final boolean terminal;
    private final Settings settings;
    private long originNanos;
    private long nextNanos;

    private int updates;
    private int jobsDone;
    private int holds;
    private int holder;

    Progress(PrintWriter out, boolean terminal, Settings settings) {
        this.out = out;
        this.terminal = terminal;
        this.settings = settings;
    }

    void starting(String server) {
        say("Redis: " + server);
        say("Starting " + settings.workers() + " worker processes (seed " + settings.seed() + ") ...");
    }

    void started(long nanos, List<WorkerProcess> workers) {
        originNanos = nanos;
        nextNanos = nanos + (terminal ? 0 : PLAIN_NANOS);
        say("Ready: "
                + workers.stream()
                        .map(worker -> "worker " + worker.id() + " (process " + worker.pid() + ")")
                        .collect(Collectors.joining(", ")));
        say("For " + settings.seconds() + " s each adds to one counter in a file, and does jobs that all are offered"
                + (settings.withoutLock() ? ", WITHOUT A LOCK." : "."));
    }

    /** Counts an event. */
    void note(Event event) {
        boolean ofCounter = event.key().equals(History.COUNTER);
        switch (event.kind()) {
            case ENTER -> {
                holds++;
                holder = ofCounter ? event.worker() : holder;
            }
            case LEAVE -> holder = ofCounter && holder == event.worker() ? 0 : holder;
            case WRITE -> updates++;
            case DONE -> jobsDone++;
            default -> {
                // Not counted.
            }
        }
    }

    /** Shows where things stand, if it is time to. */
    void show(long now, int jobsOffered) {
        if (now < nextNanos) {
            return;
        }
        nextNanos += terminal ? TERMINAL_NANOS : PLAIN_NANOS;
        String numbers = String.format(
                Locale.ROOT,
                "counter %4d   jobs %3d of %3d   holds %4d   file held by %s",
                updates,
                jobsDone,
                jobsOffered,
                holds,
                holder == 0 ? "nobody  " : "worker " + holder);
        if (terminal) {
            int filled =
                    (int) Math.min(BAR_WIDTH, BAR_WIDTH * (now - originNanos) / (settings.seconds() * 1_000_000_000L));
            String bar = "[" + "=".repeat(filled) + " ".repeat(BAR_WIDTH - filled) + "]";
            out.print("\r" + time(now) + "  " + bar + "  " + numbers + "\u001b[K");
            out.flush();
        } else {
            say(time(now) + "  " + numbers);
        }
    }

    void killed(Event killed, long pid, Event stalled) {
        String lease = stalled.value() == 0
                ? ""
                : String.format(
                        Locale.ROOT,
                        "; its lease lasts %.2f s still",
                        (stalled.nanos() + stalled.value() - killed.nanos()) / 1e9);
        say(time(killed.nanos()) + "  kill -9 " + pid + ": worker " + killed.worker()
                + " dies with the file, between its read and its write" + lease);
    }

    void takenOver(Event entered, Event stalled) {
        String delay = stalled.value() == 0
                ? ""
                : String.format(
                        Locale.ROOT,
                        ", %.1f ms after the dead worker's lease ended",
                        (entered.nanos() - stalled.nanos() - stalled.value()) / 1e6);
        say(time(entered.nanos()) + "  worker " + entered.worker() + " has the file" + delay);
    }

    void replaced(int id, long pid, int victim) {
        say(time(System.nanoTime()) + "  worker " + id + " (process " + pid + ") starts in place of worker " + victim);
    }

    void stopping() {
        say(time(System.nanoTime()) + "  stopping: what was begun is finished");
    }

    /** Writes a line of its own. */
    void say(String line) {
        out.println((terminal ? "\r\u001b[K" : "") + line);
        out.flush();
    }

    private String time(long nanos) {
        return String.format(Locale.ROOT, "%6.2f s", (nanos - originNanos) / 1e9);
    }
}
