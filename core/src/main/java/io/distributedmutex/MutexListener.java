package io.distributedmutex;

import java.time.Duration;

/**
 * Hears of everything that happens to the locks of one instance. All methods default to doing nothing.
 *
 * <p>Calls come one at a time and in order, on a callback thread of the instance. Exceptions of a listener are logged. A
 * listener that blocks delays no lock, but all listeners that are not {@linkplain #isImmediate() immediate}: up to 10,000 calls
 * wait, further ones are dropped, and a WARN line counts them. Immediate listeners are called otherwise.
 */
public interface MutexListener {

    /**
     * Whether this listener is called at once, on the thread on which the event happens, instead of on a callback thread. For
     * one that only counts: waking a callback thread costs more than counting. Default false. Asked once, when the instance is
     * built.
     *
     * <p>An immediate listener must return within microseconds: the caller waits for it, and so does all that uses the store's
     * connection. It must not block, and must not call the instance or its leases but for what they know of themselves. Several
     * threads may call it at a time. None of its calls is dropped, and those about one lease come in order.
     *
     * @return whether it is
     */
    default boolean isImmediate() {
        return false;
    }

    /**
     * A lease was granted.
     *
     * @param lease the lease
     * @param waited how long the caller waited for it
     */
    default void onAcquired(Lease lease, Duration waited) {}

    /**
     * An acquire ended without a lease.
     *
     * @param key the key
     * @param waited how long the caller waited
     * @param outcome why
     */
    default void onNotAcquired(String key, Duration waited, LockException outcome) {}

    /**
     * A holder gave its lease back.
     *
     * @param lease the lease
     * @param held how long it was held
     */
    default void onReleased(Lease lease, Duration held) {}

    /**
     * Renewal of a lease is failing; it is still valid.
     *
     * @param lease the lease
     */
    default void onAtRisk(Lease lease) {}

    /**
     * A lease that was at risk has been renewed.
     *
     * @param lease the lease
     */
    default void onRecovered(Lease lease) {}

    /**
     * A lease was lost.
     *
     * @param lease the lease
     * @param reason why
     */
    default void onLost(Lease lease, LossReason reason) {}

    /**
     * The store did not confirm a release until the lease's end: the key was freed by its expiry.
     *
     * @param key the key
     * @param error the last error
     */
    default void onReleaseUnconfirmed(String key, StoreException error) {}

    /**
     * Owners wait for each other's keys in a circle, of which this instance has the youngest wait. Told once for each circle,
     * and only there. Under {@link OnDeadlock#FAIL} that wait has ended already. An owner is the thread that acquired a lease:
     * where another thread releases it, this may be a false alarm.
     *
     * @param circle who waits for what
     */
    default void onDeadlock(Deadlock circle) {}

    /**
     * This instance released a key by force.
     *
     * @param evicted what was released
     */
    default void onForcedRelease(LockInfo evicted) {}
}
