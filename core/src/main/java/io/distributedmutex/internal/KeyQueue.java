package io.distributedmutex.internal;

import io.distributedmutex.LeaseState;
import io.distributedmutex.LockException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexStatus;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Messages;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.Timer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One key in one instance: who waits for it here, what was asked of the store for them, and what is held.
 *
 * <p>This is lock cohorting (Dice, Marathe and Shavit, "Lock Cohorting", PPoPP 2012): threads stand in a local queue, the
 * instance has one entry in the store's queue, and a lease passes from thread to thread without the store for a bounded
 * number of times ({@code BLOCK} fencing tokens in grant.lua) and a bounded time ({@link Holding#PASS_WINDOW_NANOS}); then one
 * request lets other instances in.
 *
 * <p>The three parts change independently, under the monitor ({@link Steps} says how changes and what follows from them are
 * kept in order):
 *
 * <ul>
 *   <li>The {@link Waiters}: the local queue, first come first.
 *   <li>{@code request}: null, or on its way, or queued in the store. There is one while somebody waits here, except in
 *       the first {@link Holding#PASS_WINDOW_NANOS} in which the key is held here and may come by a local pass.
 *   <li>{@code holding}: null, or what the store granted, with the one lease that is current.
 * </ul>
 *
 * <p>A queue with nothing in it retires: it is removed from the instance, and who comes too late makes a new one.
 */
final class KeyQueue extends Holding.Owner {

    private @Nullable KeyRequest request;
    private volatile @Nullable Holding holding;
    /** Queues for those who wait while the key is held here. */
    private @Nullable Timer joinTimer;

    private boolean retired;

    KeyQueue(Instance instance, String key) {
        super(instance, key);
    }

    // ---- waiting

    /** Returns false if this queue has retired. */
    boolean add(Waiter waiter) {
        try {
            return addUndrained(waiter);
        } finally {
            drain();
        }
    }

    private synchronized boolean addUndrained(Waiter waiter) {
        if (retired) {
            return false;
        }
        addWaiter(waiter);
        try {
            waiter.joined(instance, () -> timeOut(waiter));
            if (holding != null) {
                awaitPass();
            } else if (request == null) {
                thenSend(newRequest());
            } else if (waiter.retryMillis() < request.retryMillis) {
                // Its polls come too late for this one.
                thenSend(request);
            }
        } catch (Throwable t) {
            if (waiter.queued) {
                removeWaiter(waiter);
            }
            mend(t);
            throw t;
        }
        return true;
    }

    /** The wait time is over. Does nothing if the waiter has an outcome already. */
    void timeOut(Waiter waiter) {
        synchronized (this) {
            if (waiter.queued) {
                giveUp(waiter, outcomeOfTimeOut(waiter));
            }
        }
        drain();
    }

    /** Interrupted or cancelled. Does nothing if the waiter has an outcome already. */
    void giveUpBecause(Waiter waiter, LockException outcome) {
        synchronized (this) {
            if (waiter.queued) {
                giveUp(waiter, outcome);
            }
        }
        drain();
    }

    private void giveUp(Waiter waiter, LockException outcome) {
        removeWaiter(waiter);
        waiter.fail(outcome);
        try {
            afterWaitersLeft();
        } catch (Throwable t) {
            mend(t);
        }
        thenSignal(waiter);
    }

    private void thenSignal(Waiter waiter) {
        then(() -> waiter.signal(instance));
    }

    private LockException outcomeOfTimeOut(Waiter waiter) {
        String waited = "'" + Messages.shown(key) + "' not acquired within "
                + Messages.about(Duration.ofNanos(waiter.waitNanos)) + ": ";
        Holding here = holding;
        if (here != null) {
            return heldHere(waited, here, waiter.owner);
        }
        KeyRequest asked = request;
        if (asked != null && asked.error != null) {
            return Outcomes.copy(waited, asked.error);
        }
        if (asked == null || !asked.answered) {
            return new StoreUnreachableException(waited + "the store has not answered yet", null);
        }
        return Outcomes.heldBy(
                waited,
                key,
                asked.holder,
                asked.holderRemainingMillis < 0
                        ? -1
                        : Math.max(
                                0, asked.holderRemainingMillis - (instance.now() - asked.answeredNanos) / 1_000_000));
    }

    /**
     * @param asking who wants the key; null if that has no name
     */
    private LockNotAcquiredException heldHere(String prefix, Holding here, @Nullable Object asking) {
        Duration remaining = Duration.ofNanos(Math.max(0, here.deadline() - instance.now()));
        Object owner = here.current().owner();
        String kind = owner instanceof Thread ? " thread" : " owner";
        String who = owner == null || asking == null
                ? "this instance ("
                : (owner.equals(asking) ? "the same" : "another") + kind + " of this instance (";
        return new LockNotAcquiredException(
                prefix + "held by " + who + Messages.shown(instance.label) + ")"
                        + Outcomes.stillFor(remaining.toMillis()),
                key,
                instance.label,
                remaining);
    }

    /** With nobody waiting any more, the entry in the store's queue goes, and a grant on its way is given back. */
    private void afterWaitersLeft() {
        if (hasWaiters()) {
            return;
        }
        cancelJoin();
        KeyRequest abandoned = request;
        if (abandoned == null) {
            return;
        }
        releaseUnanswered(abandoned);
        long until = instance.now() + Math.max(abandoned.sentLeaseMillis, GiveBacks.ALIVE_MILLIS) * 1_000_000;
        if (abandoned.mayBeKnown()) {
            then(() -> instance.giveBacks.send(GiveBack.cancel(key, abandoned.token, until)));
        }
        request = null;
        cancelPoll(abandoned);
    }

    // ---- asking the store

    private KeyRequest newRequest() {
        cancelJoin();
        KeyRequest created = new KeyRequest(instance.newToken());
        request = created;
        return created;
    }

    private void thenSend(KeyRequest asked) {
        then(() -> send(asked));
    }

    /** As a step: sends the request, for the first time or as a poll. It may be on its way already: the token is the same. */
    private void send(KeyRequest asked) {
        AcquireRequest message;
        long sent;
        synchronized (this) {
            if (request != asked || !hasWaiters()) {
                return;
            }
            cancelPoll(asked);
            sent = instance.now();
            message = asked.message(key, firstWaiter().options, shortestRetryMillis(), sent);
        }
        instance.store.ask(
                store -> store.acquire(message), (reply, error) -> takeIn(asked, message, sent, reply, error));
    }

    /** Asks again now: connections were re-established. */
    void poll() {
        synchronized (this) {
            if (request != null) {
                thenSend(request);
            }
        }
        drain();
    }

    private void poll(KeyRequest asked) {
        synchronized (this) {
            if (request == asked) {
                thenSend(asked);
            }
        }
        drain();
    }

    /** Asks whether what is held here is still there. Returns whether something is. */
    boolean verify() {
        boolean held;
        synchronized (this) {
            Holding here = holding;
            held = here != null;
            if (here != null) {
                here.verify();
            }
        }
        drain();
        return held;
    }

    private void takeIn(
            KeyRequest asked,
            AcquireRequest message,
            long sent,
            @Nullable AcquireReply reply,
            @Nullable StoreException error) {
        synchronized (this) {
            try {
                if (reply != null) {
                    released(asked, message, reply);
                }
                // If it is another: given up, and a cancel is on its way behind this request; or granted by push
                // meanwhile.
                if (request == asked) {
                    requestAnswered(asked, message, sent, instance.now(), reply, error);
                }
            } catch (Throwable t) {
                mend(t);
            }
        }
        drain();
    }

    private void requestAnswered(
            KeyRequest asked,
            AcquireRequest message,
            long sent,
            long now,
            @Nullable AcquireReply reply,
            @Nullable StoreException error) {
        if (error != null) {
            failed(asked, error);
        } else if (reply instanceof AcquireReply.Refused refused) {
            asked.refused(sent, now, refused);
            // At the end of the holder's lease the key is free without anybody telling us.
            long remaining = refused.remainingMillis();
            schedulePoll(asked, remaining < 0 || remaining == Long.MAX_VALUE ? Long.MAX_VALUE : remaining + 1);
        } else if (reply instanceof AcquireReply.Granted granted) {
            long leaseMillis = message.leaseMillis();
            long deadline = sent + Belief.validNanos(leaseMillis);
            if (deadline <= now) {
                tooLate(asked, message, sent, now);
            } else if (leaseMillis < firstWaiter().options.leaseTime().toMillis()
                    && deadline - now < leastLeft(asked)) {
                // Asked for by a waiter who has left, and wanted less: it might be over before it is lengthened.
                thenSend(asked);
            } else {
                installForFirst(
                        asked,
                        granted.fencingToken(),
                        granted.fencingTokens(),
                        deadline,
                        leaseMillis >= asked.sentLeaseMillis);
            }
        }
    }

    /** What became of the lease that the request gave back first. */
    private void released(KeyRequest asked, AcquireRequest message, AcquireReply reply) {
        GiveBack given = asked.releasing(message.releasing());
        Ownership ownership = reply.released();
        if (given == null || ownership == null) {
            return;
        }
        GiveBack.Released lease = given.lease();
        if (lease != null) {
            then(() -> lease.releaseAnswered(ownership, given.repeated()));
        }
        asked.takeReleasing();
    }

    /**
     * The request carried a release and ends without the answer to it: it was granted by a push, or nobody waits any more.
     * If that answer is lost, nobody learns what became of the release. So it is sent on its own; where the store has done
     * it before, it touches nothing.
     */
    private void releaseUnanswered(KeyRequest asked) {
        GiveBack given = asked.takeReleasing();
        if (given != null) {
            then(() -> instance.giveBacks.send(given.again()));
        }
    }

    /** The reply took longer than the lease: nothing is held by our own deadline. Asking again makes it a fresh lease. */
    private void tooLate(KeyRequest asked, AcquireRequest message, long sent, long now) {
        asked.failed(
                new StoreUnreachableException(Outcomes.grantedTooLate(now - sent, message.leaseMillis()), null), now);
        thenSend(asked);
    }

    private void failed(KeyRequest asked, StoreException error) {
        long now = instance.now();
        asked.failed(error, now);
        asked.tellAttemptFailed(this::then, error);
        List<Waiter> failing = new ArrayList<>();
        for (Waiter waiter : allWaiters()) {
            // A wait without limit still ends once the store has been failing for the wait time.
            if (!error.isTransient()
                    || (waiter.isPatient()
                            && now - asked.failingSinceNanos
                                    >= waiter.options.waitTime().toNanos())) {
                failing.add(waiter);
            }
        }
        for (Waiter waiter : failing) {
            removeWaiter(waiter);
            waiter.fail(Outcomes.copy(Outcomes.notAcquired(key), error));
        }
        if (!failing.isEmpty()) {
            afterWaitersLeft();
            failing.forEach(this::thenSignal);
        }
        if (request == asked) {
            schedulePoll(asked, Long.MAX_VALUE);
        }
    }

    private void cancelPoll(KeyRequest asked) {
        if (asked.poll != null) {
            instance.scheduler.cancel(asked.poll);
            asked.poll = null;
        }
    }

    private void schedulePoll(KeyRequest asked, long atMostMillis) {
        cancelPoll(asked);
        asked.poll =
                instance.scheduler.runAfter(() -> poll(asked), Math.min(asked.retryMillis, atMostMillis) * 1_000_000);
    }

    /** Held here, and somebody waits here: hope for a local pass for a moment, then stand in the store's queue too. */
    private void awaitPass() {
        if (request == null && joinTimer == null) {
            joinTimer = instance.scheduler.runAfter(this::join, Holding.PASS_WINDOW_NANOS);
        }
    }

    private void join() {
        synchronized (this) {
            joinTimer = null;
            try {
                if (request == null && hasWaiters()) {
                    thenSend(newRequest());
                }
            } catch (Throwable t) {
                mend(t);
            }
        }
        drain();
    }

    private void cancelJoin() {
        if (joinTimer != null) {
            instance.scheduler.cancel(joinTimer);
            joinTimer = null;
        }
    }

    // ---- being granted

    /** The store's push. */
    void granted(String token, long fencingToken, int fencingTokens) {
        synchronized (this) {
            KeyRequest asked = request;
            Holding here = holding;
            try {
                if (asked == null || !asked.token.equals(token)) {
                    // Either it was granted by a reply before, or nobody waits for it any more: a cancel has seen to
                    // that, unless it was lost itself.
                    boolean known = (here != null && here.token().equals(token))
                            || (asked != null && asked.releasing(token) != null);
                    if (!known) {
                        then(() -> instance.giveBacks.disown(key, token));
                    }
                } else if (fencingToken > asked.lastFencingToken) {
                    // If not: delayed for so long that its claim time ended, and the store has answered "queued" since.
                    long deadline = asked.baseNanos + Belief.validNanos(asked.claimMillis);
                    if (deadline - instance.now() < leastLeft(asked)) {
                        // Late. If the key is still ours, the answer will say so and make it a full lease.
                        thenSend(asked);
                    } else {
                        installForFirst(asked, fencingToken, fencingTokens, deadline, false);
                    }
                }
            } catch (Throwable t) {
                mend(t);
            }
        }
        drain();
    }

    /** Takes over a grant that was acquired without queueing. Returns false if this queue has retired. */
    boolean adopt(Holding granted, Waiter waiter) {
        synchronized (this) {
            if (retired) {
                return false;
            }
            install(null, granted, waiter);
        }
        drain();
        return true;
    }

    Holding newHolding(Token owner, long fencingToken, long deadline, Waiter waiter) {
        long leaseMillis = waiter.options.leaseTime().toMillis();
        return new Holding(this, owner, fencingToken, 1, deadline, leaseMillis, true, waiter);
    }

    /**
     * With less left the store is asked for the whole lease time before the lease is given to who came first. Whoever wants a
     * minimum hold has it from the beginning, so that it counts also if the holder dies at once.
     */
    private long leastLeft(KeyRequest asked) {
        return Math.max(
                asked.leastClaimNanos(), firstWaiter().options.minimumHold().toNanos());
    }

    private void installForFirst(
            KeyRequest asked, long fencingToken, int fencingTokens, long deadline, boolean confirmed) {
        Waiter waiter = firstWaiter();
        Holding granted = new Holding(
                this, asked.owner, fencingToken, fencingTokens, deadline, asked.sentLeaseMillis, confirmed, waiter);
        install(asked, granted, waiter);
    }

    private void install(@Nullable KeyRequest answeredRequest, Holding granted, Waiter waiter) {
        Holding before = holding;
        if (before != null) {
            // The store gave the key anew while a lease here believed to have it: that one was deleted or its data
            // lost.
            before.lose(LossReason.TAKEN, "the store granted the key anew");
        }
        holding = granted;
        if (answeredRequest != null) {
            request = null;
        }
        granted.begin(waiter);
        if (answeredRequest != null) {
            releaseUnanswered(answeredRequest);
            cancelPoll(answeredRequest);
        }
        if (hasWaiters()) {
            awaitPass();
        }
    }

    /** Why a try fails without the store being asked: the key is held here. Null if it is not. */
    @Nullable
    LockNotAcquiredException refusal(Object asking) {
        Holding here = holding;
        return here != null && here.deadline() > instance.now()
                ? heldHere(Outcomes.notAcquired(key), here, asking)
                : null;
    }

    /** That of the lease that is held here and valid; empty if there is none. */
    synchronized OptionalLong fencingToken() {
        Holding here = holding;
        return here != null && instance.now() < here.deadline()
                ? OptionalLong.of(here.current().fencingToken())
                : OptionalLong.empty();
    }

    // ---- what deadlock detection asks

    /**
     * What those who wait here wait for: the owner of a token.
     *
     * @param isHere whether this instance holds the key
     */
    record Obstacle(String token, boolean isHere) {}

    /** A lease that is held here, by somebody who has a name. */
    record Tenure(Object owner, long fencingToken, long heldNanos) {}

    /** What is in the way of those who wait here, as far as it is known: the store's latest answer may be a poll old. */
    synchronized @Nullable Obstacle obstacle() {
        Holding here = holding;
        if (here != null) {
            return new Obstacle(here.token(), true);
        }
        KeyRequest asked = request;
        String token = asked == null ? null : asked.holderToken;
        return token == null ? null : new Obstacle(token, false);
    }

    /** The lease that is held here under a token; null if there is none, or nobody has it whom we could tell from others. */
    synchronized @Nullable Tenure tenure(String token) {
        Holding here = holding;
        long now = instance.now();
        if (here == null || now >= here.current().deadline() || !here.token().equals(token)) {
            return null;
        }
        LeaseHandle lease = here.current();
        Object owner = lease.owner();
        return owner == null ? null : new Tenure(owner, lease.fencingToken(), now - lease.grantedNanos());
    }

    /** The lease that is held here and valid; null if there is none. */
    synchronized @Nullable LeaseHandle validLease() {
        Holding here = holding;
        return here != null && instance.now() < here.current().deadline() ? here.current() : null;
    }

    /** Whether what is held here is an owner's. */
    boolean isHeldBy(Object owner) {
        Holding here = holding;
        return here != null && owner.equals(here.current().owner());
    }

    /** Adds what is held and who waits here to these. */
    synchronized void report(List<MutexStatus.Held> held, List<MutexStatus.Waiting> waiting) {
        long now = instance.now();
        Holding here = holding;
        if (here != null && now < here.deadline()) {
            held.add(here.current().report(now));
        }
        for (Waiter waiter : allWaiters()) {
            waiting.add(waiter.report(now));
        }
    }

    @Override
    boolean isCurrent(Holding candidate) {
        return holding == candidate;
    }

    /** What a lease is of. */
    private static Holding held(LeaseHandle lease) {
        return (Holding) lease.keeper();
    }

    // ---- ending

    @Override
    boolean release(LeaseHandle lease, boolean used, @Nullable CompletableFuture<Boolean> answer) {
        boolean held;
        synchronized (this) {
            if (!lease.isLive()) {
                return false;
            }
            long now = instance.now();
            held = now < lease.deadline();
            lease.awaitAnswer(answer);
            if (held) {
                handOn(lease, now, used);
            } else {
                loseByTime(lease);
            }
        }
        drain();
        return held;
    }

    private void handOn(LeaseHandle lease, long now, boolean used) {
        Holding given = held(lease);
        boolean sound = lease.settledState() == LeaseState.HELD;
        long keepUntil = used ? lease.keepUntilNanos() : GiveBack.NOT_KEPT;
        boolean passes = sound && keepUntil <= now && hasWaiters() && given.canPass(now, firstWaiter());
        lease.become(LeaseState.RELEASED, null);
        then(() -> lease.toldReleased(now));
        if (passes) {
            then(() -> lease.releaseAnswered(Ownership.HELD, false));
            given.pass(firstWaiter(), now);
            afterWaitersLeft();
            if (hasWaiters()) {
                awaitPass();
            }
            return;
        }
        holding = null;
        GiveBack giveBack = GiveBack.released(key, given.token(), keepUntil, given.deadline(), lease);
        KeyRequest asked = hasWaiters() ? requestOrNew() : null;
        if (asked == null || keepUntil > now || asked.isReleasing()) {
            then(() -> instance.giveBacks.send(giveBack));
        } else {
            // One step: give back, and queue or be granted anew if nobody else waits.
            asked.release(giveBack);
        }
        if (asked != null) {
            thenSend(asked);
        } else {
            afterWaitersLeft();
        }
        given.stop();
    }

    /** The request, or a new one; null if none can be made now, which is mended later. */
    private @Nullable KeyRequest requestOrNew() {
        try {
            return request != null ? request : newRequest();
        } catch (Throwable t) {
            mend(t);
            return null;
        }
    }

    @Override
    void expire(LeaseHandle lease) {
        synchronized (this) {
            if (lease.isLive() && instance.now() >= lease.deadline()) {
                loseByTime(lease);
            }
        }
        drain();
    }

    private void loseByClosing(LeaseHandle lease) {
        if (instance.now() < lease.deadline()) {
            LeaseHandle.Keeper given = lease.keeper();
            GiveBack giveBack = GiveBack.released(key, given.token(), lease.keepUntilNanos(), given.deadline(), lease);
            then(() -> instance.giveBacks.send(giveBack));
            lose(lease, LossReason.CLOSED, "its DistributedMutex was closed while it was held");
        } else {
            loseByTime(lease);
        }
    }

    @Override
    void loseByTime(LeaseHandle lease) {
        lose(lease, LossReason.EXPIRED, lease.expiry());
    }

    @Override
    void lose(LeaseHandle lease, LossReason reason, String detail) {
        Holding lost = held(lease);
        // At the maximum hold the store's expiry is still to come, and a renewal on its way would put it off: nobody
        // should wait for that.
        boolean free = reason == LossReason.EXPIRED && lost.mayOutliveDeadline(instance.now());
        holding = null;
        if (free) {
            then(() -> instance.giveBacks.disown(key, lost.token()));
        }
        lost.lose(reason, detail);
        KeyRequest asked = hasWaiters() ? requestOrNew() : null;
        if (asked != null) {
            thenSend(asked);
        }
    }

    /** The instance takes no more: waiters are told. */
    void dismiss() {
        synchronized (this) {
            dismissWaiters();
        }
        drain();
    }

    private void dismissWaiters() {
        List<Waiter> told = allWaiters();
        for (Waiter waiter : told) {
            removeWaiter(waiter);
            waiter.fail(Outcomes.closed(key, "closed while waiting"));
        }
        afterWaitersLeft();
        told.forEach(this::thenSignal);
    }

    /** The instance closes: waiters are told, what is held is taken from its holder and released. */
    void close() {
        synchronized (this) {
            dismissWaiters();
            Holding here = holding;
            if (here != null) {
                loseByClosing(here.current());
            }
            retired = true;
            instance.retired(key, this);
        }
        drain();
    }

    // ---- steps

    /** Has something done after all that was decided before. Returns false if this queue has retired: then all that is done. */
    boolean inOrder(Runnable action) {
        synchronized (this) {
            if (retired) {
                return false;
            }
            then(action);
        }
        drain();
        return true;
    }

    @Override
    void allDone() {
        // Only now: until then the instance's close() must find this queue, to wait for what it owes.
        if (!hasWaiters() && request == null && holding == null) {
            retired = true;
            instance.retired(key, this);
        }
    }

    @Override
    void settle() {
        Holding here = holding;
        if (here != null) {
            here.armAnew();
        }
        if (!hasWaiters()) {
            afterWaitersLeft();
        } else if (request != null) {
            if (request.poll == null) {
                // Not on its way for sure; if it is, one poll too many.
                thenSend(request);
            }
        } else if (here == null) {
            thenSend(newRequest());
        } else {
            awaitPass();
        }
    }
}
