package io.distributedmutex.internal;

import io.distributedmutex.LeaseState;
import io.distributedmutex.LockException;
import io.distributedmutex.LockNotObtainedException;
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
 */
final class KeyQueue extends Waiters {

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

    KeyQueue(Engine engine, String key) {
        this.engine = engine;
        this.key = key;
    }

    // ---- waiting

    /** Returns false if this queue has retired. */
    boolean add(Waiter waiter) {
        synchronized (this) {
            if (retired) {
                return false;
            }
            addWaiter(waiter);
            if (waiter.future != null && !waiter.isPatient()) {
                waiter.timeoutAt(engine.environment().runAfter(() -> timeOut(waiter), waiter.waitNanos));
            }
            if (holding != null) {
                awaitPass();
            } else if (request == null) {
                thenSend(newRequest());
            }
        }
        drain();
        return true;
    }

    /** The wait time is over. Does nothing if the waiter has an outcome already. */
    void timeOut(Waiter waiter) {
        synchronized (this) {
            if (waiter.queued) {
                then(giveUp(waiter, outcomeOfTimeOut(waiter)));
            }
        }
        drain();
    }

    /** Interrupted or cancelled. Does nothing if the waiter has an outcome already. */
    void giveUpBecause(Waiter waiter, LockException outcome) {
        synchronized (this) {
            if (waiter.queued) {
                then(giveUp(waiter, outcome));
            }
        }
        drain();
    }

    private Runnable giveUp(Waiter waiter, LockException outcome) {
        removeWaiter(waiter);
        waiter.fail(outcome);
        Runnable left = afterWaitersLeft();
        return () -> {
            run(left);
            waiter.signal(engine);
        };
    }

    private LockException outcomeOfTimeOut(Waiter waiter) {
        String waited = "'" + Checks.shown(key) + "' not obtained within " + waiter.waitNanos / 1_000_000 + " ms: ";
        Holding here = holding;
        if (here != null) {
            return heldHere(waited, here);
        }
        Request asked = request;
        if (asked != null && asked.error != null) {
            return Engine.copy(waited, asked.error);
        }
        if (asked == null || !asked.answered) {
            return new StoreUnreachableException(waited + "the store has not answered yet", null);
        }
        return Engine.notObtained(
                waited,
                key,
                asked.holder,
                asked.holderRemainingMillis < 0
                        ? -1
                        : Math.max(0, asked.holderRemainingMillis - (engine.now() - asked.answeredNanos) / 1_000_000));
    }

    private LockNotObtainedException heldHere(String prefix, Holding here) {
        Duration remaining = Duration.ofNanos(Math.max(0, here.deadline() - engine.now()));
        return new LockNotObtainedException(
                prefix + "held by another thread of this instance (" + Checks.shown(engine.label()) + ") for "
                        + remaining.toMillis() + " ms still",
                key,
                engine.label(),
                remaining);
    }

