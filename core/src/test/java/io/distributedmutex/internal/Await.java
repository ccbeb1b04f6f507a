package io.distributedmutex.internal;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/** Waits for a condition, with a bound. */
final class Await {

    /** Far longer than anything here takes; only a test that fails waits for so long. */
    static final Duration LONG = Duration.ofSeconds(20);

    private Await() {}

    /** Returns as soon as the condition holds; fails if it does not within the time. */
    static void until(Callable<Boolean> condition, Duration atMost) {
        long start = System.nanoTime();
        while (!holds(condition)) {
            if (System.nanoTime() - start > atMost.toNanos()) {
                throw new AssertionError("not so within " + atMost);
            }
            LockSupport.parkNanos(1_000_000);
        }
    }

    /** The live threads whose names begin so. */
    static Set<Thread> threads(String namePrefix) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith(namePrefix))
                .collect(Collectors.toSet());
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
