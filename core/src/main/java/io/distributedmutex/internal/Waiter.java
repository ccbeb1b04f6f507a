package io.distributedmutex.internal;

import io.distributedmutex.LockException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexStatus;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Waits for a key in its instance's local queue: a {@link ThreadWaiter thread} or a {@link FutureWaiter future}.
 *
 * <p>Its outcome is set once, under the monitor of the key, together with its removal from the queue: that one transition
 * decides every race between a grant, a time-out, an interrupt, a cancellation and a close. Waking up, in {@link #signal},
 * happens after the monitor was left.
 */
abstract class Waiter {

    /** A wait without an end. */
    static final long FOREVER = Long.MAX_VALUE;

    final String key;
    final LockOptions options;
    /**
     * Who waits, for deadlock detection and messages: a thread, or the name that a user gave its work; null for a future
     * without a name. Two are the same if they are equal.
     */
    final @Nullable Object owner;

    final long startNanos;
    /** How long to wait for other holders; {@link #FOREVER} for no limit. */
    final long waitNanos;

    final FlightEvents.@Nullable Acquire event = FlightEvents.beginAcquire();

    /** Whether it waits still, and its place in {@link Waiters}. Guarded by the monitor. */
    boolean queued;

    @Nullable
    Waiter previous;

    @Nullable
    Waiter next;

    private volatile @Nullable LeaseHandle lease;
    private volatile @Nullable LockException failure;

    Waiter(String key, LockOptions options, @Nullable Object owner, long startNanos, long waitNanos) {
        this.key = key;
        this.options = options;
        this.owner = owner;
        this.startNanos = startNanos;
        this.waitNanos = waitNanos;
    }

    final boolean isPatient() {
        return waitNanos == FOREVER;
    }

    final long retryMillis() {
        return options.retryInterval().toMillis();
    }

    /** How long this waiter may still wait. */
    final long leftNanos(long now) {
        return isPatient() ? FOREVER : waitNanos - (now - startNanos);
    }

    /** Under the monitor, with the removal from the queue. */
    final void grant(LeaseHandle granted) {
        lease = granted;
    }

    /** Under the monitor, with the removal from the queue. */
    final void fail(LockException outcome) {
        failure = outcome;
    }

    final boolean isSettled() {
        return lease != null || failure != null;
    }

    @Nullable
    final LeaseHandle lease() {
        return lease;
    }

    @Nullable
    final LockException failure() {
        return failure;
    }

    /** Tells listener and log that the key was not acquired. */
    final void tellFailure(Instance instance, LockException outcome) {
        instance.events.notAcquired(key, event, instance.now() - startNanos, outcome);
    }

    /** What there is to say of it. */
    final MutexStatus.Waiting report(long now) {
        long waited = now - startNanos;
        return new MutexStatus.Waiting(
                key,
                Duration.ofNanos(waited),
                isPatient() ? Optional.empty() : Optional.of(Duration.ofNanos(Math.max(0, waitNanos - waited))),
                Optional.ofNullable(owner).map(LeaseHandle::nameOf));
    }

    /** Under the monitor: stands in the queue now. A thread minds the end of its wait itself; a future has a timer. */
    abstract void joined(Instance instance, Runnable atTheEnd);

    /** After the outcome was set, outside the monitor: lets it be known. */
    abstract void signal(Instance instance);
}
