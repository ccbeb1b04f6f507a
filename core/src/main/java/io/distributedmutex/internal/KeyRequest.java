package io.distributedmutex.internal;

import io.distributedmutex.LockOptions;
import io.distributedmutex.StoreException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Timer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What an instance asks of the store for a key on behalf of its waiters: first a request, then its entry in the store's
 * queue. There is one per key and instance, however many wait. Guarded by the monitor of its {@link KeyQueue}.
 */
final class KeyRequest {

    /** Longer than a round trip takes in any network that is well, with 30 ms each way now and then. */
    private static final long LEAST_CLAIM_MILLIS = 100;

    final Token owner;
    /** The owner's, as the store sees it. */
    final String token;

    /** A lease that is given back in the same step; null if none is. */
    private @Nullable GiveBack releasing;

    /** Whether that was sent before. */
    private boolean releasingSent;

    /** How often it was sent, and how often that surely did not leave this process. */
    private int sends;

    private int unsent;

    /** The next poll. */
    @Nullable
    Timer poll;

    /**
     * When the latest request that the store answered with "queued" was sent; before any answer, when the first one was
     * sent. A grant by push was made after that, so its claim time counted from here is safe.
     */
    long baseNanos = -1;

    /** The highest fencing token that the store had given at its latest answer: an older grant's push is stale. */
    long lastFencingToken;

    /** The shortest claim time that a grant may have been made with. */
    long claimMillis = Holding.CLAIM_MILLIS;

    /** The longest lease time asked for: the store's expiry may be as late, by a request of a waiter who has given up. */
    long sentLeaseMillis;

    /**
     * How often it polls: as often as its least patient waiter wants, when it was sent. The sign of life that was sent then
     * lasts for four such polls, so the next one must not wait for longer, whoever has come or gone since.
     */
    long retryMillis = Long.MAX_VALUE;

    boolean answered;

    /** Who held the key at the last answer, for how long still, and when that was. */
    @Nullable
    String holder;

    @Nullable
    String holderToken;

    long holderRemainingMillis = -1;
    long answeredNanos;

    /** The outcome of the last request if that was an error, and since when there was no other outcome. */
    @Nullable
    StoreException error;

    long failingSinceNanos;

    KeyRequest(Token owner) {
        this.owner = owner;
        this.token = owner.text();
    }

    /**
     * With less left, a grant by push, or one that was asked for by a waiter who wanted less, is asked for again before it is
     * given: the holder would be told of a loss if the request that extends it took longer than that.
     */
    long leastClaimNanos() {
        return Math.max(LEAST_CLAIM_MILLIS, claimMillis / 4) * 1_000_000;
    }

    /**
     * What to send.
     *
     * @param options those of the waiter who came first
     * @param shortestRetryMillis the shortest retry interval of all waiters
     */
    AcquireRequest message(String key, LockOptions options, long shortestRetryMillis, long now) {
        if (baseNanos < 0) {
            baseNanos = now;
        }
        long leaseMillis = options.leaseTime().toMillis();
        sentLeaseMillis = Math.max(sentLeaseMillis, leaseMillis);
        claimMillis = Math.min(claimMillis, leaseMillis);
        sends++;
        retryMillis = shortestRetryMillis;
        GiveBack carried = releasing;
        if (carried != null) {
            // Sent a second time: the store may have done it the first time.
            releasing = releasingSent ? carried.again() : carried;
            releasingSent = true;
        }
        return new AcquireRequest(
                key,
                token,
                leaseMillis,
                true,
                Math.min(Holding.CLAIM_MILLIS, leaseMillis),
                aliveMillis(shortestRetryMillis),
                carried == null ? null : carried.token());
    }

    static long aliveMillis(long retryMillis) {
        return Math.max(GiveBacks.ALIVE_MILLIS, 4 * retryMillis);
    }

    // ---- the lease that it gives back

    boolean isReleasing() {
        return releasing != null;
    }

    /** Gives a lease back in the same step. There must be none yet. */
    void release(GiveBack lease) {
        releasing = lease;
        releasingSent = false;
    }

    /** The lease that is given back with this token; null if there is none. */
    @Nullable
    GiveBack releasing(@Nullable String token) {
        return releasing != null && releasing.token().equals(token) ? releasing : null;
    }

    /** An attempt has failed and will be repeated. */
    void tellAttemptFailed(Consumer<Runnable> then, StoreException error) {
        GiveBack.Released lease = releasing == null ? null : releasing.lease();
        if (lease != null) {
            then.accept(() -> lease.releaseAttemptFailed(error));
        }
    }

    /** Whoever takes it out sees to it that its outcome becomes known. */
    @Nullable
    GiveBack takeReleasing() {
        GiveBack taken = releasing;
        releasing = null;
        return taken;
    }

    // ---- the answers

    /** The store answered that the key is another's and that we stand in its queue. */
    void refused(long sent, long now, AcquireReply.Refused reply) {
        baseNanos = Math.max(baseNanos, sent);
        answered = true;
        answeredNanos = now;
        holder = reply.holder();
        holderToken = reply.ownerToken();
        holderRemainingMillis = reply.remainingMillis();
        lastFencingToken = Math.max(lastFencingToken, reply.lastFencingToken());
        error = null;
    }

    /** Whether the store may know of it. */
    boolean mayBeKnown() {
        return sends > unsent;
    }

    void failed(StoreException newError, long now) {
        if (newError.isSurelyNotSent()) {
            unsent++;
        }
        if (error == null) {
            failingSinceNanos = now;
        }
        error = newError;
    }
}
