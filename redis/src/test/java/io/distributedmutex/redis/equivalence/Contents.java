package io.distributedmutex.redis.equivalence;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Everything that is in a store, in words that are the same for both.
 *
 * @param held what stands at the keys that are taken
 * @param queues who waits for the keys that are waited for
 * @param lastFences for each key the last fencing token given in its slot; 0 if the counter is not there
 * @param oddities what should not be there at all
 */
record Contents(
        Map<String, Held> held, Map<String, Queue> queues, Map<String, Long> lastFences, List<String> oddities) {

    enum Kind {
        LEASE,
        FOREIGN,
        NOT_A_STRING
    }

    /**
     * What stands at a key.
     *
     * @param token the owner's, {@code -} if nobody's; empty if it is no lease, as the label is
     * @param fencingToken 0 if it is no lease
     * @param remainingMillis -1 without an expiry
     */
    record Held(Kind kind, String token, String label, long fencingToken, long remainingMillis) {

        boolean isOwned() {
            return kind == Kind.LEASE && !token.equals("-");
        }

        boolean sameLeaseAs(@Nullable Held other) {
            return other != null && fencingToken == other.fencingToken;
        }
    }

    /**
     * Who waits for a key, first come first.
     *
     * @param remainingMillis how long the queue lasts if nothing more comes
     */
    record Queue(List<Waiter> waiters, long remainingMillis) {}

    /**
     * A waiting client.
     *
     * @param aliveMillis how long it is taken to be alive still; negative if it is not
     */
    record Waiter(int client, String token, String label, long claimMillis, long aliveMillis) {}
}
