package io.distributedmutex.internal;

import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.Timer;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * What the store granted to this instance: a key, a token, and a time until which we may believe in it. Of the leases
 * that share it one after the other, one is current. There is one for every held lease, so its fields are few; it is
 * its own timer, for the next renewal or the deadline.
 *
 * <p>The deadline is what we believe. It rises only with a confirmation from the store, to the time at which the confirmed
 * request was sent plus its lease time less the margin. Nothing that is ever sent shortens the lease in the store. So requests
 * may overtake each other, and take effect long after they timed out, without harm; see ADR 15.
 *
 * <p>Fields are guarded by the monitor of the {@link KeyQueue}; those that {@link HeldLease#isValid} reads are volatile.
 */
final class Holding extends Timer {

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

    final KeyQueue queue;
    /** The {@link Token}. */
    private final long tokenHigh;

    private final long tokenLow;
    private final long since;
    /** How often it may pass on: a fencing token for each. */
    private int passesLeft;

    private volatile HeldLease current;
    private volatile long deadline;

    /** The longest lease time that the store has been asked for. */
    private long leaseMillis;

    /** Whether we believe in all of that. If not, the key may stay taken in the store after our deadline. */
    private boolean confirmed;

    /** When to ask the store to set the lease time (again). */
    private long nextRenewal = NEVER;
    /** Requests on their way. */
    private int unanswered;

    /** Whether the timer is scheduled, or is about to wait for the monitor. */
    private boolean timed;

    /**
     * A holding with its first lease.
     *
     * @param fencingTokens how many there are, from the first on
     * @param leaseMillis the longest lease time that the store has been asked for
     * @param confirmed whether the deadline stands for all of that. If not, a request that was on its way may have made
     *     it longer in the store than we believe
     * @param waiter who shall have the lease; it is told by {@link #begin}
     */
    Holding(
            KeyQueue queue,
            Token token,
            long fencingToken,
            int fencingTokens,
            long deadline,
            long leaseMillis,
            boolean confirmed,
            Waiter waiter) {
        this.queue = queue;
        this.tokenHigh = token.high();
        this.tokenLow = token.low();
        this.passesLeft = fencingTokens - 1;
        this.since = queue.engine.now();
        this.deadline = deadline;
        this.leaseMillis = leaseMillis;
        this.confirmed = confirmed;
        this.current = new HeldLease(this, fencingToken, waiter, since);
    }

    /** As the store sees it. */
    String token() {
        return new Token(tokenHigh, tokenLow).text();
    }

    long deadline() {
        return deadline;
    }

    HeldLease current() {
        return current;
    }

    // ---- leases

    /**
     * Whether the waiter may have it without asking the store. Not if the waiter wants less than the store was asked for: should
     * its process die, others would wait for longer than its lease time.
     */
    boolean canPass(long now, Waiter next) {
        return passesLeft > 0
                && now - since < KeyQueue.PASS_WINDOW_NANOS
                && next.options.leaseTime().toMillis() >= leaseMillis
                && deadline - now >= next.options.minimumHold().toNanos()
                // As much as a grant by push may have left, which is lengthened too.
                && deadline - now > Math.min(next.options.leaseTime().toMillis(), Request.CLAIM_MILLIS) * 1_000_000 / 2;
    }

    /** Under the monitor: makes another lease of it, for a waiter who still waits. */
    void pass(Waiter waiter, long now) {
        HeldLease passed = new HeldLease(this, current.fencingToken() + 1, waiter, now);
        passesLeft--;
        current = passed;
        begin(waiter);
    }

    /** Under the monitor: gives the current lease to its waiter, and takes that one out of the queue. */
    void begin(Waiter waiter) {
        HeldLease lease = current;
        long now = lease.grantedNanos();
        long wantedMillis = lease.leaseMillis();
        queue.then(() -> {
            engine().events().acquired(queue.key, lease, waiter.event, now - waiter.startNanos);
            waiter.signal(engine());
        });
        if (waiter.queued) {
            queue.removeWaiter(waiter);
        }
        waiter.grant(lease);
        if (deadline - now > Engine.validNanos(wantedMillis)) {
            // Asked for by a waiter who has left, and wanted more.
            deadline = now + Engine.validNanos(wantedMillis);
            confirmed = false;
        }
        // The first lease of a grant out of the queue has the claim time, one that was passed on has its predecessor's.
        long tolerance = Engine.validNanos(wantedMillis) / 16 + 2 * KeyQueue.PASS_WINDOW_NANOS;
        if (deadline - now < Engine.validNanos(wantedMillis) - tolerance) {
            // Most are released sooner, and need no request to be lengthened. At once where little is left.
            nextRenewal = deadline - now >= 8 * SHORT_HOLD_NANOS ? now + SHORT_HOLD_NANOS : now;
        } else if (!lease.renews()) {
            // What its predecessor had planned is not wanted.
            nextRenewal = NEVER;
        } else if (nextRenewal == NEVER) {
            nextRenewal = renewalTime(now, wantedMillis);
        }
        if (nextRenewal <= now) {
            renew(now);
        }
        arm();
    }

    /** Under the monitor: no longer ours, or no longer wanted. */
    void stop() {
        timed = false;
        engine().cancel(this);
    }

    /**
     * Under the monitor: whether the key may stay taken in the store after our deadline, for longer than the margin. So
     * it is before the deadline (at the maximum hold), while a request that may lengthen it has no answer yet or has failed, and
     * where a waiter who has left asked for more.
     */
    boolean mayOutliveDeadline(long now) {
        return now < deadline || unanswered > 0 || !confirmed;
    }

    /** Under the monitor: ends it against the holder's will. */
    void lose(LossReason reason, String detail) {
        HeldLease lease = current;
        lease.become(LeaseState.LOST, reason);
        queue.then(() -> lease.toldLost(reason, detail));
        stop();
    }

    // ---- renewal

    /** Under the monitor: makes sure that the timer runs by the next time that something is due. Never moves it back. */
    private void arm() {
        long due = Math.min(current.deadline(), nextRenewal);
        long at = engine().atNanos(due);
        if (!timed || at - atNanos() < 0) {
            timed = true;
            engine().schedule(this, at);
        }
    }

    /** Under the monitor: as {@link #arm}, whatever became of the last time that the timer was set. */
    void armAnew() {
        timed = false;
        arm();
    }

    /** When to renew a lease of this time: after a third of it, rounded down to a {@link #RENEWAL_GRID_NANOS moment}. */
    private static long renewalTime(long from, long millis) {
        long due = from + millis * 1_000_000 / 3;
        return due - due % RENEWAL_GRID_NANOS;
    }

    /** The timer. */
    @Override
    public void run() {
        synchronized (queue) {
            if (!queue.isCurrent(this)) {
                return;
            }
            timed = false;
            try {
                long now = engine().now();
                if (now >= current.deadline()) {
                    queue.loseByTime(current);
                } else {
                    if (now >= nextRenewal) {
                        renew(now);
                    }
                    arm();
                }
            } catch (Throwable t) {
                queue.mend(t);
            }
        }
        queue.drain();
    }

    /** Under the monitor: asks whether the store still has it, now that connections are back. */
    void verify() {
        if (nextRenewal != NEVER) {
            nextRenewal = engine().now();
            renew(nextRenewal);
            arm();
        } else {
            // Lengthens nothing: more than the shortest time is left, or it is lost anyway.
            ask(LockOptions.MINIMUM_LEASE_TIME.toMillis(), null);
        }
    }

    /** Under the monitor: the next attempt to set the lease time that the current lease wants. */
    private void renew(long now) {
        HeldLease lease = current;
        long millis = lease.leaseMillis();
        if (unanswered > 0) {
            atRisk(lease, new StoreUnreachableException("no answer from the store", null));
        }
        // Repeated if it is not answered by then: well before the deadline, which a claim time may have set.
        nextRenewal = now + Math.max(10_000_000, Math.min(millis * 1_000_000 / 6, (deadline - now) / 4));
        ask(millis, null);
    }

    private Engine engine() {
        return queue.engine;
    }

    /** Under the monitor: asks for a lease time; the answer is taken in by {@link #renewalAnswered}. */
    private void ask(long millis, @Nullable CompletableFuture<Ownership> result) {
        long sent = engine().now();
        unanswered++;
        if (millis > leaseMillis) {
            // From now on, whatever becomes of the request: it may take effect after it has timed out.
            leaseMillis = millis;
            confirmed = false;
        }
        queue.then(() -> engine().ask(() -> engine().store().renew(queue.key, token(), millis), (reply, error) -> {
            synchronized (queue) {
                unanswered--;
                if (queue.isCurrent(this)) {
                    try {
                        renewalAnswered(sent, millis, reply, error, result != null);
                    } catch (Throwable t) {
                        queue.mend(t);
                    }
                }
            }
            queue.drain();
            if (result != null) {
                if (error != null) {
                    result.completeExceptionally(error);
                } else {
                    result.complete(reply);
                }
            }
        }));
    }

    private void renewalAnswered(
            long sent, long millis, @Nullable Ownership reply, @Nullable StoreException error, boolean byUser) {
        HeldLease lease = current;
        long now = engine().now();
        if (now >= lease.deadline()) {
            // Whatever the answer, it is too late to be believed. If it lengthened the lease, the key is freed.
            queue.loseByTime(lease);
            queue.then(() -> engine().disown(queue.key, token()));
            return;
        }
        if (error != null) {
            if (error instanceof StoreRefusedException refused
                    && refused.reason() == StoreRefusedException.Reason.WRONG_TYPE) {
                queue.lose(lease, LossReason.TAKEN, "the key no longer holds a lock: " + error.getMessage());
                return;
            }
            if (byUser || nextRenewal == NEVER) {
                // Not ours to repeat: the caller's, or that of a lease before this one, which does not want it.
                return;
            }
            long twelfth = Math.max(10, lease.leaseMillis() / 12) * 1_000_000;
            // What was not sent for want of a connection is sent as soon as there is one; see verify().
            long retry = error.isSurelyNotSent() ? twelfth : Math.min(lease.retryNanos(), twelfth);
            nextRenewal = Math.min(nextRenewal, now + retry);
            arm();
            atRisk(lease, error);
            return;
        }
        if (reply != Ownership.HELD) {
            queue.lose(lease, HeldLease.reason(reply), "the store says so");
            return;
        }
        deadline = Math.max(deadline, sent + Engine.validNanos(millis));
        confirmed |= millis >= leaseMillis;
        if (millis >= lease.leaseMillis()) {
            // Else it was asked for by the user, say, and what is planned for the lease time goes on.
            nextRenewal = lease.renews() ? renewalTime(sent, lease.leaseMillis()) : NEVER;
        }
        arm();
        if (lease.settledState() == LeaseState.AT_RISK) {
            lease.become(LeaseState.HELD, null);
            queue.then(() -> engine().events().recovered(lease));
        }
    }

    private void atRisk(HeldLease lease, Throwable cause) {
        if (lease.settledState() == LeaseState.HELD) {
            lease.become(LeaseState.AT_RISK, null);
            queue.then(() -> engine().events().atRisk(lease, cause));
        }
    }

    /**
     * The holder wants more time.
     *
     * @return the store's answer, or null if the lease is no longer held
     */
    @Nullable
    CompletableFuture<Ownership> extend(HeldLease lease, long millis) {
        CompletableFuture<Ownership> result = new CompletableFuture<>();
        synchronized (queue) {
            if (!lease.isLive() || engine().now() >= lease.deadline()) {
                return null;
            }
            ask(millis, result);
        }
        queue.drain();
        return result;
    }
}
