package io.distributedmutex.api;

import io.distributedmutex.Deadlock;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexListener;
import io.distributedmutex.StoreException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Writes down every call, one line each, and then does what the test wants. */
final class RecordingListener implements MutexListener {

    final List<String> calls = new CopyOnWriteArrayList<>();
    final List<LockException> outcomes = new CopyOnWriteArrayList<>();
    final List<Lease> leases = new CopyOnWriteArrayList<>();

    /** Runs in every call after it was written down. */
    volatile Runnable then = () -> {};

    @Override
    public void onAcquired(Lease lease, Duration waited) {
        leases.add(lease);
        record("acquired " + lease.key() + " after " + waited.toMillis());
    }

    @Override
    public void onNotAcquired(String key, Duration waited, LockException outcome) {
        outcomes.add(outcome);
        record("not acquired " + key + " after " + waited.toMillis() + ": "
                + outcome.getClass().getSimpleName());
    }

    @Override
    public void onReleased(Lease lease, Duration held) {
        leases.add(lease);
        record("released " + lease.key() + " after " + held.toMillis());
    }

    @Override
    public void onAtRisk(Lease lease) {
        leases.add(lease);
        record("at risk " + lease.key());
    }

    @Override
    public void onRecovered(Lease lease) {
        leases.add(lease);
        record("recovered " + lease.key());
    }

    @Override
    public void onLost(Lease lease, LossReason reason) {
        leases.add(lease);
        record("lost " + lease.key() + ": " + reason);
    }

    @Override
    public void onReleaseUnconfirmed(String key, StoreException error) {
        outcomes.add(error);
        record("release unconfirmed " + key);
    }

    @Override
    public void onDeadlock(Deadlock circle) {
        record("deadlock " + circle.keys());
    }

    @Override
    public void onForcedRelease(LockInfo evicted) {
        record("forced release of " + evicted.key() + " from "
                + evicted.holder().orElse("a foreign client"));
    }

    private void record(String call) {
        calls.add(call);
        then.run();
    }
}
