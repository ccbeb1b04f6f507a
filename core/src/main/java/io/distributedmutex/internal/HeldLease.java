package io.distributedmutex.internal;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.Ownership;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The handle of a holder. Its state changes under the monitor of the {@link KeyQueue}, by one transition that decides
 * every race between release, expiry and loss; reading it takes no monitor.
 */
final class HeldLease implements Lease {

    /** In the place of the observers when there is nothing to observe any more. Has none. */
    private static final Observers ALL_TOLD = new Observers();

    private final Holding holding;
    private final long fencingToken;
    private final LockOptions options;
    private final long grantedNanos;

    private final FlightEvents.@Nullable Hold event = FlightEvents.beginHold();

    private volatile LeaseState state = LeaseState.HELD;
    private volatile @Nullable LossReason lossReason;
    /** Who waits when this thread waits for a key; for deadlock detection. */
    private volatile @Nullable Thread owner;

    /** Who is told of the end; null if nobody, {@link #ALL_TOLD} once they have been. Guarded by the monitor. */
    private @Nullable Observers observers;

    HeldLease(Holding holding, long fencingToken, Waiter waiter, long grantedNanos) {
        this.holding = holding;
        this.fencingToken = fencingToken;
        this.options = waiter.options;
        this.owner = waiter.thread;
        this.grantedNanos = grantedNanos;
    }

    /** Who is told of the end. */
    private static final class Observers {
        final List<Runnable> onLost = new ArrayList<>(1);
        final List<CompletableFuture<LossReason>> lost = new ArrayList<>(1);

        /** Gets the store's answer to the release. */
        @Nullable
        CompletableFuture<Boolean> releaseAnswer;
    }

    // ---- what the holder asks

    @Override
    public String key() {
        return queue().key;
    }

    @Override
    public long fencingToken() {
        return fencingToken;
    }

    @Override
    public boolean isValid() {
        if (!isLive()) {
            return false;
        }
        if (queue().engine.now() < deadline()) {
            return true;
        }
        queue().expire(this);
        return false;
    }

    @Override
    public LeaseState state() {
        isValid();
        return state;
    }

    @Override
    public Duration remaining() {
        return isLive()
                ? Duration.ofNanos(Math.max(0, deadline() - queue().engine.now()))
                : Duration.ZERO;
    }

    @Override
    public Optional<LossReason> lossReason() {
        isValid();
        return Optional.ofNullable(lossReason);
    }

    @Override
    public void onLost(Consumer<? super Lease> listener) {
        Objects.requireNonNull(listener, "listener");
        Runnable call = () -> listener.accept(this);
        boolean now;
        synchronized (queue()) {
            now = state == LeaseState.LOST;
            if (!now && observers != ALL_TOLD) {
                observers().onLost.add(call);
            }
        }
        if (now) {
            queue().engine.executeAtOnce(call);
        }
    }

    @Override
    public CompletableFuture<LossReason> lost() {
        CompletableFuture<LossReason> future = new CompletableFuture<>();
        LossReason reason;
        synchronized (queue()) {
            reason = lossReason;
            if (reason == null) {
                if (observers == ALL_TOLD) {
                    future.cancel(false);
                } else {
                    observers().lost.add(future);
                }
            }
        }
        if (reason != null) {
            future.complete(reason);
        }
        return future;
    }

    /** Under the monitor, before all are told. */
    private Observers observers() {
        Observers existing = observers;
        if (existing == null) {
            existing = new Observers();
            observers = existing;
        }
        return existing;
    }

    // ---- what the holder does

    @Override
    public void extend(Duration leaseTime) {
        long millis = Checks.roundedUp("extend", leaseTime, LockOptions.MINIMUM_LEASE_TIME, LockOptions.MAXIMUM)
                .toMillis();
        lengthen(millis, queue().engine.now() + options.waitTime().toNanos());
    }

    /** Repeats that after transient errors until an end. */
    private void lengthen(long millis, long end) {
        Engine engine = queue().engine;
        while (true) {
            CompletableFuture<Ownership> answer = holding.extend(this, millis);
            if (answer == null) {
                isValid();
                throw lostException("cannot be extended");
            }
            try {
                engine.await(answer, Long.MAX_VALUE);
                if (!isValid()) {
                    throw lostException("was not extended");
                }
                return;
            } catch (StoreException e) {
                long retry = retryNanos();
                if (!e.isTransient() || engine.now() + retry >= Math.min(end, deadline()) || !isLive()) {
                    throw Engine.copy("'" + Checks.shown(queue().key) + "' not extended: ", e);
                }
                engine.sleep(this, retry);
            }
        }
    }