    /** With nobody waiting any more, the entry in the store's queue goes, and a grant on its way is given back. */
    private @Nullable Runnable afterWaitersLeft() {
        if (hasWaiters()) {
            return null;
        }
        cancelJoin();
        Request abandoned = request;
        request = null;
        if (abandoned == null) {
            return null;
        }
        cancelPoll(abandoned);
        long now = engine.now();
        HeldLease releasing = abandoned.releasing;
        String releasingToken = abandoned.releasingToken;
        abandoned.releasing = null;
        abandoned.releasingToken = null;
        long until = now + Math.max(abandoned.sentLeaseMillis, Request.ALIVE_MILLIS) * 1_000_000;
        return () -> {
            if (releasing != null && releasingToken != null) {
                // The step that was to release it may not have taken effect; if it has, this one touches nothing.
                engine.giveBack(GiveBack.release(
                        key, releasingToken, GiveBack.NOT_KEPT, releasing.deadline(), releasing, true));
            }
            if (abandoned.baseNanos >= 0) {
                engine.giveBack(GiveBack.cancel(key, abandoned.token, until));
            }
        };
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
            message = asked.message(key, firstWaiter().options, sent);
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

    private void takeIn(
            Request asked,
            AcquireRequest message,
            long sent,
            @Nullable AcquireReply reply,
            @Nullable StoreException error) {
        synchronized (this) {
            if (reply != null) {
                then(released(asked, message, reply));
            }
            // If it is another: given up, and a cancel is on its way behind this request; or granted by push meanwhile.
            if (request == asked) {
                then(answered(asked, message, sent, engine.now(), reply, error));
            }
        }
        drain();
    }

    private @Nullable Runnable answered(
            Request asked,
            AcquireRequest message,
            long sent,
            long now,
            @Nullable AcquireReply reply,
            @Nullable StoreException error) {
        if (error != null) {
            return failed(asked, error);
        }
        if (reply instanceof AcquireReply.Refused refused) {
            asked.refused(sent, now, refused);
            // At the end of the holder's lease the key is free without anybody telling us.
            long remaining = refused.remainingMillis();
            schedulePoll(asked, remaining < 0 || remaining == Long.MAX_VALUE ? Long.MAX_VALUE : remaining + 1);
            return null;
        }
        if (reply instanceof AcquireReply.Granted granted) {
            long leaseMillis = message.leaseMillis();
            long deadline = sent + Engine.validNanos(leaseMillis);
            if (deadline <= now) {
                return tooLate(asked, message, sent);
            }
            if (leaseMillis < firstWaiter().options.leaseTime().toMillis() && deadline - now < leastLeft(asked)) {
                // Asked for by a waiter who has left, and wanted less: it might be over before it is lengthened.
                return () -> send(asked);
            }
            return installForFirst(
                    asked,
                    granted.fencingToken(),
                    granted.fencingTokens(),
                    deadline,
                    leaseMillis >= asked.sentLeaseMillis);
        }
        throw new IllegalStateException("neither reply nor error");
    }

    /** What became of the lease that the request gave back first. */
    private @Nullable Runnable released(Request asked, AcquireRequest message, AcquireReply reply) {
        HeldLease lease = asked.releasing;
        Ownership ownership = reply.released();
        if (lease == null || ownership == null || !Objects.equals(asked.releasingToken, message.releasing())) {
            return null;
        }
        boolean repeated = asked.releasingSends > 1;
        asked.releasing = null;
        asked.releasingToken = null;
        return () -> lease.releaseAnswered(ownership, repeated);
    }

    /**
     * The request was granted by other means than the answer to the release that it carries, and so is not repeated: the
     * release is, by itself. Else, with that answer lost, who waits for its outcome would wait for ever.
     */
    private @Nullable Runnable releaseUnanswered(Request asked) {
        HeldLease lease = asked.releasing;
        String token = asked.releasingToken;
        asked.releasing = null;
        asked.releasingToken = null;
        return lease == null || token == null
                ? null
                : () -> engine.giveBack(GiveBack.release(key, token, GiveBack.NOT_KEPT, lease.deadline(), lease, true));
    }

    /** The reply took longer than the lease: nothing is held by our own deadline. Asking again makes it a fresh lease. */
    private Runnable tooLate(Request asked, AcquireRequest message, long sent) {
        long now = engine.now();
        asked.failed(
                new StoreUnreachableException(
                        "the store's grant arrived after " + (now - sent) / 1_000_000 + " ms, when the lease time of "
                                + message.leaseMillis() + " ms was over",
                        null),
                now);
        return () -> send(asked);
    }

    private @Nullable Runnable failed(Request asked, StoreException error) {
        long now = engine.now();
        asked.failed(error, now);
        List<Waiter> failing = new ArrayList<>();
        for (Waiter waiter : allWaiters()) {
            // Who waits without limit for other holders does not wait without limit for a store that is away.
            if (!error.isTransient()
                    || (waiter.isPatient()
                            && now - asked.failingSinceNanos
                                    >= waiter.options.waitTime().toNanos())) {
                failing.add(waiter);
            }
        }
        Runnable left = settleAll(failing, "'" + Checks.shown(key) + "' not obtained: ", error);
        if (request == asked) {
            schedulePoll(asked, Long.MAX_VALUE);
        }
        return left;
    }

    private Runnable settleAll(List<Waiter> failing, String message, StoreException error) {
        for (Waiter waiter : failing) {
            removeWaiter(waiter);
            waiter.fail(Engine.copy(message, error));
        }
        Runnable left = afterWaitersLeft();
        return () -> {
            run(left);
            failing.forEach(waiter -> waiter.signal(engine));
        };
    }

    private void cancelPoll(Request asked) {
        if (asked.poll != null) {
            engine.environment().cancel(asked.poll);
            asked.poll = null;
        }
    }

    private void schedulePoll(Request asked, long atMostMillis) {
        cancelPoll(asked);
        long retry = firstWaiter().options.retryInterval().toMillis();
        asked.poll = engine.environment().runAfter(() -> poll(asked), Math.min(retry, atMostMillis) * 1_000_000);
    }

    /** Held here, and somebody waits here: hope for a local pass for a moment, then stand in the store's queue too. */
    private void awaitPass() {
        if (request == null && joinTimer == null) {
            joinTimer = engine.environment().runAfter(this::join, PASS_WINDOW_NANOS);
        }
    }

    private void join() {
        synchronized (this) {
            joinTimer = null;
            if (request == null && hasWaiters()) {
                thenSend(newRequest());
            }
        }
        drain();
    }

    private void cancelJoin() {
        if (joinTimer != null) {
            engine.environment().cancel(joinTimer);
            joinTimer = null;
        }
    }

    // ---- being granted

    /** The store's push. */
    void granted(String token, long fencingToken, int fencingTokens) {
        synchronized (this) {
            Request asked = request;
            Holding here = holding;
            if (asked == null || !asked.token.equals(token)) {
                // Either it was granted by a reply before, or nobody waits for it any more: a cancel has seen to that,
                // unless it was lost itself.
                boolean known = (here != null && here.token().equals(token))
                        || (asked != null && token.equals(asked.releasingToken));
                then(known ? null : () -> engine.disown(key, token));
            } else if (fencingToken > asked.lastFencingToken) {
                // If not: delayed for so long that its claim time ended, and the store has answered "queued" since.
                long deadline = asked.baseNanos + Engine.validNanos(asked.claimMillis);
                then(
                        deadline - engine.now() < leastLeft(asked)
                                // Late. If the key is still ours, the answer will say so and make it a full lease.
                                ? () -> send(asked)
                                : installForFirst(asked, fencingToken, fencingTokens, deadline, false));
            }
        }
        drain();
    }

    /** Takes over a grant that was obtained without queueing. Returns false if this queue has retired. */
    boolean adopt(Holding granted, Waiter waiter) {
        synchronized (this) {
            if (retired) {
                return false;
            }
            then(install(null, granted, waiter));
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

    private Runnable installForFirst(
            Request asked, long fencingToken, int fencingTokens, long deadline, boolean confirmed) {
        Waiter waiter = removeFirstWaiter();
        Holding granted = new Holding(
                this, asked.owner, fencingToken, fencingTokens, deadline, asked.sentLeaseMillis, confirmed, waiter);
        return install(asked, granted, waiter);
    }

    private Runnable install(@Nullable Request answeredRequest, Holding granted, Waiter waiter) {
        Runnable unanswered = null;
        if (answeredRequest != null) {
            cancelPoll(answeredRequest);
            request = null;
            unanswered = releaseUnanswered(answeredRequest);
        }
        Runnable release = unanswered;
        Holding before = holding;
        // The store gave the key anew while a lease here believed to have it: that one was deleted or its data lost.
        Runnable displaced = before == null ? null : before.lose(LossReason.TAKEN, "the store granted the key anew");
        holding = granted;
        Runnable given = granted.begin(waiter);
        if (hasWaiters()) {
            awaitPass();
        }
        return () -> {
            run(displaced);
            given.run();
            run(release);
        };
    }

    /** Why a try fails without the store being asked: the key is held here. Null if it is not. */
    @Nullable
    LockNotObtainedException refusal() {
        Holding here = holding;
        return here != null && here.deadline() > engine.now()
                ? heldHere("'" + Checks.shown(key) + "' not obtained: ", here)
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
            then(held ? handOn(lease, now, used) : lose(lease, LossReason.EXPIRED, HeldLease.EXPIRED_DETAIL));
        }
        drain();
        return held;
    }

    private Runnable handOn(HeldLease lease, long now, boolean used) {
        Holding given = lease.holding();
        boolean sound = lease.settledState() == LeaseState.HELD;
        lease.become(LeaseState.RELEASED, null);
        Runnable next;
        long keepUntil = used ? lease.keepUntilNanos() : GiveBack.NOT_KEPT;
        boolean kept = keepUntil > now;
        if (sound && !kept && hasWaiters() && given.canPass(now, firstWaiter())) {
            Runnable passed = given.pass(removeFirstWaiter());
            Runnable left = afterWaitersLeft();
            if (hasWaiters()) {
                awaitPass();
            }
            next = () -> {
                lease.releaseAnswered(Ownership.HELD, false);
                passed.run();
                run(left);
            };
        } else {
            given.stop();
            holding = null;
            GiveBack giveBack = GiveBack.release(key, given.token(), keepUntil, given.deadline(), lease, false);
            if (!hasWaiters()) {
                Runnable left = afterWaitersLeft();
                next = () -> {
                    engine.giveBack(giveBack);
                    run(left);
                };
            } else {
                Request asked = request != null ? request : newRequest();
                if (kept || asked.releasingToken != null) {
                    next = () -> {
                        engine.giveBack(giveBack);
                        send(asked);
                    };
                } else {
                    // One step: give back, and queue or be granted anew if nobody else waits.
                    asked.releasing = lease;
                    asked.releasingToken = giveBack.token();
                    asked.releasingSends = 0;
                    next = () -> send(asked);
                }
            }
        }
        return () -> {
            lease.toldReleased(now);
            next.run();
        };
    }

    /** Whoever notices first that the deadline has passed. */
    void expire(HeldLease lease) {
        synchronized (this) {
            if (lease.isLive() && engine.now() >= lease.deadline()) {
                then(lose(lease, LossReason.EXPIRED, HeldLease.EXPIRED_DETAIL));
            }
        }
        drain();
    }

    /** Under the monitor: ends a live lease against its holder's will. */
    Runnable lose(HeldLease lease, LossReason reason, String detail) {
        Holding lost = lease.holding();
        // At the maximum hold the store's expiry is still to come, and a renewal on its way would put it off: nobody
        // should wait for that.
        boolean free = reason == LossReason.EXPIRED && lost.mayOutliveDeadline(engine.now());
        Runnable told = lost.lose(reason, detail);
        holding = null;
        Request asked = !hasWaiters() ? null : request != null ? request : newRequest();
        return () -> {
            if (free) {
                engine.disown(key, lost.token());
            }
            told.run();
            if (asked != null) {
                send(asked);
            }
        };
    }

    /** The instance closes: waiters are told, what is held is released. */
    void close() {
        synchronized (this) {
            List<Waiter> told = allWaiters();
            for (Waiter waiter : told) {
                removeWaiter(waiter);
                waiter.fail(new MutexClosedException("'" + Checks.shown(key) + "' not obtained: closed while waiting"));
            }
            then(afterWaitersLeft());
            Holding here = holding;
            if (here != null) {
                then(handOn(here.current(), engine.now(), true));
            }
            then(() -> told.forEach(waiter -> waiter.signal(engine)));
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
    void then(@Nullable Runnable action) {
        if (action == null) {
            return;
        }
        engine.begin();
        Step step = new Step(action);
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
        while (true) {
            Step step;
            synchronized (this) {
                if (draining && !mine) {
                    return;
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
            } catch (RuntimeException | Error e) {
                // Not thrown: the thread may have come for something else, and the steps behind this one must be done.
                engine.events().stepFailed(key, e);
            } finally {
                engine.end();
            }
        }
    }

    static void run(@Nullable Runnable after) {
        if (after != null) {
            after.run();
        }
    }
}
