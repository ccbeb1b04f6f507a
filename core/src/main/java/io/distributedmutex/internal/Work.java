package io.distributedmutex.internal;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * What may still leave something in the store: requests that are made or answered, steps that are decided, things that are
 * given back. A close() waits for it. Thread-safe.
 */
final class Work {

    private final Scheduler scheduler;
    private final AtomicInteger unfinished = new AtomicInteger();

    /** The threads in close(): to be woken when something has ended. */
    private final Set<Thread> closing = ConcurrentHashMap.newKeySet();

    /** Whether a thread is in close(), or has been. */
    private volatile boolean awaited;

    /** When close() waits no longer. */
    private volatile long endNanos = Long.MAX_VALUE;

    Work(Scheduler scheduler) {
        this.scheduler = scheduler;
    }

    /**
     * Marks the start of work that may leave something in the store. Call it before you look whether the instance is closed:
     * either that look sees the close, or close() waits for the {@link #end} of this work.
     */
    void begin() {
        unfinished.incrementAndGet();
    }

    /** All is given back that this work had to give back, or is work of its own. */
    void end() {
        if (unfinished.decrementAndGet() == 0) {
            wakeClosing();
        }
        scheduler.scheduleMissed();
    }

    // ---- closing

    /** The calling thread is in close() now. */
    void enterClose() {
        closing.add(Thread.currentThread());
        awaited = true;
    }

    void leaveClose() {
        closing.remove(Thread.currentThread());
    }

    /** Something has ended that a thread in close() may wait for. */
    void wakeClosing() {
        if (awaited) {
            closing.forEach(LockSupport::unpark);
        }
    }

    /** From now on, nothing is waited for beyond that time. */
    void endBy(long nanos) {
        endNanos = nanos;
    }

    /** Waits until all work has ended, or for as long as {@link #endBy} says. */
    void await() {
        while (unfinished.get() > 0 && scheduler.now() < endNanos) {
            scheduler.parkUninterruptibly(this, endNanos - scheduler.now());
        }
    }

    /** Until when something is repeated that is over at a time: while closing, until that ends. */
    long endOfAttempts(long untilNanos) {
        return Math.min(untilNanos, endNanos);
    }
}
