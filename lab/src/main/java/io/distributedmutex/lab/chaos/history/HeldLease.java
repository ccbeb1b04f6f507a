package io.distributedmutex.lab.chaos.history;

/**
 * One lease, as its holder's process reported it. The time of what never happened is {@link Long#MAX_VALUE}.
 *
 * @param worker the holder
 * @param key the key
 * @param token its fencing token
 * @param enteredNanos when its holder got it
 * @param deadlineNanos until when the holder believed in it, by its last report
 * @param ownedAtEnterNanos a moment at or after which Redis had it as the owner, as far as was known when it was entered: a
 *     deadline is counted from before the request that made it so was sent
 * @param ownedNanos the same, as far as was ever known
 * @param releasingNanos when it was given back, or its instance closed
 * @param releasedNanos when the release had its outcome
 * @param released that outcome, or empty
 * @param keptNanos until when the key stays taken at least, by the minimum hold
 * @param lostNanos when its listener heard of its loss
 */
public record HeldLease(
        int worker,
        String key,
        long token,
        long enteredNanos,
        long deadlineNanos,
        long ownedAtEnterNanos,
        long ownedNanos,
        long releasingNanos,
        long releasedNanos,
        String released,
        long keptNanos,
        long lostNanos) {

    /** Until when nobody else may hold the key: to the deadline also if the process was killed or stopped. */
    public long endNanos() {
        return Math.min(Math.min(releasingNanos, deadlineNanos), lostNanos);
    }

    /** Whether it was ever believed in. */
    public boolean wasValid() {
        return endNanos() > enteredNanos;
    }

    public String describe() {
        return "worker " + worker + "'s lease " + token + " on '" + key + "'";
    }
}
