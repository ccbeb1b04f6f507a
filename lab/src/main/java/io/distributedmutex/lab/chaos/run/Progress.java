package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Settings;
import io.distributedmutex.lab.process.WorkerProcess;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;

/** Shows how a chaos run goes: a line for each fault, and numbers every ten seconds. Thread-safe. */
public final class Progress {

    private static final long SHOW_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final PrintWriter out;
    private final Settings settings;
    private final AtomicLong grants = new AtomicLong();
    private final AtomicLong writes = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    private volatile long originNanos;
    private long nextNanos;

    public Progress(PrintWriter out, Settings settings) {
        this.out = out;
        this.settings = settings;
    }

    void starting(List<EmbeddedRedis> servers) {
        servers.forEach(server -> say("Redis: " + server));
        say("Starting " + settings.workers() + " worker processes for " + settings.keys() + " keys (seed "
                + settings.seed() + ") ...");
    }

    void started(long nanos, List<WorkerProcess> workers) {
        originNanos = nanos;
        nextNanos = nanos + SHOW_NANOS;
        say("Ready: "
                + workers.stream()
                        .map(worker -> "worker " + worker.id() + " (process " + worker.pid() + ")")
                        .collect(Collectors.joining(", ")));
    }

    /** Counts an event, and says what is worth a line. */
    void note(Event event) {
        switch (event.kind()) {
            case ENTER -> grants.incrementAndGet();
            case WRITE -> writes.incrementAndGet();
            case REFUSED -> refused.incrementAndGet();
            case FAULT -> say(time(event.nanos()) + "  " + event.text() + whom(event));
            case FAILOVER ->
                say(time(event.nanos()) + "  " + event.text() + (event.key().isEmpty() ? "" : ": " + event.key()));
            case FAILED -> say(time(event.nanos()) + "  FAILED: " + event.text() + whom(event));
            default -> {
                // Not worth a line.
            }
        }
    }

    private static String whom(Event event) {
        boolean network =
                event.kind() == Kind.FAULT && Fault.valueOf(event.key()).domain() == Fault.Domain.NETWORK;
        return event.worker() == 0 ? (network ? " (all workers)" : "") : " (worker " + event.worker() + ")";
    }

    /** Shows where things stand, if it is time to. */
    void show(long now) {
        if (now >= nextNanos) {
            nextNanos += SHOW_NANOS;
            say(String.format(
                    Locale.ROOT,
                    "%s  %d leases, %d writes, %d refused",
                    time(now),
                    grants.get(),
                    writes.get(),
                    refused.get()));
        }
    }

    void stopping() {
        say(time(System.nanoTime()) + "  stopping");
    }

    private synchronized void say(String line) {
        out.println(line);
        out.flush();
    }

    private String time(long nanos) {
        return String.format(Locale.ROOT, "%7.2f s", (nanos - originNanos) / 1e9);
    }
}
