package io.distributedmutex.redis;

/** A connection for commands to one node of a cluster. Thread-safe. */
interface NodeConnection extends Sender {

    /** Whether it is there now. */
    boolean isOpen();

    /**
     * Sets a listener for reconnects.
     *
     * @param listener called when commands work again; must not throw
     */
    void onReconnect(Runnable listener);

    /** Ends it for good: what is on its way ends, as when the connection is lost. */
    void drop();

    /** Whoever made it is about to end it: all requests end, as in a store that is closed. */
    void close();
}
