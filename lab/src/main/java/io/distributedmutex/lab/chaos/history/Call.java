package io.distributedmutex.lab.chaos.history;

import io.distributedmutex.lab.chaos.history.Event.Kind;

/**
 * One call of the library by a worker.
 *
 * @param worker who called
 * @param number the number of the call
 * @param kind what it began with: an acquire, an extension or a release
 * @param how the form of the call
 * @param key the key that it is for
 * @param askedNanos when it began
 * @param boundNanos how long it may take
 * @param endNanos when it had its outcome; {@link Long#MAX_VALUE} if never
 * @param outcome that outcome; "ok" for a lease, empty if there is none
 * @param token the fencing token of the lease, or 0
 */
public record Call(
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

    /** How a call is made by who takes two keys, and so may wait in a circle. */
    public static final String CIRCLE = "circle";
    /** How a call is made for a lease that is renewed for as long as it is held. */
    public static final String RENEWED = "renewed";
    /** The outcome of a wait that is ended to break a circle. */
    public static final String VICTIM = "DeadlockException";
    /** What becomes of a call that has no outcome at all. */
    public static final String NO_OUTCOME = "no outcome";
    /** A future that its caller has cancelled. */
    public static final String CANCELLED = "cancelled";
    /** The outcome of a try. */
    public static final String TAKEN = "taken";
    /** The outcomes that are no exception. */
    public static final String OK = "ok";

    /** Whether it stood in a queue: a try does not. */
    public boolean waits() {
        return kind == Kind.CALL && !how.equals("try");
    }

    public boolean isGranted() {
        return kind == Kind.CALL && outcome.equals(Call.OK);
    }

    public String describe() {
        return "worker " + worker + "'s call " + number + " (" + how + " of '" + key + "')";
    }
}
