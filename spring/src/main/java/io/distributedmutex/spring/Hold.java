package io.distributedmutex.spring;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import java.util.concurrent.atomic.AtomicInteger;

/** A lease that several calls share, one within the other: the last one that leaves gives it back. */
final class Hold {

    private final DistributedMutex mutex;
    private final Lease lease;
    private final AtomicInteger entries = new AtomicInteger(1);

    /**
     * The first call has entered.
     *
     * @param mutex the bean, not a view of it
     */
    Hold(DistributedMutex mutex, Lease lease) {
        this.mutex = mutex;
        this.lease = lease;
    }

    Lease lease() {
        return lease;
    }

    boolean isOn(DistributedMutex otherMutex, String key) {
        return mutex == otherMutex && lease.key().equals(key);
    }

    /** One call more; false if the last one has left already. */
    boolean enter() {
        return entries.getAndUpdate(count -> count == 0 ? 0 : count + 1) > 0;
    }

    void leave() {
        if (entries.decrementAndGet() == 0) {
            lease.close();
        }
    }
}
