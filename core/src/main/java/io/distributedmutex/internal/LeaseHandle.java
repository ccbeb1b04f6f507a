package io.distributedmutex.internal;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexStatus;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.Checks;
import io.distributedmutex.spi.Messages;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoredLease;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The handle of a holder, for as long as the holder keeps it: the lease may have been released or lost long ago. Its state
 * changes under the monitor of the key, by one transition that decides every race between release, expiry and loss; reading it
 * takes no monitor.
 */
final class LeaseHandle implements StoredLease, GiveBack.Released {

    /** In the place of the observers when there is nothing to observe any more. Has none. */
    private static final Observers ALL_TOLD = new Observers();

    private final Keeper keeper;
    private final long fencingToken;
    private final LockOptions options;
    private final long grantedNanos;

    private final FlightEvents.@Nullable Hold event = FlightEvents.beginHold();

    private volatile LeaseState state = LeaseState.HELD;
    private volatile @Nullable LossReason lossReason;
    /** Whose it is, for deadlock detection and messages: a thread, or a name; null if nobody's, and once it has ended. */
    private volatile @Nullable Object owner;

    /** Who is told of the end; null if nobody, {@link #ALL_TOLD} once they have been. Guarded by the monitor. */
    private @Nullable Observers observers;

    LeaseHandle(Keeper keeper, long fencingToken, LockOptions options, @Nullable Object owner, long grantedNanos) {
        this.keeper = keeper;
        this.fencingToken = fencingToken;
        this.options = options;
        this.owner = owner;
        this.grantedNanos = grantedNanos;
    }

    /** What keeps a lease: its deadline, and the ways to lengthen it and to end it. Called without the monitor. */
    interface Keeper {

        /** The monitor, with the key and its instance. */
        Steps monitor();

        /** As the store sees it. */
        String token();

        /** The end of what is believed. */
        long deadline();

        /**
         * Asks the store for more time.
         *
         * @return the store's answer, or null if the lease is no longer held
         */
        @Nullable
        CompletableFuture<Ownership> extend(LeaseHandle lease, long millis);

        /**
         * Releases it if it is held still.
         *
         * @param used whether anybody had it, so that its minimum hold counts
         * @param answer gets the store's answer; null if nobody waits for that
         * @return whether it was held until now
         */
        boolean release(LeaseHandle lease, boolean used, @Nullable CompletableFuture<Boolean> answer);

        /** Its deadline may have passed. */
        void expire(LeaseHandle lease);
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
        return monitor().key;
    }

    @Override
    public long fencingToken() {
        return fencingToken;
    }

    @Override
    public String token() {
        return keeper.token();
    }

    @Override
    public boolean isValid() {
        if (!isLive()) {
            return false;
        }
        if (instance().now() < deadline()) {
            return true;
        }
        keeper.expire(this);
        return false;
    }

    @Override
    public LeaseState state() {
        isValid();
        return state;
    }

    @Override
    public Duration remaining() {
        return isLive() ? Duration.ofNanos(Math.max(0, deadline() - instance().now())) : Duration.ZERO;
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
        synchronized (monitor()) {
            now = state == LeaseState.LOST;
            if (!now && observers != ALL_TOLD) {
                observers().onLost.add(call);
            }
        }
        if (now) {
            instance().scheduler.executeAtOnce(call);
        }
    }

