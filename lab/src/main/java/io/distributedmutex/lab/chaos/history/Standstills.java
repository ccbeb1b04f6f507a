package io.distributedmutex.lab.chaos.history;

import io.distributedmutex.lab.chaos.history.Event.Kind;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Reports for how long threads of this process wait for a processor, since the checks have to know. A thread that calls {@link
 * #tick} notes how late it wakes, and starts another that notes when it runs: a busy machine favours the one that sleeps.
 */
public final class Standstills {

    private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    /** The shortest that is reported. */
    private static final long SHORTEST_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final int worker;
    private final Consumer<Event> listener;
    private long lastNanos = System.nanoTime();

    /**
     * Begins now.
     *
     * @param worker whose process this is; 0 for the controller
     * @param listener hears of each, on several threads
     */
    public Standstills(int worker, Consumer<Event> listener) {
        this.worker = worker;
        this.listener = listener;
    }

    /** Waits for a moment, and returns {@link System#nanoTime} after it. By one thread only. */
    public long tick() {
        LockSupport.parkNanos(TICK_NANOS);
        long now = runsAgain(lastNanos);
        lastNanos = now;
        Thread started = new Thread(() -> runsAgain(now), "tick");
        started.setDaemon(true);
        started.start();
        return now;
    }

    private long runsAgain(long sinceNanos) {
        long now = System.nanoTime();
        if (now - sinceNanos > SHORTEST_NANOS) {
            listener.accept(new Event(now, worker, Kind.STALL, 0, "", 0, now - sinceNanos, ""));
        }
        return now;
    }
}
