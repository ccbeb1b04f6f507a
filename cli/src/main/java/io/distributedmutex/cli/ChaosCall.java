package io.distributedmutex.cli;

import io.distributedmutex.cli.ChaosEvent.Kind;

/**
 * One call of the library by a worker.
 *
 * @param worker who called
 * @param number the number of the call
 * @param kind what it began with: an acquire, an extension or a release
 * @param how in which way
 * @param key for which key
 * @param askedNanos when
 * @param boundNanos how long it may take
 * @param endNanos when it had its outcome; {@link Long#MAX_VALUE} if never
 * @param outcome that outcome; "ok" for a lease, empty if there is none
 * @param token the fencing token of the lease, or 0
 */
record ChaosCall(
        int worker,
        long number,
        Kind kind,
        String how,
        String key,
        long askedNanos,
        long boundNanos,
        long endNanos,
        String outcome,
        long token) {

    /** Whether it stood in a queue: a try does not. */
    boolean waits() {
        return kind == Kind.CALL && !how.equals("try");
    }

    boolean isGranted() {
        return kind == Kind.CALL && outcome.equals(ChaosClient.OK);
    }

    String describe() {
        return "worker " + worker + "'s call " + number + " (" + how + " of '" + key + "')";
    }
}
