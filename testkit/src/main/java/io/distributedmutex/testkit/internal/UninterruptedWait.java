package io.distributedmutex.testkit.internal;

import java.time.Duration;

/**
 * A bounded wait that an interrupt does not cut short; the interrupt flag is set again when the wait is over.
 *
 * <p>Ending a server must work on an interrupted thread too (a test that timed out is interrupted, and then closes what
 * it opened), so kill, stop, pause, resume and close wait this way.
 */
public final class UninterruptedWait {

    private UninterruptedWait() {}

    /** Something that can be waited for; says whether it came within so many nanoseconds (zero: do not wait). */
    @FunctionalInterface
    public interface Awaited {
        boolean within(long nanos) throws InterruptedException;
    }

    /** Waits for the awaited thing up to the bound and returns whether it came. */
    public static boolean atMost(Duration bound, Awaited awaited) {
        long deadline = System.nanoTime() + bound.toNanos();
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return awaited.within(Math.max(0, deadline - System.nanoTime()));
                } catch (InterruptedException ignored) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
