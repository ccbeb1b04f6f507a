package io.distributedmutex.internal;

import io.distributedmutex.StoreException;
import io.distributedmutex.spi.Ownership;
import org.jspecify.annotations.Nullable;

/**
 * Something to give back to the store: a lease, or a place in the queue and what may have been granted to it.
 * {@link GiveBacks} repeats it until the store has answered, or until it is over by itself.
 *
 * @param key the key
 * @param token the token that owns it or queues for it
 * @param leaveQueue whether it may still be in the store's queue
 * @param keepUntilNanos until when the key stays taken, on the instance's clock; {@link #NOT_KEPT} if it is freed
 * @param untilNanos when it is over by itself, on the instance's clock
 * @param lease the lease that was held until now, whose holder gets the outcome; null if nobody held it
 * @param repeated whether the store may have done it before, so that "not the owner" is no bad news
 */
record GiveBack(
        String key,
        String token,
        boolean leaveQueue,
        long keepUntilNanos,
        long untilNanos,
        @Nullable Released lease,
        boolean repeated) {

    static final long NOT_KEPT = Long.MIN_VALUE;

    /** A lease that its holder has released: hears what becomes of that. Called without any monitor. */
    interface Released {

        /**
         * The store's answer.
         *
         * @param repeated whether the store may have released it before
         */
        void releaseAnswered(Ownership answer, boolean repeated);

        /** An attempt has failed and will be repeated. */
        void releaseAttemptFailed(StoreException error);

        /** The store refused to release, or did not answer in time. */
        void releaseFailed(StoreException error);
    }

    /** A lease that its holder has released, for the first time. */
    static GiveBack released(String key, String token, long keepUntilNanos, long untilNanos, Released lease) {
        return new GiveBack(key, token, false, keepUntilNanos, untilNanos, lease, false);
    }

    /** What a request may have been granted whose answer never came, or came too late. */
    static GiveBack doubtful(String key, String token, long untilNanos) {
        return new GiveBack(key, token, false, NOT_KEPT, untilNanos, null, true);
    }

    /** A place in the queue, and what was granted to it meanwhile. */
    static GiveBack cancel(String key, String token, long untilNanos) {
        return new GiveBack(key, token, true, NOT_KEPT, untilNanos, null, true);
    }

    GiveBack again() {
        return repeated ? this : new GiveBack(key, token, leaveQueue, keepUntilNanos, untilNanos, lease, true);
    }

    /** How long the key stays taken still, rounded up to whole milliseconds; 0 if it does not. */
    long keepMillis(long nowNanos) {
        return keepUntilNanos <= nowNanos ? 0 : (keepUntilNanos - nowNanos + 999_999) / 1_000_000;
    }
}
