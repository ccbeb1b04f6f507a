package io.distributedmutex.redis.equivalence;

/** One of the two stores that are compared, with what its clients, other programs and time do to it. */
interface Side {

    Client client(int number);

    /** Lets time pass for the store, in milliseconds. */
    void pass(long millis);

    void delete(String key);

    /** Deletes everything, and does not return in the same microsecond: as no real loss of data does. */
    void flushAll();

    void flushScripts();

    /** Sets the server's clock back, in milliseconds: everything lasts longer, and fencing tokens go on by counting. */
    void setClockBack(long millis);

    /** Sets a key to what is no lease of ours; a negative time is none. */
    void putForeign(String key, String value, long millis);

    /** Sets a key to a hash, or to a list. */
    void putWrongType(String key, boolean list);

    /** Ends a client's subscription, until {@link #subscribe}; nothing if it has none. */
    void unsubscribe(int client);

    /** Renews a client's subscription; nothing if it has one, or is closed. */
    void subscribe(int client);

    /** Closes a client for the rest of the sequence. Returns when the store knows. */
    void close(int client);

    /** Returns when all pushes to a client that the store has sent are there. */
    void awaitPushes(int client);

    Contents contents();
}
