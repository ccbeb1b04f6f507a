package io.distributedmutex;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What one instance holds and waits for, as {@link DistributedMutex#status()} found it. Other instances' leases and waiters are
 * not in it: {@link DistributedMutex#inspect} asks the store about one key. Immutable.
 *
 * @param holderLabel the instance's name for people
 * @param held the leases that are valid, by key
 * @param waiting the threads and futures that wait, by key; those who wait for one key stand in the order of their arrival
 */
public record MutexStatus(String holderLabel, List<Held> held, List<Waiting> waiting) {

    /**
     * Copies the lists.
     *
     * @param holderLabel as above
     * @param held as above
     * @param waiting as above
     */
    public MutexStatus {
        held = List.copyOf(held);
        waiting = List.copyOf(waiting);
    }

    /**
     * A valid lease of the instance.
     *
     * @param key the key as the user gave it
     * @param fencingToken the lease's fencing token
     * @param state {@link LeaseState#HELD} or {@link LeaseState#AT_RISK}
     * @param heldFor the time since it was granted
     * @param remaining how long it is still valid unless renewed
     * @param thread the name of the thread that acquired it, or of its {@linkplain DistributedMutex#owner owner}; empty if that
     *     was a future without one
     */
    public record Held(
            String key,
            long fencingToken,
            LeaseState state,
            Duration heldFor,
            Duration remaining,
            Optional<String> thread) {}

    /**
     * A thread or future of the instance that waits for a key.
     *
     * @param key the key as the user gave it
     * @param waited the time since it began to wait
     * @param left how long it waits still; empty if it waits without limit
     * @param thread the name of the thread, or of its {@linkplain DistributedMutex#owner owner}; empty if it is a future without
     *     one
     */
    public record Waiting(String key, Duration waited, Optional<Duration> left, Optional<String> thread) {}
}