    @Override
    public CompletableFuture<LossReason> lost() {
        CompletableFuture<LossReason> future = new CompletableFuture<>();
        LossReason reason;
        synchronized (monitor()) {
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
        lengthen(millis, instance().now() + options.waitTime().toNanos());
    }

    /** Repeats that after transient errors until an end. */
    private void lengthen(long millis, long end) {
        Instance instance = instance();
        while (true) {
            CompletableFuture<Ownership> answer = keeper.extend(this, millis);
            if (answer == null) {
                isValid();
                throw lostException("cannot be extended");
            }
            try {
                instance.store.await(answer, Long.MAX_VALUE);
                if (!isValid()) {
                    throw lostException("was not extended");
                }
                return;
            } catch (StoreException e) {
                long retry = retryNanos();
                if (!e.isTransient() || instance.now() + retry >= Math.min(end, deadline()) || !isLive()) {
                    throw Outcomes.copy("'" + Messages.shown(monitor().key) + "' not extended: ", e);
                }
                instance.scheduler.sleep(this, retry);
            }
        }
    }

    @Override
    public void ensure(Duration leaseTime) {
        Duration least = Checks.roundedUp("ensure", leaseTime, LockOptions.MINIMUM_LEASE_TIME, LockOptions.MAXIMUM);
        Instance instance = instance();
        long end = instance.now() + options.waitTime().toNanos();
        // More than was asked for, so that a loop that ensures the same time does not ask the store each time.
        long enough = least.toMillis() + 10 + least.toMillis() / 50;
        for (boolean asked = false; ; asked = true) {
            if (!isValid()) {
                throw lostException("cannot be extended");
            }
            long now = instance.now();
            long deadline = deadline();
            Duration left = Duration.ofNanos(Math.max(0, deadline - now));
            if (left.compareTo(least) >= 0) {
                return;
            }
            if (deadline == maximumHoldEnd()) {
                throw new LeaseLostException(
                        "the lease on '" + Messages.shown(monitor().key) + "' cannot last for "
                                + Messages.about(leaseTime)
                                + " still: its maximum hold of " + Messages.about(options.maximumHold()) + " ends in "
                                + Messages.about(left),
                        LossReason.EXPIRED);
            }
            if (asked && now >= end) {
                throw new StoreUnreachableException(
                        "'" + Messages.shown(monitor().key) + "' is held for " + Messages.about(left)
                                + " still, not for " + Messages.about(leaseTime) + ": the store answers too slowly",
                        null);
            }
            lengthen(Math.max(enough, leaseMillis()), end);
        }
    }

    @Override
    public boolean release() {
        CompletableFuture<Boolean> answer = new CompletableFuture<>();
        if (!keeper.release(this, true, answer)) {
            return false;
        }
        Instance instance = instance();
        try {
            // A wait time of zero means one attempt, not no answer; see releaseAttemptFailed.
            long patience = options.waitTime().isZero()
                    ? Long.MAX_VALUE
                    : options.waitTime().toNanos();
            Boolean held = instance.store.await(answer, patience);
            if (held == null) {
                throw new StoreUnreachableException("not confirmed within " + Messages.about(options.waitTime()), null);
            }
            return held;
        } catch (StoreException e) {
            throw Outcomes.copy(
                    "release of '" + Messages.shown(monitor().key)
                            + "' not confirmed; it is repeated until the lease's end, which frees the key: ",
                    e);
        }
    }

    @Override
    public void close() {
        keeper.release(this, true, null);
    }

    /** Nobody has had it: it was granted in the moment in which whoever waited for it gave up. So there is no minimum hold. */
    void giveBackUnused() {
        keeper.release(this, false, null);
    }

    // ---- what the engine does

    Keeper keeper() {
        return keeper;
    }

    private Steps monitor() {
        return keeper.monitor();
    }

    private Instance instance() {
        return keeper.monitor().instance;
    }

    /** The end of what is believed, or of the maximum hold of a renewed lease. */
    long deadline() {
        return Math.min(keeper.deadline(), maximumHoldEnd());
    }

    /** What ended it when its deadline has passed. */
    String expiry() {
        return deadline() == maximumHoldEnd()
                ? "the maximum hold of its autoRenew, " + Messages.about(options.maximumHold()) + ", is over"
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
    Object owner() {
        return owner;
    }

    /** What an owner is called: its thread's name, or the name that its user gave it. */
    static String nameOf(Object owner) {
        return owner instanceof Thread thread ? thread.getName() : owner.toString();
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

    /** Under the monitor, while it is live: what there is to say of it. */
    MutexStatus.Held report(long now) {
        return new MutexStatus.Held(
                key(),
                fencingToken,
                state,
                Duration.ofNanos(now - grantedNanos),
                Duration.ofNanos(deadline() - now),
                Optional.ofNullable(owner).map(LeaseHandle::nameOf));
    }

    void toldReleased(long now) {
        instance().events.released(this, event, now - grantedNanos);
    }

    void toldLost(LossReason reason, String detail) {
        tellLost(takeObservers(), reason, detail);
    }

    private void tellLost(Observers told, LossReason reason, String detail) {
        Instance instance = instance();
        instance.events.lost(this, event, reason, detail);
        told.onLost.forEach(instance.scheduler::executeAtOnce);
        told.lost.forEach(future -> instance.scheduler.executeAtOnce(() -> future.complete(reason)));
    }

    /**
     * The store's answer to the release. That the token did not own the key is bad news, unless an earlier request may
     * have released it already. A store that lost its data is bad news in any case: it may have lost the lease first.
     */
    @Override
    public void releaseAnswered(Ownership answer, boolean repeated) {
        boolean held = answer == Ownership.HELD || (repeated && answer != Ownership.STORE_LOST);
        Observers told;
        synchronized (monitor()) {
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
    @Override
    public void releaseAttemptFailed(StoreException error) {
        if (!options.waitTime().isZero()) {
            return;
        }
        CompletableFuture<Boolean> answer;
        synchronized (monitor()) {
            answer = observers == null ? null : observers.releaseAnswer;
        }
        if (answer != null) {
            answer.completeExceptionally(error);
        }
    }

    /** The store refused to release, or did not answer in time. */
    @Override
    public void releaseFailed(StoreException error) {
        Observers told;
        synchronized (monitor()) {
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
        told.lost.forEach(future -> instance().scheduler.execute(() -> future.cancel(false)));
    }

    /** To tell them; once. */
    private Observers takeObservers() {
        synchronized (monitor()) {
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
                "the lease on '" + Messages.shown(monitor().key) + "' " + what + ": "
                        + (reason == null ? "it was released" : "it was lost (" + reason + ")"),
                reason);
    }

    @Override
    public String toString() {
        return "Lease[" + Messages.shown(monitor().key) + ", fencing token " + fencingToken + ", " + state + "]";
    }
}