    @Override
    public void ensure(Duration leaseTime) {
        Duration least = Checks.roundedUp("ensure", leaseTime, LockOptions.MINIMUM_LEASE_TIME, LockOptions.MAXIMUM);
        Engine engine = queue().engine;
        long end = engine.now() + options.waitTime().toNanos();
        // More than was asked for, so that a loop that ensures the same time does not ask the store each time.
        long enough = least.toMillis() + 10 + least.toMillis() / 50;
        for (boolean asked = false; ; asked = true) {
            if (!isValid()) {
                throw lostException("cannot be extended");
            }
            long now = engine.now();
            long deadline = deadline();
            Duration left = Duration.ofNanos(Math.max(0, deadline - now));
            if (left.compareTo(least) >= 0) {
                return;
            }
            if (deadline == maximumHoldEnd()) {
                throw new LeaseLostException(
                        "the lease on '" + Checks.shown(queue().key) + "' cannot last for " + Checks.about(leaseTime)
                                + " still: its maximum hold of " + Checks.about(options.maximumHold()) + " ends in "
                                + Checks.about(left),
                        LossReason.EXPIRED);
            }
            if (asked && now >= end) {
                throw new StoreUnreachableException(
                        "'" + Checks.shown(queue().key) + "' is held for " + Checks.about(left) + " still, not for "
                                + Checks.about(leaseTime) + ": the store answers too slowly",
                        null);
            }
            lengthen(Math.max(enough, leaseMillis()), end);
        }
    }

    @Override
    public boolean release() {
        CompletableFuture<Boolean> answer = new CompletableFuture<>();
        if (!queue().release(this, true, answer)) {
            return false;
        }
        Engine engine = queue().engine;
        try {
            // A wait time of zero means one attempt, not no answer; see releaseAttemptFailed.
            long patience = options.waitTime().isZero()
                    ? Long.MAX_VALUE
                    : options.waitTime().toNanos();
            Boolean held = engine.await(answer, patience);
            if (held == null) {
                throw new StoreUnreachableException("not confirmed within " + Checks.about(options.waitTime()), null);
            }
            return held;
        } catch (StoreException e) {
            throw Engine.copy(
                    "release of '" + Checks.shown(queue().key)
                            + "' not confirmed; it is repeated until the lease's end, which frees the key: ",
                    e);
        }
    }

    @Override
    public void close() {
        queue().release(this, true, null);
    }

    /** Nobody has had it: it was granted in the moment in which whoever waited for it gave up. So there is no minimum hold. */
    void giveBackUnused() {
        queue().release(this, false, null);
    }

    // ---- what the engine does

    Holding holding() {
        return holding;
    }

    private KeyQueue queue() {
        return holding.queue;
    }

    /** The end of what is believed, or of the maximum hold of a renewed lease. */
    long deadline() {
        return Math.min(holding.deadline(), maximumHoldEnd());
    }

    /** What ended it when its deadline has passed. */
    String expiry() {
        return deadline() == maximumHoldEnd()
                ? "the maximum hold of its autoRenew, " + Checks.about(options.maximumHold()) + ", is over"
                : "its deadline passed without a confirmed renewal, extension or release";
    }

    private long maximumHoldEnd() {
        return renews() ? grantedNanos + options.maximumHold().toNanos() : Long.MAX_VALUE;
    }

    long grantedNanos() {
        return grantedNanos;
    }

    /**
     * The state as the last transition left it. Unlike {@link #state()} it does not look at the clock, and so never makes a
     * transition itself: under the monitor, a release or renewal that is being decided would find the lease lost halfway.
     */
    LeaseState settledState() {
        return state;
    }

    boolean isLive() {
        LeaseState now = state;
        return now == LeaseState.HELD || now == LeaseState.AT_RISK;
    }

    boolean renews() {
        return options.renews();
    }

    long leaseMillis() {
        return options.leaseTime().toMillis();
    }

    long retryNanos() {
        return options.retryInterval().toNanos();
    }

