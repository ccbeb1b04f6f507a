package io.distributedmutex.benchmarks;

/**
 * One instance of a subject, connected, in the terms that all subjects have in common. Thread-safe, but what a thread
 * locked it unlocks itself, because some subjects own by thread.
 */
interface Locks extends AutoCloseable {

    /** A lease outlives every measurement, as the minute that is our default does. */
    long LEASE_MILLIS = 60_000;

    /** Waits until the key is held, for as long as it takes. */
    default Held lock(String key) throws InterruptedException {
        return lock(key, LEASE_MILLIS);
    }

    /** The same with a lease time of its own, and without renewal. */
    Held lock(String key, long leaseMillis) throws InterruptedException;

    /** The same with the renewal that the subject has, if it has any. */
    default Held lockRenewed(String key) throws InterruptedException {
        return lock(key);
    }

    /** Ends the instance. */
    @Override
    void close();

    /** A lock that is held. */
    @FunctionalInterface
    interface Held {

        /** Releases as the subject's users do. */
        void unlock();
    }
}
