package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.testkit.server.EmbeddedRedisException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** Waits until servers are as they must be. */
final class Conditions {

    private static final long BOUND_NANOS = TimeUnit.SECONDS.toNanos(40);
    private static final long TICK_MILLIS = 20;

    private Conditions() {}

    /**
     * Waits until a condition holds; a server that does not answer means that it does not yet.
     *
     * @throws IllegalStateException if it does not within 40 s
     */
    static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + BOUND_NANOS;
        String last = "";
        while (System.nanoTime() < deadline) {
            try {
                if (condition.getAsBoolean()) {
                    return;
                }
            } catch (EmbeddedRedisException notYet) {
                last = "; last: " + notYet.getMessage();
            }
            Thread.sleep(TICK_MILLIS);
        }
        throw new IllegalStateException(
                "not within " + TimeUnit.NANOSECONDS.toSeconds(BOUND_NANOS) + " s: " + what + last);
    }
}
