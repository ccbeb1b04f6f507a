package io.distributedmutex.examples.plain;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;

/**
 * A service may be called once in half a second, by all instances together. The key stays taken for its minimum hold from the
 * grant, however soon the lease is released; so the next call is not too early. What a busy machine takes from the grant to the
 * call is not counted.
 */
public final class RateLimit {

    private static final Duration PERIOD = Duration.ofMillis(500);
    private static final int CALLS = 6;

    private final ConcurrentLinkedQueue<Long> calls = new ConcurrentLinkedQueue<>();

    /** Takes a Redis URI, or nothing to start a Redis for it. */
    public static void main(String[] arguments) throws InterruptedException, ExecutionException {
        List<Long> calls = new RateLimit().run(arguments);
        for (int i = 1; i < calls.size(); i++) {
            System.out.println("call " + (i + 1) + " came " + (calls.get(i) - calls.get(i - 1)) / 1_000_000
                    + " ms after the one before");
        }
    }

    /** Returns when the calls were made, in nanoseconds. */
    List<Long> run(String[] arguments) throws InterruptedException, ExecutionException {
        Instances.run(arguments, mutex -> {
            DistributedMutex limited =
                    mutex.with(options -> options.leaseTime(PERIOD).minimumHold(PERIOD));
            while (calls.size() < CALLS) {
                // Waits its turn; to drop what comes too early instead, use tryAcquire(key) alone.
                Optional<Lease> turn = limited.tryAcquire("weather-service", Duration.ofSeconds(5));
                if (turn.isPresent()) {
                    try (Lease held = turn.get()) {
                        call();
                    }
                }
            }
        });
        return List.copyOf(calls);
    }

    private void call() {
        if (calls.size() < CALLS) {
            calls.add(System.nanoTime());
        }
    }
}
