package io.distributedmutex.internal;

import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.Ownership;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * What the store granted to this instance: a key, a token, and a {@link Belief}. Of the leases that share it one after the
 * other, one is current. There is one for every held lease, so its fields are few; it is its own timer, for the next renewal or
 * the deadline.
 *
 * <p>Fields are guarded by the monitor of the key; those that {@link LeaseHandle#isValid} reads are volatile.
 */
final class Holding extends Belief implements LeaseHandle.Keeper {

    /** How long an instance may favour its own threads, and how long its waiters hope for that before they queue. */
    static final long PASS_WINDOW_NANOS = 2_000_000;

    /** How long a grant out of the queue lasts unless it is claimed: 2 s, or the lease time if that is shorter. */
    static final long CLAIM_MILLIS = 2_000;

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

    private final Owner queue;
    /** Of the {@link Token}, whose other half is the instance's. */
    private final long acquisition;

    private final long since;
    /** How often it may pass on: a fencing token for each. */
    private int passesLeft;

    private volatile LeaseHandle current;

    /** When to ask the store to set the lease time (again). */
    private long nextRenewal = NEVER;
    /** Whether the timer is scheduled, or is about to wait for the monitor. */
    private boolean timed;

    /**
     * A holding with its first lease.
     *
     * @param fencingTokens how many there are, from the first on
     * @param leaseMillis as {@link Belief} says
     * @param whole as {@link Belief} says
     * @param waiter whose lease it is; gets it by {@link #begin}
     */
    Holding(
            Owner queue,
            Token token,
            long fencingToken,
            int fencingTokens,
            long deadline,
            long leaseMillis,
            boolean whole,
            Waiter waiter) {
        super(deadline, leaseMillis, whole);
        this.queue = queue;
        this.acquisition = token.acquisition();
        this.passesLeft = fencingTokens - 1;
        this.since = queue.instance.now();
        this.current = new LeaseHandle(this, fencingToken, waiter.options, waiter.owner, since);
    }

    /** The key's queue, as what is held there sees it. */
    abstract static class Owner extends Waiters {

        Owner(Instance instance, String key) {
            super(instance, key);
        }

        /** Under the monitor: whether this is what is held now. */
        abstract boolean isCurrent(Holding candidate);

        /** Under the monitor: the deadline of a live lease has passed. */
        abstract void loseByTime(LeaseHandle lease);

        /** Under the monitor: ends a live lease against its holder's will. */
        abstract void lose(LeaseHandle lease, LossReason reason, String detail);

        /** As {@link LeaseHandle.Keeper#release}. */
        abstract boolean release(LeaseHandle lease, boolean used, @Nullable CompletableFuture<Boolean> answer);

        /** As {@link LeaseHandle.Keeper#expire}. */
        abstract void expire(LeaseHandle lease);
    }

    @Override
    public Steps monitor() {
        return queue;
    }

    @Override
    public String token() {
        return new Token(instance().id, acquisition).text();
    }

    @Override
    public boolean release(LeaseHandle lease, boolean used, @Nullable CompletableFuture<Boolean> answer) {
        return queue.release(lease, used, answer);
    }

    @Override
    public void expire(LeaseHandle lease) {
        queue.expire(lease);
    }

    LeaseHandle current() {
        return current;
    }

    // ---- leases

    /**
     * Whether the waiter may have it without asking the store. Not if the waiter wants less than the store was asked for: should
     * its process die, others would wait for longer than its lease time.
     */
    boolean canPass(long now, Waiter next) {
        return passesLeft > 0
                && now - since < PASS_WINDOW_NANOS
                && next.options.leaseTime().toMillis() >= longestMillis()
                && deadline() - now >= next.options.minimumHold().toNanos()
                // As much as a grant by push may have left, which is lengthened too.
                && deadline() - now > Math.min(next.options.leaseTime().toMillis(), CLAIM_MILLIS) * 1_000_000 / 2;
    }

    /** Under the monitor: makes another lease of it, for a waiter who still waits. */
    void pass(Waiter waiter, long now) {
        LeaseHandle passed = new LeaseHandle(this, current.fencingToken() + 1, waiter.options, waiter.owner, now);
        passesLeft--;
        current = passed;
        begin(waiter);
    }

    /** Under the monitor: gives the current lease to its waiter, and takes that one out of the queue. */
    void begin(Waiter waiter) {
        LeaseHandle lease = current;
        long now = lease.grantedNanos();
        long wantedMillis = lease.leaseMillis();
        queue.then(() -> {
            instance().events.acquired(queue.key, lease, waiter.event, now - waiter.startNanos);
            waiter.signal(instance());
        });
        if (waiter.queued) {
            queue.removeWaiter(waiter);
        }
        waiter.grant(lease);
        // More if it was asked for by a waiter who has left.
        believeAtMost(wantedMillis, now);
        // The first lease of a grant out of the queue has the claim time, one that was passed on has its predecessor's.
        long tolerance = validNanos(wantedMillis) / 16 + 2 * PASS_WINDOW_NANOS;
        if (deadline() - now < validNanos(wantedMillis) - tolerance) {
            // Most are released sooner, and need no request to be lengthened. At once where little is left.
            nextRenewal = deadline() - now >= 8 * SHORT_HOLD_NANOS ? now + SHORT_HOLD_NANOS : now;
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
        instance().scheduler.cancel(this);
    }

    /** Under the monitor: ends it against the holder's will. */
    void lose(LossReason reason, String detail) {
        LeaseHandle lease = current;
        lease.become(LeaseState.LOST, reason);
        queue.then(() -> lease.toldLost(reason, detail));
        stop();
    }

    // ---- renewal

    /** Under the monitor: makes sure that the timer runs by the next time that something is due. Never moves it back. */
    private void arm() {
        long due = Math.min(current.deadline(), nextRenewal);
        long at = instance().scheduler.onEnvironmentsClock(due);
        if (!timed || at - atNanos() < 0) {
            timed = true;
            instance().scheduler.schedule(this, at);
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
                long now = instance().now();
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
            nextRenewal = instance().now();
            renew(nextRenewal);
            arm();
        } else {
            // Lengthens nothing: more than the shortest time is left, or it is lost anyway.
            ask(LockOptions.MINIMUM_LEASE_TIME.toMillis(), null);
        }
    }

    /** Under the monitor: the next attempt to set the lease time that the current lease wants. */
    private void renew(long now) {
        LeaseHandle lease = current;
        long millis = lease.leaseMillis();
        if (hasUnanswered()) {
            atRisk(lease, new StoreUnreachableException("no answer from the store", null));
        }
        // Repeated if it is not answered by then: well before the deadline, which a claim time may have set.
        nextRenewal = now + Math.max(10_000_000, Math.min(millis * 1_000_000 / 6, (deadline() - now) / 4));
        ask(millis, null);
    }

    private Instance instance() {
        return queue.instance;
    }

    /** Under the monitor: asks for a lease time; the answer is taken in by {@link #renewalAnswered}. */
    private void ask(long millis, @Nullable CompletableFuture<Ownership> result) {
        long sent = instance().now();
        asked(millis);
        queue.then(() -> instance().store.ask(store -> store.renew(queue.key, token(), millis), (reply, error) -> {
            synchronized (queue) {
                answered();
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
        LeaseHandle lease = current;
        long now = instance().now();
        if (now >= lease.deadline()) {
            // Whatever the answer, it is too late to be believed. If it lengthened the lease, the key is freed.
            queue.loseByTime(lease);
            queue.then(() -> instance().giveBacks.disown(queue.key, token()));
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
            queue.lose(lease, LeaseHandle.reason(reply), "the store says so");
            return;
        }
        confirmed(millis, sent);
        if (millis >= lease.leaseMillis()) {
            // Else it was asked for by the user, say, and what is planned for the lease time goes on.
            nextRenewal = lease.renews() ? renewalTime(sent, lease.leaseMillis()) : NEVER;
        }
        arm();
        if (lease.settledState() == LeaseState.AT_RISK) {
            lease.become(LeaseState.HELD, null);
            queue.then(() -> instance().events.recovered(lease));
        }
    }

    private void atRisk(LeaseHandle lease, Throwable cause) {
        if (lease.settledState() == LeaseState.HELD) {
            lease.become(LeaseState.AT_RISK, null);
            queue.then(() -> instance().events.atRisk(lease, cause));
        }
    }

    @Override
    public @Nullable CompletableFuture<Ownership> extend(LeaseHandle lease, long millis) {
        CompletableFuture<Ownership> result = new CompletableFuture<>();
        synchronized (queue) {
            if (!lease.isLive() || instance().now() >= lease.deadline()) {
                return null;
            }
            ask(millis, result);
        }
        queue.drain();
        return result;
    }
}