    @Nullable
    Thread owner() {
        return owner;
    }

    String tokenPrefix() {
        return prefix(holding.token());
    }

    static String prefix(String token) {
        return token.substring(0, Math.min(6, token.length()));
    }

    /** The end of the minimum hold. */
    long keepUntilNanos() {
        return options.minimumHold().isZero()
                ? GiveBack.NOT_KEPT
                : grantedNanos + options.minimumHold().toNanos();
    }

    /** Under the monitor. */
    void become(LeaseState next, @Nullable LossReason reason) {
        lossReason = reason;
        state = next;
        if (next == LeaseState.RELEASED || next == LeaseState.LOST) {
            owner = null;
        }
    }

    /** Under the monitor, with the transition to RELEASED or LOST. */
    void awaitAnswer(@Nullable CompletableFuture<Boolean> answer) {
        if (answer != null) {
            observers().releaseAnswer = answer;
        }
    }

    void toldReleased(long now) {
        queue().engine.events().released(this, event, now - grantedNanos);
    }

    void toldLost(LossReason reason, String detail) {
        tellLost(takeObservers(), reason, detail);
    }

    private void tellLost(Observers told, LossReason reason, String detail) {
        Engine engine = queue().engine;
        engine.events().lost(this, event, reason, detail);
        told.onLost.forEach(engine::executeAtOnce);
        told.lost.forEach(future -> engine.executeAtOnce(() -> future.complete(reason)));
    }

    /**
     * The store's answer to the release. That the token did not own the key is bad news, unless an earlier request may
     * have released it already. A store that lost its data is bad news in any case: it may have lost the lease first.
     */
    void releaseAnswered(Ownership answer, boolean repeated) {
        boolean held = answer == Ownership.HELD || (repeated && answer != Ownership.STORE_LOST);
        Observers told;
        synchronized (queue()) {
            if (observers == ALL_TOLD || state == LeaseState.LOST) {
                // Taken from its holder, who hears of that, and not of the release.
                return;
            }
            told = takeObservers();
            if (!held) {
                become(LeaseState.LOST, reason(answer));
            }
        }
        if (held) {
            tellReleased(told);
        } else {
            tellLost(told, reason(answer), "it had ended before it was released: the store says so");
        }
        if (told.releaseAnswer != null) {
            told.releaseAnswer.complete(held);
        }
    }

    /** An attempt to release has failed and will be repeated. Who wanted one attempt waits no longer. */
    void releaseAttemptFailed(StoreException error) {
        if (!options.waitTime().isZero()) {
            return;
        }
        CompletableFuture<Boolean> answer;
        synchronized (queue()) {
            answer = observers == null ? null : observers.releaseAnswer;
        }
        if (answer != null) {
            answer.completeExceptionally(error);
        }
    }

    /** The store refused to release, or did not answer in time. */
    void releaseFailed(StoreException error) {
        Observers told;
        synchronized (queue()) {
            if (state == LeaseState.LOST) {
                return;
            }
            told = takeObservers();
        }
        tellReleased(told);
        if (told.releaseAnswer != null) {
            told.releaseAnswer.completeExceptionally(error);
        }
    }

    /** There will be no answer any more that could make it a loss. */
    private void tellReleased(Observers told) {
        told.lost.forEach(future -> queue().engine.execute(() -> future.cancel(false)));
    }

    /** To tell them; once. */
    private Observers takeObservers() {
        synchronized (queue()) {
            Observers told = observers;
            observers = ALL_TOLD;
            return told == null ? ALL_TOLD : told;
        }
    }

    static LossReason reason(@Nullable Ownership answer) {
        if (answer == Ownership.TAKEN) {
            return LossReason.TAKEN;
        }
        return answer == Ownership.STORE_LOST ? LossReason.STORE_LOST : LossReason.REVOKED;
    }

    private LeaseLostException lostException(String what) {
        LossReason reason = lossReason;
        return new LeaseLostException(
                "the lease on '" + Checks.shown(queue().key) + "' " + what + ": "
                        + (reason == null ? "it was released" : "it was lost (" + reason + ")"),
                reason);
    }

    @Override
    public String toString() {
        return "Lease[" + Checks.shown(queue().key) + ", fencing token " + fencingToken + ", " + state + "]";
    }
}
