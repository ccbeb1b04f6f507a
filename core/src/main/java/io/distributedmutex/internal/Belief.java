package io.distributedmutex.internal;

import io.distributedmutex.spi.Timer;

/**
 * What we believe of a grant, and what the store may make of it: a deadline that is always earlier than the store's expiry.
 *
 * <p>The deadline rises only with a confirmation from the store, to the time at which the confirmed request was sent plus its
 * lease time less the margin. Nothing that is ever sent shortens the lease in the store. So requests may overtake each other,
 * and take effect long after they timed out, without harm; see ADR 15.
 *
 * <p>Guarded by the monitor of the key, but for the deadline, which is read without it. The base of a {@link Holding} rather
 * than a part of it, since there is one for every held lease; see ADR 13.
 */
abstract class Belief extends Timer {

    private volatile long deadline;

    /** The longest lease time that the store has been asked for. */
    private long leaseMillis;

    /** Whether we believe in all of that. If not, the key may stay taken in the store after our deadline. */
    private boolean whole;

    /** Requests on their way. */
    private int unanswered;

    /**
     * A belief in what was granted.
     *
     * @param leaseMillis the longest lease time that the store has been asked for
     * @param whole whether the deadline stands for all of that. If not, a request that was on its way may have made the lease
     *     longer in the store than we believe
     */
    Belief(long deadline, long leaseMillis, boolean whole) {
        this.deadline = deadline;
        this.leaseMillis = leaseMillis;
        this.whole = whole;
    }

    /**
     * How long a lease may be believed in, counted from before its request was sent: the lease time less a margin of 1 % for
     * clocks that run at different rates (the factor that Redlock uses) and 2 ms for the resolution of the store's expiry.
     */
    static long validNanos(long leaseMillis) {
        return leaseMillis * 1_000_000 - leaseMillis * 10_000 - 2_000_000;
    }

    public final long deadline() {
        return deadline;
    }

    /** The longest lease time that the store has been asked for. */
    final long longestMillis() {
        return leaseMillis;
    }

    /** Believes less than the store has confirmed: no longer than for a lease time from now. */
    final void believeAtMost(long millis, long now) {
        if (deadline > now + validNanos(millis)) {
            deadline = now + validNanos(millis);
            whole = false;
        }
    }

    /** A request for a lease time is about to be sent. From now on it may take effect at any time, also after it timed out. */
    final void asked(long millis) {
        unanswered++;
        if (millis > leaseMillis) {
            leaseMillis = millis;
            whole = false;
        }
    }

    /** A request was answered, or failed. */
    final void answered() {
        unanswered--;
    }

    /** The store has confirmed a lease time that it was asked for at a time. */
    final void confirmed(long millis, long sent) {
        deadline = Math.max(deadline, sent + validNanos(millis));
        whole |= millis >= leaseMillis;
    }

    final boolean hasUnanswered() {
        return unanswered > 0;
    }

    /**
     * Whether the key may stay taken in the store after our deadline, for longer than the margin. That is so in three cases: it
     * is not the deadline yet (a maximum hold has ended the lease); a request is unanswered that may lengthen it; or the store
     * may have more than we believe.
     */
    final boolean mayOutliveDeadline(long now) {
        return now < deadline || unanswered > 0 || !whole;
    }
}
