package io.distributedmutex.lab.demo;

/**
 * One holding of a key by one worker, as it is known at the end of a demo.
 *
 * @param worker the worker
 * @param key the key
 * @param token its fencing token; 0 without a lease
 * @param wantedNanos when it began to wait
 * @param enteredNanos when it got the key
 * @param endNanos until when nobody else may hold the key: until it left, or its lease ended if that was earlier or it
 *     died
 * @param outcome how it ended
 */
record Hold(int worker, String key, long token, long wantedNanos, long enteredNanos, long endNanos, Outcome outcome) {

    /** Whether there was a lock at all. */
    boolean isLeased() {
        return token > 0;
    }

    /** How a hold ended. */
    enum Outcome {
        /** It did what it wanted to do: an update, or a job. */
        WORKED,
        /** There was nothing to do: the job was done. */
        IDLE,
        /** Its lease ended before it did. */
        EXPIRED,
        /** Its process was killed. */
        KILLED,
        /** Nothing was heard of it any more. */
        UNKNOWN
    }
}
