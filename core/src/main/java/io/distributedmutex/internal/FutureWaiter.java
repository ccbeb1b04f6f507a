package io.distributedmutex.internal;

import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.spi.Timer;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A future that waits; its user may end it at any time. */
final class FutureWaiter extends Waiter {

    final CompletableFuture<Lease> future;

    /** The end of the wait; null if it has none. */
    private @Nullable Timer timeout;

    FutureWaiter(
            String key,
            LockOptions options,
            @Nullable String owner,
            long startNanos,
            long waitNanos,
            CompletableFuture<Lease> future) {
        super(key, options, owner, startNanos, waitNanos);
        this.future = future;
    }

    @Override
    void joined(Instance instance, Runnable atTheEnd) {
        if (!isPatient()) {
            timeout = instance.scheduler.runAfter(atTheEnd, waitNanos);
        }
    }

    @Override
    void signal(Instance instance) {
        LeaseHandle granted = lease();
        LockException outcome = failure();
        Timer timer = timeout;
        if (timer != null) {
            instance.scheduler.cancel(timer);
        }
        // On a callback thread, because what the user attached to the future may block.
        instance.scheduler.execute(() -> {
            if (outcome != null) {
                tellFailure(instance, outcome);
                future.completeExceptionally(outcome);
            } else if (granted != null && !future.complete(granted)) {
                // The user ended it between the grant and now.
                granted.giveBackUnused();
            }
        });
    }
}
