package io.distributedmutex.verification.simulation;

import io.distributedmutex.Lease;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexListener;
import java.time.Duration;

/** A listener that always throws, which must not matter. */
final class ThrowingListener implements MutexListener {

    @Override
    public void onAcquired(Lease lease, Duration waited) {
        throw new Thrown();
    }

    @Override
    public void onReleased(Lease lease, Duration held) {
        throw new Thrown();
    }

    @Override
    public void onLost(Lease lease, LossReason reason) {
        throw new Thrown();
    }

    /** What it throws. */
    static final class Thrown extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Thrown() {
            super("a listener that throws", null, false, false);
        }
    }
}
