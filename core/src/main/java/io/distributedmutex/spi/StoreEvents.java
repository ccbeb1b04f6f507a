package io.distributedmutex.spi;

/** Receives what a store reports on its own. Calls may come from I/O threads; they return quickly and throw nothing. */
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

    /**
     * A message came for this instance: another one {@linkplain LockStore#send sent} it, or anybody who can reach the store
     * and means to deceive. May be lost, late or repeated.
     *
     * @param text what was sent
     */
    void message(String text);

    /** The store has connected again. Grants may have been missed, so waiters should ask again. */
    void reconnected();
}
