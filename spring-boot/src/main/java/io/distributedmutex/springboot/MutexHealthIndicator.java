package io.distributedmutex.springboot;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LockException;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.MutexStatus;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;

/**
 * Whether Redis answers, by a look at a key. A slow answer is an answer. No answer within the command time-out on a connection
 * that is there, and a user who may not look at this key, say nothing of other locks: the status is then UNKNOWN.
 */
final class MutexHealthIndicator implements HealthIndicator {

    /** Nobody's lock, but it could be anybody's: looking at a key changes nothing. */
    static final String KEY = "distributed-mutex:health";

    private final DistributedMutex mutex;

    MutexHealthIndicator(DistributedMutex mutex) {
        this.mutex = mutex;
    }

    @Override
    public Health health() {
        Health.Builder health = Health.up();
        MutexStatus status = mutex.status();
        health.withDetail("holder", status.holderLabel())
                .withDetail("held", status.held().size())
                .withDetail("waiting", status.waiting().size());
        long start = System.nanoTime();
        try {
            mutex.inspect(KEY);
            health.withDetail("roundTripMillis", Math.round((System.nanoTime() - start) / 10_000.0) / 100.0);
        } catch (LockException e) {
            health.status(statusOf(e)).withException(e);
        }
        return health.build();
    }

    private static Status statusOf(LockException failure) {
        if (failure instanceof MutexClosedException) {
            return Status.OUT_OF_SERVICE;
        }
        if (failure instanceof StoreRefusedException refused) {
            return refused.reason() == StoreRefusedException.Reason.PERMISSION ? Status.UNKNOWN : Status.DOWN;
        }
        return failure instanceof StoreException store && !store.isSurelyNotSent() ? Status.UNKNOWN : Status.DOWN;
    }
}
