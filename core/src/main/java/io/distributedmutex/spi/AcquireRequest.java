package io.distributedmutex.spi;

import org.jspecify.annotations.Nullable;

/**
 * Asks the store for a key. Repeating a request with the same token is safe: a token that owns the key already is
 * granted again.
 *
 * @param key the key as the user gave it
 * @param token 22 characters: 11 that name the instance, and 11 that are new for every acquisition
 * @param leaseMillis how long the lease shall last
 * @param queue whether to wait in the store's queue if the key is not free, at a place of the token's own; also the waiter's
 *     sign of life when repeated
 * @param claimMillis how long a grant out of the queue lasts unless its owner claims it by extending it
 * @param aliveMillis how long after this request the waiter is taken to be alive
 * @param releasing the token of a lease of the same instance to give back first, in the same step, or null
 */
public record AcquireRequest(
        String key,
        String token,
        long leaseMillis,
        boolean queue,
        long claimMillis,
        long aliveMillis,
        @Nullable String releasing) {

    /**
     * Checks what a store relies on.
     *
     * @param key as above
     * @param token as above
     * @param leaseMillis as above
     * @param queue as above
     * @param claimMillis as above
     * @param aliveMillis as above
     * @param releasing as above
     * @throws IllegalArgumentException if a time is less than 1 ms
     */
    public AcquireRequest {
        if (leaseMillis < 1 || claimMillis < 1 || aliveMillis < 1) {
            throw new IllegalArgumentException("times must be at least 1 ms, but lease is " + leaseMillis
                    + ", claim is " + claimMillis + ", alive is " + aliveMillis);
        }
    }
}
