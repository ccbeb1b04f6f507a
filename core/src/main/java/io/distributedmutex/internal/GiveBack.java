package io.distributedmutex.internal;

import org.jspecify.annotations.Nullable;

/**
 * Something to give back to the store: a lease, or a place in the queue and what may have been granted to it. The engine
 * repeats it until the store has answered, or until it is over by itself.
 *
 * @param key the key
 * @param token the token that owns it or queues for it
 * @param leaveQueue whether it may still be in the store's queue
 * @param keepUntilNanos until when the key stays taken, on the engine's clock; {@link #NOT_KEPT} if it is freed
 * @param untilNanos when it is over by itself, on the engine's clock
 * @param lease who is told the outcome, if anybody
 * @param repeated whether the store may have done it before, so that "not the owner" is no bad news
 */
record GiveBack(
        String key,
        String token,
        boolean leaveQueue,
        long keepUntilNanos,
        long untilNanos,
        @Nullable HeldLease lease,
        boolean repeated) {

    static final long NOT_KEPT = 0;

    static GiveBack release(
            String key,
            String token,
            long keepUntilNanos,
            long untilNanos,
            @Nullable HeldLease lease,
            boolean repeated) {
        return new GiveBack(key, token, false, keepUntilNanos, untilNanos, lease, repeated);
    }

    static GiveBack cancel(String key, String token, long untilNanos) {
        return new GiveBack(key, token, true, NOT_KEPT, untilNanos, null, true);
    }

    GiveBack again() {
        return new GiveBack(key, token, leaveQueue, keepUntilNanos, untilNanos, lease, true);
    }

    /** How much of the time that the key stays taken is left, rounded up; counted when it is sent, for the first time or again. */
    long keepMillis(long now) {
        return keepUntilNanos <= now ? 0 : (keepUntilNanos - now + 999_999) / 1_000_000;
    }
}
