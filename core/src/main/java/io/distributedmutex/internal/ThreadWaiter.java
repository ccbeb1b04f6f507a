package io.distributedmutex.internal;

import io.distributedmutex.LockException;
import io.distributedmutex.LockOptions;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** A thread that waits, parked. */
final class ThreadWaiter extends Waiter {

    private final Thread thread = Thread.currentThread();

    /** Whether the thread has left with an exception: what it is granted is given back. */
    private volatile boolean abandoned;

    /**
     * The calling thread.
     *
     * @param owner the name of who waits; null for the thread itself
     */
    ThreadWaiter(String key, LockOptions options, @Nullable String owner, long startNanos, long waitNanos) {
        super(key, options, owner != null ? owner : Thread.currentThread(), startNanos, waitNanos);
    }

    @Override
    void joined(Instance instance, Runnable atTheEnd) {}

    /** The thread leaves with an exception. Cannot fail: whoever grants to this waiter from now on gives back. */
    void abandon() {
        abandoned = true;
    }

    @Override
    void signal(Instance instance) {
        LeaseHandle granted = lease();
        LockException outcome = failure();
        LockSupport.unpark(thread);
        if (abandoned && granted != null) {
            granted.giveBackUnused();
        } else if (abandoned && outcome != null) {
            tellFailure(instance, outcome);
        }
    }
}
