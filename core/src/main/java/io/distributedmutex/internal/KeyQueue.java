package io.distributedmutex.internal;

import io.distributedmutex.LeaseState;
import io.distributedmutex.LockException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.Timer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One key in one instance: who waits for it here, what was asked of the store for them, and what is held.
 *
 * <p>This is lock cohorting (Dice, Marathe and Shavit, "Lock Cohorting", PPoPP 2012): threads stand in a local queue, the
 * instance has one entry in the store's queue, and a lease passes from thread to thread without the store for a bounded
 * number of times ({@code BLOCK} fencing tokens in fence.lua) and a bounded time ({@link #PASS_WINDOW_NANOS}); then one
 * request lets other instances in.
 *
 * <p>The three parts change independently:
 *
 * <ul>
 *   <li>The {@link Waiters}: the local queue, first come first.
 *   <li>{@code request}: null, or on its way, or queued in the store. There is one while somebody waits here, except in
 *       the first {@link #PASS_WINDOW_NANOS} in which the key is held here and may come by a local pass.
 *   <li>{@code holding}: null, or what the store granted, with the one lease that is current.
 * </ul>
 *
 * <p>All state of a key, its leases' included, changes under this object's monitor. What follows from a change (a request
 * to send, a thread to wake, a listener to tell) becomes a step under the monitor ({@link #then}), and is done after it was
 * left ({@link #drain}), by one thread at a time and in the order of the changes. So no store, listener or thread is ever
 * called with the monitor held, and yet no request overtakes one that was decided before it: no poll arrives after the
 * release of what it was granted, no renewal after a shortening that it should have come before. A queue with nothing in
 * it retires: it is removed from the engine, and who comes too late makes a new one.
 *
 * <p>An exception may come out of any change: a stack can be at its end, memory too. A change therefore puts down what
 * follows as soon as it is decided, each thing as a step of its own, and asks the environment last; and what an
 * interrupted change has left open is done by {@link #mend}.
 */
final class KeyQueue extends Waiters {

    /** What could not be done for want of memory, say, is tried again after this long. */
    private static final long MEND_NANOS = 250_000_000L;

    /** How long an instance may favour its own threads, and how long its waiters hope for that before they queue. */
    static final long PASS_WINDOW_NANOS = 2_000_000;

    final Engine engine;
    final String key;

    private @Nullable Request request;
    private volatile @Nullable Holding holding;
    /** Queues for those who wait while the key is held here. */
    private @Nullable Timer joinTimer;

    private boolean retired;

    /** What is to be done, in order: the last step, whose next is the first; null if nothing. */
    private @Nullable Step lastStep;
    /** Whether a thread is doing it. */
    private boolean draining;
    /** Whether a change was interrupted by an exception, and not all that it left open has been done since. */
    private boolean damaged;

    KeyQueue(Engine engine, String key) {
        this.engine = engine;
        this.key = key;
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
            if (waiter.future != null && !waiter.isPatient()) {
                waiter.timeoutAt(engine.runAfter(() -> timeOut(waiter), waiter.waitNanos));
            }
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
        then(() -> waiter.signal(engine));
    }

    private LockException outcomeOfTimeOut(Waiter waiter) {
        String waited = "'" + Checks.shown(key) + "' not acquired within "
                + Checks.about(Duration.ofNanos(waiter.waitNanos)) + ": ";
        Holding here = holding;
        if (here != null) {
            return heldHere(waited, here, waiter.thread);
        }
        Request asked = request;
        if (asked != null && asked.error != null) {
            return Engine.copy(waited, asked.error);
        }
        if (asked == null || !asked.answered) {
            return new StoreUnreachableException(waited + "the store has not answered yet", null);
        }
        return Engine.notAcquired(
                waited,
                key,
                asked.holder,
                asked.holderRemainingMillis < 0
                        ? -1
                        : Math.max(0, asked.holderRemainingMillis - (engine.now() - asked.answeredNanos) / 1_000_000));
    }

    /**
     * @param asking the thread that wants the key; null if that is none
     */
    private LockNotAcquiredException heldHere(String prefix, Holding here, @Nullable Thread asking) {
        Duration remaining = Duration.ofNanos(Math.max(0, here.deadline() - engine.now()));
        Thread owner = here.current().owner();
        String who = owner == null || asking == null
                ? "this instance ("
                : owner == asking ? "the same thread of this instance (" : "another thread of this instance (";
        return new LockNotAcquiredException(
                prefix + "held by " + who + Checks.shown(engine.label()) + ")" + Engine.stillFor(remaining.toMillis()),
                key,
                engine.label(),
                remaining);
    }

    /** With nobody waiting any more, the entry in the store's queue goes, and a grant on its way is given back. */
    private void afterWaitersLeft() {
        if (hasWaiters()) {
            return;
        }
        cancelJoin();
        Request abandoned = request;
        if (abandoned == null) {
            return;
        }
        releaseUnanswered(abandoned);
        long until = engine.now() + Math.max(abandoned.sentLeaseMillis, Request.ALIVE_MILLIS) * 1_000_000;
        if (abandoned.mayBeKnown()) {
            then(() -> engine.giveBack(GiveBack.cancel(key, abandoned.token, until)));
        }
        request = null;
        cancelPoll(abandoned);
    }

    /** Only when all steps are done: until then the instance's close() must find this queue, to wait for what it owes. */
    private void retireIfIdle() {
        if (!hasWaiters() && request == null && holding == null) {
            retired = true;
            engine.retire(this);
        }
    }

    // ---- asking the store

    private Request newRequest() {
        cancelJoin();
        Request created = new Request(Token.draw(engine.environment()));
        request = created;
        return created;
    }

    private void thenSend(Request asked) {
        then(() -> send(asked));
    }

    /** As a step: sends the request, for the first time or as a poll. It may be on its way already: the token is the same. */
    private void send(Request asked) {
        AcquireRequest message;
        long sent;
        synchronized (this) {
            if (request != asked || !hasWaiters()) {
                return;
            }
            cancelPoll(asked);
            sent = engine.now();
            message = asked.message(key, firstWaiter().options, shortestRetryMillis(), sent);
        }
        engine.ask(() -> engine.store().acquire(message), (reply, error) -> takeIn(asked, message, sent, reply, error));
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

    private void poll(Request asked) {
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
            Request asked,
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
                    answered(asked, message, sent, engine.now(), reply, error);
                }
            } catch (Throwable t) {
                mend(t);
            }
        }
        drain();
    }

    private void answered(
            Request asked,
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
            long deadline = sent + Engine.validNanos(leaseMillis);
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
    private void released(Request asked, AcquireRequest message, AcquireReply reply) {
        HeldLease lease = asked.releasing;
        Ownership ownership = reply.released();
        if (lease == null || ownership == null || !Objects.equals(asked.releasingToken, message.releasing())) {
            return;
        }
        boolean repeated = asked.releasingSends > 1;
        then(() -> lease.releaseAnswered(ownership, repeated));
        asked.releasing = null;
        asked.releasingToken = null;
    }

    /**
     * The request carried a release and ends without the answer to it: it was granted by a push, or nobody waits any more.
     * If that answer is lost, nobody learns what became of the release. So it is sent on its own; where the store has done
     * it before, it touches nothing.
     */
    private void releaseUnanswered(Request asked) {
        HeldLease lease = asked.releasing;
        String token = asked.releasingToken;
        if (lease != null && token != null) {
            then(() -> engine.giveBack(GiveBack.releasedAgain(lease, token)));
        }
        asked.releasing = null;
        asked.releasingToken = null;
    }

    /** The reply took longer than the lease: nothing is held by our own deadline. Asking again makes it a fresh lease. */
    private void tooLate(Request asked, AcquireRequest message, long sent, long now) {
        asked.failed(
                new StoreUnreachableException(Engine.grantedTooLate(now - sent, message.leaseMillis()), null), now);
        thenSend(asked);
    }

    private void failed(Request asked, StoreException error) {
        long now = engine.now();
        asked.failed(error, now);
        HeldLease releasing = asked.releasing;
        if (releasing != null) {
            then(() -> releasing.releaseAttemptFailed(error));
        }
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
            waiter.fail(Engine.copy("'" + Checks.shown(key) + "' not acquired: ", error));
        }
        if (!failing.isEmpty()) {
            afterWaitersLeft();
            failing.forEach(this::thenSignal);
        }
        if (request == asked) {
            schedulePoll(asked, Long.MAX_VALUE);
        }
    }

    private void cancelPoll(Request asked) {
        if (asked.poll != null) {
            engine.cancel(asked.poll);
            asked.poll = null;
        }
    }

    private void schedulePoll(Request asked, long atMostMillis) {
        cancelPoll(asked);
        asked.poll = engine.runAfter(() -> poll(asked), Math.min(asked.retryMillis, atMostMillis) * 1_000_000);
    }

    /** Held here, and somebody waits here: hope for a local pass for a moment, then stand in the store's queue too. */
    private void awaitPass() {
        if (request == null && joinTimer == null) {
            joinTimer = engine.runAfter(this::join, PASS_WINDOW_NANOS);
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
            engine.cancel(joinTimer);
            joinTimer = null;
        }
    }

    // ---- being granted

    /** The store's push. */
    void granted(String token, long fencingToken, int fencingTokens) {
        synchronized (this) {
            Request asked = request;
            Holding here = holding;
            try {
                if (asked == null || !asked.token.equals(token)) {
                    // Either it was granted by a reply before, or nobody waits for it any more: a cancel has seen to
                    // that, unless it was lost itself.
                    boolean known = (here != null && here.token().equals(token))
                            || (asked != null && token.equals(asked.releasingToken));
                    if (!known) {
                        then(() -> engine.disown(key, token));
                    }
                } else if (fencingToken > asked.lastFencingToken) {
                    // If not: delayed for so long that its claim time ended, and the store has answered "queued" since.
                    long deadline = asked.baseNanos + Engine.validNanos(asked.claimMillis);
                    if (deadline - engine.now() < leastLeft(asked)) {
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
    private long leastLeft(Request asked) {
        return Math.max(
                asked.leastClaimNanos(), firstWaiter().options.minimumHold().toNanos());
    }

    private void installForFirst(
            Request asked, long fencingToken, int fencingTokens, long deadline, boolean confirmed) {
        Waiter waiter = firstWaiter();
        Holding granted = new Holding(
                this, asked.owner, fencingToken, fencingTokens, deadline, asked.sentLeaseMillis, confirmed, waiter);
        install(asked, granted, waiter);
    }

    private void install(@Nullable Request answeredRequest, Holding granted, Waiter waiter) {
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
    LockNotAcquiredException refusal() {
        Holding here = holding;
        return here != null && here.deadline() > engine.now()
                ? heldHere("'" + Checks.shown(key) + "' not acquired: ", here, Thread.currentThread())
                : null;
    }

    /** Under the monitor: whether this is what is held now. */
    boolean isCurrent(Holding candidate) {
        return holding == candidate;
    }

    @Nullable
    Thread owner() {
        Holding here = holding;
        return here == null ? null : here.current().owner();
    }

    // ---- ending

    /**
     * Returns whether the lease was held until now; if so it is released, and the future gets the store's answer.
     *
     * @param used whether anybody had it, so that its minimum hold counts
     */
    boolean release(HeldLease lease, boolean used, @Nullable CompletableFuture<Boolean> answer) {
        boolean held;
        synchronized (this) {
            if (!lease.isLive()) {
                return false;
            }
            long now = engine.now();
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

    private void handOn(HeldLease lease, long now, boolean used) {
        Holding given = lease.holding();
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
        GiveBack giveBack = GiveBack.released(lease, keepUntil);
        Request asked = hasWaiters() ? requestOrNew() : null;
        if (asked == null || keepUntil > now || asked.releasingToken != null) {
            then(() -> engine.giveBack(giveBack));
        } else {
            // One step: give back, and queue or be granted anew if nobody else waits.
            asked.releasing = lease;
            asked.releasingToken = giveBack.token();
            asked.releasingSends = 0;
        }
        if (asked != null) {
            thenSend(asked);
        } else {
            afterWaitersLeft();
        }
        given.stop();
    }

    /** The request, or a new one; null if none can be made now, which is mended later. */
    private @Nullable Request requestOrNew() {
        try {
            return request != null ? request : newRequest();
        } catch (Throwable t) {
            mend(t);
            return null;
        }
    }

    /** Whoever notices first that the deadline has passed. */
    void expire(HeldLease lease) {
        synchronized (this) {
            if (lease.isLive() && engine.now() >= lease.deadline()) {
                loseByTime(lease);
            }
        }
        drain();
    }

    private void loseByClosing(HeldLease lease) {
        if (engine.now() < lease.deadline()) {
            GiveBack giveBack = GiveBack.released(lease, lease.keepUntilNanos());
            then(() -> engine.giveBack(giveBack));
            lose(lease, LossReason.CLOSED, "its DistributedMutex was closed while it was held");
        } else {
            loseByTime(lease);
        }
    }

    /** Under the monitor: the deadline of a live lease has passed. */
    void loseByTime(HeldLease lease) {
        lose(lease, LossReason.EXPIRED, lease.expiry());
    }

    /** Under the monitor: ends a live lease against its holder's will. */
    void lose(HeldLease lease, LossReason reason, String detail) {
        Holding lost = lease.holding();
        // At the maximum hold the store's expiry is still to come, and a renewal on its way would put it off: nobody
        // should wait for that.
        boolean free = reason == LossReason.EXPIRED && lost.mayOutliveDeadline(engine.now());
        holding = null;
        if (free) {
            then(() -> engine.disown(key, lost.token()));
        }
        lost.lose(reason, detail);
        Request asked = hasWaiters() ? requestOrNew() : null;
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
            waiter.fail(new MutexClosedException("'" + Checks.shown(key) + "' not acquired: closed while waiting"));
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
            engine.retire(this);
        }
        drain();
    }

    // ---- steps

    /** One thing to be done. */
    private static final class Step {
        final Runnable action;
        Step next = this;

        Step(Runnable action) {
            this.action = action;
        }
    }

    /** Under the monitor: has something done after what was put before it, once the monitor is left and drained. */
    void then(Runnable action) {
        Step step = new Step(action);
        engine.begin();
        if (lastStep != null) {
            step.next = lastStep.next;
            lastStep.next = step;
        }
        lastStep = step;
    }

    private @Nullable Step removeFirstStep() {
        if (lastStep == null) {
            return null;
        }
        Step first = lastStep.next;
        if (first == lastStep) {
            lastStep = null;
        } else {
            lastStep.next = first.next;
        }
        return first;
    }

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

    /** Outside the monitor, after each change: does what is to be done, unless a thread is at it, which then does this too. */
    void drain() {
        boolean mine = false;
        try {
            while (true) {
                Step step;
                synchronized (this) {
                    if (draining && !mine) {
                        return;
                    }
                    if (damaged) {
                        settle();
                    }
                    step = removeFirstStep();
                    mine = step != null;
                    draining = mine;
                    if (step == null) {
                        retireIfIdle();
                        return;
                    }
                }
                try {
                    step.action.run();
                } catch (Throwable t) {
                    // Not thrown: the thread may have come for something else, and the steps behind this one must be
                    // done.
                    engine.events().stepFailed(key, t);
                } finally {
                    engine.end();
                }
            }
        } catch (Throwable t) {
            if (mine) {
                synchronized (this) {
                    draining = false;
                }
            }
            drainLater();
            throw t;
        }
    }

    private void drainLater() {
        engine.runAfter(this::drain, MEND_NANOS);
    }

    // ---- mending

    /** Under the monitor: something was thrown in the middle of a change. Does what it left open, now or soon. */
    void mend(Throwable thrown) {
        engine.events().stepFailed(key, thrown);
        damaged = true;
        try {
            settle();
        } catch (Throwable again) {
            drainLater();
        }
    }

    /** Under the monitor: brings back what holds between changes. Does nothing where it does. */
    private void settle() {
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
        damaged = false;
    }
}
