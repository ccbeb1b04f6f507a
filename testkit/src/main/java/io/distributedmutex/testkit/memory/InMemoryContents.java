package io.distributedmutex.testkit.memory;

import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Everything that an {@link InMemoryLockStore} holds, for the test of equivalence. It stands in the testkit's package since
 * users have no need of it.
 *
 * @param values what stands at the keys that are taken
 * @param queues the waiters of each key that has some
 * @param lastFence the last fencing token given for any key; 0 if there is none
 */
public record InMemoryContents(SortedMap<String, Value> values, SortedMap<String, Queue> queues, long lastFence) {

    /** What stands at a key; without an expiry the remaining time is -1. */
    public record Value(
            boolean isLease,
            boolean isString,
            String token,
            @Nullable String label,
            long fencingToken,
            long remainingMillis) {}

    /** The waiters of a key, in order. */
    public record Queue(List<Waiter> waiters, long remainingMillis) {}

    /** A waiting client; the remaining time of its sign of life, by the clock of fencing tokens, is negative when that is too old. */
    public record Waiter(String client, String token, String label, long claimMillis, long aliveMillis) {}

    /** Looks at all that the store and its siblings share. */
    public static InMemoryContents of(InMemoryLockStore store) {
        InMemoryData.Copy copy = store.snapshot().copy;
        SortedMap<String, Value> values = new TreeMap<>();
        copy.values()
                .forEach((key, value) -> values.put(
                        key,
                        new Value(
                                value.kind() == InMemoryData.Kind.LEASE,
                                value.kind() != InMemoryData.Kind.NOT_A_STRING,
                                value.token(),
                                value.label(),
                                value.fence(),
                                value.expiryMillis() == Long.MAX_VALUE ? -1 : value.expiryMillis() - copy.atMillis())));
        SortedMap<String, Queue> queues = new TreeMap<>();
        copy.queues().forEach((key, queue) -> {
            List<Waiter> waiters = new ArrayList<>();
            queue.waiters.forEach((entry, waiter) -> waiters.add(new Waiter(
                    entry.client(),
                    entry.token(),
                    entry.label(),
                    waiter.claimMillis(),
                    waiter.aliveUntilMillis() - copy.fenceMillis())));
            queues.put(key, new Queue(List.copyOf(waiters), queue.expiryMillis - copy.atMillis()));
        });
        return new InMemoryContents(values, queues, copy.lastFence());
    }
}
