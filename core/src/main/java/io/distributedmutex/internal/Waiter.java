package io.distributedmutex.internal;

import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.spi.Timer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A thread or future that waits for a key in its instance's local queue.
 *
 * <p>Its outcome is set once, under the monitor of the {@link KeyQueue}, together with its removal from the queue: that one
 * transition decides every race between a grant, a time-out, an interrupt, a cancellation and a close. Waking up, in
 * {@link #signal}, happens after the monitor was left.
 */
final class Waiter {

    /** A wait without an end. */
    static final long FOREVER = Long.MAX_VALUE;

    final String key;
    final LockOptions options;
    final long startNanos;
    /** How long to wait for other holders; {@link #FOREVER} for no limit. */
    final long waitNanos;

    final @Nullable Thread thread;
    final @Nullable CompletableFuture<Lease> future;
    final FlightEvents.@Nullable Acquire event = FlightEvents.beginAcquire();

    /** Whether it waits still, and its place in {@link Waiters}. Guarded by the monitor. */
    boolean queued;

    @Nullable
    Waiter previous;

    @Nullable
    Waiter next;

    /** Whether its thread has left with an exception: what it is granted is given back. */
    volatile boolean abandoned;

    private volatile @Nullable HeldLease lease;
    private volatile @Nullable LockException failure;
    /** The end of an asynchronous wait; a thread minds its own. */
    private @Nullable Timer timeout;

    Waiter(
            String key,
            LockOptions options,
            long startNanos,
            long waitNanos,
            @Nullable Thread thread,
            @Nullable CompletableFuture<Lease> future) {
        this.key = key;
        this.options = options;
        this.startNanos = startNanos;
        this.waitNanos = waitNanos;
        this.thread = thread;
        this.future = future;
    }

    boolean isPatient() {
        return waitNanos == FOREVER;
    }

    long retryMillis() {
        return options.retryInterval().toMillis();
    }

    /** How long this waiter may still wait. */
    long leftNanos(long now) {
        return isPatient() ? FOREVER : waitNanos - (now - startNanos);
    }

    /** Under the monitor, with the removal from the queue. */
    void grant(HeldLease granted) {
        lease = granted;
    }

    /** Under the monitor, with the removal from the queue. */
    void fail(LockException outcome) {
        failure = outcome;
    }

    boolean isSettled() {
        return lease != null || failure != null;
    }

    @Nullable
    HeldLease lease() {
        return lease;
    }

    @Nullable
    LockException failure() {
        return failure;
    }

    /** Under the monitor. */
    void timeoutAt(Timer timer) {
        timeout = timer;
    }

    /** Wakes whoever waits. After the outcome was set, outside the monitor. */
    void signal(Engine engine) {
        HeldLease granted = lease;
        LockException outcome = failure;
        if (future == null) {
            LockSupport.unpark(thread);
            if (abandoned && granted != null) {
                granted.giveBackUnused();
            } else if (abandoned && outcome != null) {
                engine.events().notAcquired(key, event, engine.now() - startNanos, outcome);
            }
            return;
        }
        Timer timer = timeout;
        if (timer != null) {
            engine.cancel(timer);
        }
        // On a callback thread, because what the user attached to the future may block.
        engine.execute(() -> {
            if (outcome != null) {
                engine.events().notAcquired(key, event, engine.now() - startNanos, outcome);
                future.completeExceptionally(outcome);
            } else if (granted != null && !future.complete(granted)) {
                // The user ended it between the grant and now.
                granted.giveBackUnused();
            }
        });
    }
}
