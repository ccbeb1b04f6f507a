package io.distributedmutex.testing;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * How long the machine keeps threads waiting for a processor: a thread that wakes every few milliseconds notes how late it was, and
 * starts another that notes when it runs, since a busy machine favours whoever sleeps. A test that must bound a time adds the worst
 * of it, so that a busy machine is no fault of the product, and a fault of the product is none of the machine's.
 */
public final class Stalls implements AutoCloseable {

    private static final long TICK_NANOS = 5_000_000;

    /** Several threads of several processes take part in what is measured, one after the other. */
    private static final int IN_A_ROW = 4;

    private final AtomicLong worstNanos = new AtomicLong();
    private final Thread watcher = new Thread(this::watch, "stalls");
    private volatile boolean over;

    private Stalls() {
        watcher.setDaemon(true);
        watcher.start();
    }

    /** Begins to watch. */
    public static Stalls watchMachine() {
        return new Stalls();
    }

    /** How long ago a moment of {@link System#nanoTime} was, for what is compared with an allowance. */
    public static long millisSince(long startNanos) {
        return (System.nanoTime() - startNanos) / 1_000_000;
    }

    /** What to allow for the machine: four times the worst stall since {@link #watchMachine}, in milliseconds. */
    public long allowanceMillis() {
        return IN_A_ROW * worstNanos.get() / 1_000_000;
    }

    private void watch() {
        long before = System.nanoTime();
        while (!over) {
            LockSupport.parkNanos(TICK_NANOS);
            long now = System.nanoTime();
            note(now - before - TICK_NANOS);
            before = now;
            Thread started = new Thread(() -> note(System.nanoTime() - now), "stalls-started");
            started.setDaemon(true);
            started.start();
        }
    }

    private void note(long lateNanos) {
        worstNanos.accumulateAndGet(lateNanos, Math::max);
    }

    @Override
    public void close() {
        over = true;
    }
}
