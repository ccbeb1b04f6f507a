package io.distributedmutex.internal;

import io.distributedmutex.LeaseState;
import io.distributedmutex.LossReason;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.Environment.Timer;
import io.distributedmutex.spi.Ownership;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * What the store granted to this instance: a key, a token, and a time until which we may believe in it. Of the leases
 * that share it one after the other, one is current.
 *
 * <p>The deadline is what we believe. It rises only with a confirmation from the store, to the time at which the confirmed
 * request was sent plus its lease time less the margin. For that to be safe in spite of requests that overtake each other
 * or take effect long after they timed out:
 *
 * <ul>
 *   <li>Lengthening never shortens in the store, whatever it finds there (LockStore.renew with exact = false).
 *   <li>Shortening is believed before it is sent, and confirmations of what was sent before it no longer count.
 *   <li>Until a shortening is confirmed it may take effect at any time. What is sent before that, or at any time after it
 *       failed, is never believed for longer than the short time: it may have taken effect first, also if its answer comes
 *       last.
 * </ul>
 *
 * <p>Fields are guarded by the monitor of the {@link KeyQueue}; those that {@link HeldLease#isValid} reads are volatile.
 */
final class Holding {

    private static final long NEVER = Long.MAX_VALUE;

    /**
     * How long (50 ms) a holder may take before a lease that was granted for the claim time is lengthened to its lease
     * time; if eight times as much is left, else it is lengthened at once.
     */
    private static final long SHORT_HOLD_NANOS = 50_000_000L;

    /**
     * Renewals are due at multiples of 25 ms, so that those of many leases go out together: a wake-up of timer and I/O
     * thread for each would cost several times as much as the renewal. The shortest is then due after 75 ms, not 100.
     */
    private static final long RENEWAL_GRID_NANOS = 25_000_000L;

    final String token;
    private final KeyQueue queue;
    private final Engine engine;
    private final long since;
    private final long lastFencingToken;
    private long nextFencingToken;
    private volatile @Nullable HeldLease current;

    private volatile long deadline;
    /** Counts shortenings. */
    private int generation;
    /** The longest time for which the answer to what is sent now may be believed; see the class comment. */
    private long longestMillis = Long.MAX_VALUE;

    private int unconfirmedShortenings;
    private boolean shorteningFailed;
    /** Completed when no shortening is on its way any more; null if nobody waits for that. */
    private @Nullable CompletableFuture<Boolean> shortened;

    /** The lease time that the store has been asked for, or granted. */
    private long leaseMillis;

    /** Whether the store has confirmed the longest lease time that it was asked for. */
    private boolean confirmed;

    /** When to ask the store to set the lease time (again). */
    private long nextRenewal = NEVER;
    /** Whether the next renewal has to shorten. */
    private boolean exact;

    /** Requests on their way. */
    private int unanswered;

    private @Nullable Timer timer;
    private long timerDue = NEVER;

    /**
     * A holding that is yet to be given.
     *
     * @param leaseMillis the longest lease time that the store has been asked for
     * @param confirmed whether the deadline stands for all of that. If not, a request that was on its way may have made
     *     it longer in the store than we believe
     */
    Holding(
            KeyQueue queue,
            String token,
            long fencingToken,
            int fencingTokens,
            long deadline,
            long leaseMillis,
            boolean confirmed) {
        this.queue = queue;
        this.engine = queue.engine;
        this.token = token;
        this.nextFencingToken = fencingToken;
        this.lastFencingToken = fencingToken + fencingTokens - 1;
        this.since = engine.now();
        this.deadline = deadline;
        this.leaseMillis = leaseMillis;
        this.confirmed = confirmed;
    }

    long deadline() {
        return deadline;
    }

    HeldLease current() {
        HeldLease lease = current;
        if (lease == null) {
            throw new IllegalStateException("a holding is given before it is used");
        }
        return lease;
    }

    // ---- leases

    /** Whether the waiter may have it without asking the store. */
    boolean canPass(long now, Waiter next) {
        return nextFencingToken <= lastFencingToken
                && now - since < KeyQueue.PASS_WINDOW_NANOS
                && next.options.leaseTime().toMillis() <= longestMillis
                // As much as a grant by push may have left, which is lengthened too.
                && deadline - now > Math.min(next.options.leaseTime().toMillis(), Request.CLAIM_MILLIS) * 1_000_000 / 2;
    }

    /** Under the monitor: makes a lease of it for a waiter who has just left the queue. */
    Runnable give(Waiter waiter) {
        long now = engine.now();
        long wantedMillis = waiter.options.leaseTime().toMillis();
        HeldLease lease = new HeldLease(queue, this, nextFencingToken++, waiter, now);
        current = lease;
        waiter.grant(lease);
        // The first lease of a grant out of the queue has the claim time, one that was passed on has its predecessor's.
        long tolerance = Engine.validNanos(wantedMillis) / 16 + 2 * KeyQueue.PASS_WINDOW_NANOS;
        long difference = deadline - now - Engine.validNanos(wantedMillis);
        if (leaseMillis != wantedMillis || difference < -tolerance) {
            exact = leaseMillis > wantedMillis;
            // Most are released sooner, and need no request to be lengthened. At once where little is left, or too
            // much.
            nextRenewal = !exact && deadline - now >= 8 * SHORT_HOLD_NANOS ? now + SHORT_HOLD_NANOS : now;
        } else if (lease.renews() && nextRenewal == NEVER) {
            nextRenewal = renewalTime(now, wantedMillis);
        }
        Runnable renewal = nextRenewal <= now ? renew(now) : null;
        arm(now);
        return () -> {
            engine.events().acquired(queue.key, lease, waiter.event, now - waiter.startNanos);
            waiter.signal(engine);
            KeyQueue.run(renewal);
        };
    }

    /** Under the monitor: no longer ours, or no longer wanted. */
    void stop() {
        if (timer != null) {
            timer.cancel();
            timer = null;
        }
        timerDue = NEVER;
    }

    /**
     * Under the monitor: whether the key may stay taken in the store after our deadline, for longer than the margin. So
     * it is before the deadline (at the maximum hold), while a request that may lengthen it has no answer yet, once less
     * was believed than the store had confirmed, and where a poll may have lengthened it behind a push.
     */
    boolean mayOutliveDeadline(long now) {
        return now < deadline || unanswered > 0 || generation > 0 || !confirmed;
    }

    /** Under the monitor: ends it against the holder's will. */
    Runnable lose(LossReason reason, String detail) {
        HeldLease lease = current();
        stop();
        lease.become(LeaseState.LOST, reason);
        return () -> lease.toldLost(reason, detail);
    }

    // ---- renewal

    /** Under the monitor: makes sure that the timer runs by the next time that something is due. Never moves it back. */
    private void arm(long now) {
        long due = Math.min(current().deadline(), nextRenewal);
        if (due < timerDue) {
            if (timer != null) {
                timer.cancel();
            }
            timerDue = due;
            timer = engine.environment().schedule(this::onTimer, due - now);
        }
    }

    /** When to renew a lease of this time: after a third of it, rounded down to a {@link #RENEWAL_GRID_NANOS moment}. */
    private static long renewalTime(long from, long millis) {
        long due = from + millis * 1_000_000 / 3;
        return due - due % RENEWAL_GRID_NANOS;
    }

    private void onTimer() {
        synchronized (queue) {
            if (!queue.isCurrent(this)) {
                return;
            }
            timer = null;
            timerDue = NEVER;
            long now = engine.now();
            if (now >= current().deadline()) {
                queue.then(queue.lose(current(), LossReason.EXPIRED, HeldLease.EXPIRED_DETAIL));
            } else {
                if (now >= nextRenewal) {
                    queue.then(renew(now));
                }
                arm(now);
            }
        }
        queue.drain();
    }

    /** Under the monitor: the next attempt to set the lease time that the current lease wants. */
    private Runnable renew(long now) {
        HeldLease lease = current();
        long millis = lease.leaseMillis();
        Runnable risk = null;
        if (unanswered > 0) {
            risk = atRisk(lease, new StoreUnreachableException("no answer from the store", null));
        }
        if (exact) {
            shorten(now, millis);
        }
        // Repeated if it is not answered by then: well before the deadline, which a claim time may have set.
        nextRenewal = now + Math.max(10_000_000, Math.min(millis * 1_000_000 / 6, (deadline - now) / 4));
        Runnable sent = ask(millis, exact, null);
        Runnable first = risk;
        return () -> {
            KeyQueue.run(first);
            sent.run();
        };
    }

    private void shorten(long now, long millis) {
        generation++;
        unconfirmedShortenings++;
        longestMillis = Math.min(longestMillis, millis);
        deadline = Math.min(deadline, now + Engine.validNanos(millis));
    }

    /** Returns what awaited this answer, or null. */
    private @Nullable CompletableFuture<Boolean> shorteningAnswered(boolean failed) {
        shorteningFailed |= failed;
        if (--unconfirmedShortenings > 0) {
            return null;
        }
        if (!shorteningFailed) {
            longestMillis = Long.MAX_VALUE;
        }
        CompletableFuture<Boolean> waiting = shortened;
        shortened = null;
        return waiting;
    }

    /** Under the monitor: asks for a lease time; the answer is taken in by {@link #answered}. */
    private Runnable ask(long millis, boolean exactly, @Nullable CompletableFuture<Ownership> result) {
        long sent = engine.now();
        int sentGeneration = generation;
        long believedMillis = Math.min(millis, longestMillis);
        unanswered++;
        return () -> engine.ask(() -> engine.store().renew(queue.key, token, millis, exactly), (reply, error) -> {
            CompletableFuture<Boolean> awaited;
            synchronized (queue) {
                unanswered--;
                awaited = exactly ? shorteningAnswered(error != null) : null;
                if (queue.isCurrent(this)) {
                    queue.then(answered(
                            sent, sentGeneration, millis, believedMillis, exactly, reply, error, result != null));
                }
            }
            queue.drain();
            if (awaited != null) {
                awaited.complete(true);
            }
            if (result != null) {
                if (error != null) {
                    result.completeExceptionally(error);
                } else {
                    result.complete(reply);
                }
            }
        });
    }

    private @Nullable Runnable answered(
            long sent,
            int sentGeneration,
            long millis,
            long believedMillis,
            boolean exactly,
            @Nullable Ownership reply,
            @Nullable StoreException error,
            boolean byUser) {
        HeldLease lease = current();
        long now = engine.now();
        if (now >= lease.deadline()) {
            // Whatever the answer, it is too late to be believed. If it lengthened the lease, the key is freed.
            Runnable lost = queue.lose(lease, LossReason.EXPIRED, HeldLease.EXPIRED_DETAIL);
            return () -> {
                lost.run();
                engine.disown(queue.key, token);
            };
        }
        if (error != null) {
            if (error instanceof StoreRefusedException refused
                    && refused.reason() == StoreRefusedException.Reason.WRONG_TYPE) {
                return queue.lose(lease, LossReason.TAKEN, "the key no longer holds a lock: " + error.getMessage());
            }
            if (byUser) {
                return null;
            }
            long retry = Math.min(lease.retryNanos(), Math.max(10, lease.leaseMillis() / 12) * 1_000_000);
            nextRenewal = Math.min(nextRenewal, now + retry);
            arm(now);
            return atRisk(lease, error);
        }
        if (reply != Ownership.HELD) {
            return queue.lose(lease, HeldLease.reason(reply), "the store says so");
        }
        if (sentGeneration == generation) {
            deadline = Math.max(deadline, sent + Engine.validNanos(believedMillis));
            confirmed |= millis >= leaseMillis;
            leaseMillis = millis;
            if (exactly || !exact) {
                exact = false;
                nextRenewal = lease.renews() ? renewalTime(sent, Math.min(believedMillis, lease.leaseMillis())) : NEVER;
            }
        }
        arm(now);
        if (lease.settledState() == LeaseState.AT_RISK) {
            lease.become(LeaseState.HELD, null);
            return () -> engine.events().recovered(lease);
        }
        return null;
    }

    private @Nullable Runnable atRisk(HeldLease lease, Throwable cause) {
        if (lease.settledState() != LeaseState.HELD) {
            return null;
        }
        lease.become(LeaseState.AT_RISK, null);
        return () -> engine.events().atRisk(lease, cause);
    }

    /**
     * The holder sets the lease time. A longer one waits until no shortening is on its way, since it could not be believed.
     *
     * @return the store's answer, or null if the lease is no longer held
     * @throws StoreUnreachableException if a shortening failed that may still take effect
     */
    @Nullable
    CompletableFuture<Ownership> extend(HeldLease lease, long millis, boolean shorter) {
        CompletableFuture<Ownership> result = new CompletableFuture<>();
        synchronized (queue) {
            long now = engine.now();
            if (!lease.isLive() || now >= lease.deadline()) {
                return null;
            }
            if (!shorter && millis > longestMillis) {
                return afterShortening(lease, millis);
            }
            if (shorter) {
                shorten(now, millis);
                if (lease.renews()) {
                    nextRenewal = Math.min(nextRenewal, renewalTime(now, millis));
                }
                arm(now);
            }
            queue.then(ask(millis, shorter, result));
        }
        queue.drain();
        return result;
    }

    private CompletableFuture<Ownership> afterShortening(HeldLease lease, long millis) {
        if (shorteningFailed) {
            throw new StoreUnreachableException(
                    "'" + Checks.shown(queue.key) + "' not extended to " + millis + " ms: to shorten it to "
                            + longestMillis + " ms was not confirmed before, and may still take effect",
                    null);
        }
        CompletableFuture<Boolean> awaited = shortened;
        if (awaited == null) {
            awaited = new CompletableFuture<>();
            shortened = awaited;
        }
        return awaited.thenCompose(done -> {
            CompletableFuture<Ownership> result = extend(lease, millis, false);
            return result != null ? result : CompletableFuture.completedFuture(Ownership.GONE);
        });
    }
}
