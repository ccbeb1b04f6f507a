package io.distributedmutex.spi;

/** What a store tells its instance unasked. Calls may come from I/O threads, return quickly and throw nothing. */
public interface StoreEvents {

    /**
     * A waiter of this instance was granted a key, for its claim time. May be lost, late or repeated.
     *
     * @param key the key
     * @param token the waiter's token
     * @param fencingToken the lease's fencing token
     * @param fencingTokens how many consecutive numbers from it on may be used
     */
    void granted(String key, String token, long fencingToken, int fencingTokens);

    /** Connections were re-established, so that grants may have been missed: waiters should ask again. */
    void reconnected();
}
