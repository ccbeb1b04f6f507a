package io.distributedmutex.spi;

import org.jspecify.annotations.Nullable;

/** What the store says to an {@link AcquireRequest}. */
public sealed interface AcquireReply {

    /**
     * What became of the lease that the request gave back first.
     *
     * @return HELD if the token owned the key until then, otherwise why not; null if the request gave none back. After a
     *     repeated request anything but HELD may mean that the first one gave it back
     */
    @Nullable
    Ownership released();

    /**
     * The key is the requester's, for the lease time from when the store handled the request.
     *
     * @param fencingToken the lease's fencing token
     * @param fencingTokens how many consecutive numbers from it on the requester may use for leases that it passes on
     *     locally while it owns the key; 1 or more
     * @param released what became of the lease given back first
     */
    record Granted(
            long fencingToken, int fencingTokens, @Nullable Ownership released) implements AcquireReply {}

    /**
     * Another holder has the key, or waiters were before the requester. If it asked to queue, it now stands in the queue.
     *
     * @param remainingMillis how long the holder's lease lasts still; -1 if it has no expiry
     * @param holder the holder's label; null if another library wrote the value
     * @param ownerToken the token that owns the key, whose beginning is the {@linkplain LockStore#start instance} that holds it;
     *     null if another library wrote the value, or nobody owns a key that is kept taken for its minimum hold
     * @param lastFencingToken if it queued, a number below the fencing tokens of all grants that will be made for the key, and
     *     not below those that were made: a push that grants this one or a smaller one was made before this reply, and may no
     *     longer be true. 0 if it did not queue
     * @param released what became of the lease given back first
     */
    record Refused(
            long remainingMillis,
            @Nullable String holder,
            @Nullable String ownerToken,
            long lastFencingToken,
            @Nullable Ownership released)
            implements AcquireReply {}
}
