package io.distributedmutex.verification.api;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;

/** Waits for a condition, with a bound. */
final class Await {

    /** Far longer than anything here takes; only a test that fails waits for so long. */
    static final Duration LONG = Duration.ofSeconds(20);

    private Await() {}

    /** Returns as soon as the condition holds; fails if it does not within a long time. */
    static void until(Callable<Boolean> condition) {
        until(condition, LONG);
    }

    /** Returns as soon as the condition holds; fails if it does not within the time. */
    static void until(Callable<Boolean> condition, Duration atMost) {
        long start = System.nanoTime();
        while (!holds(condition)) {
            if (System.nanoTime() - start > atMost.toNanos()) {
                throw new AssertionError("not so within " + atMost);
            }
            LockSupport.parkNanos(500_000);
        }
    }

    private static boolean holds(Callable<Boolean> condition) {
        try {
            return condition.call();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
