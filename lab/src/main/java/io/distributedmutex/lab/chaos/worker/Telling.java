package io.distributedmutex.lab.chaos.worker;

import io.distributedmutex.Lease;
import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.history.Standstills;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The reports of a chaos worker about itself. A thread of its own looks every 10 ms at the deadlines of held leases, since a
 * renewal moves a deadline and tells nobody. That thread also reports standstills of the process.
 */
final class Telling {

    /** A deadline that moves by less is the same one, seen at another moment. */
    private static final long SAME_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
    /** How long a look at the lease may take, by a look at the clock before it and one after it. */
    private static final long CLOSE_NANOS = TimeUnit.MICROSECONDS.toNanos(200);

    private static final int LOOKS = 5;

    /** A lease that is held, and what was reported of it. */
    private static final class Told {
        private final Lease lease;
        private final long call;
        private volatile long leaseMillis;
        private volatile long deadline;

        Told(Lease lease, long call, long leaseMillis) {
            this.lease = lease;
            this.call = call;
            this.leaseMillis = leaseMillis;
        }
    }

    private final int worker;
    private final Consumer<Event> listener;
    private final Map<Lease, Told> held = new ConcurrentHashMap<>();
    private volatile boolean stopped;

    Telling(int worker, Consumer<Event> listener) {
        this.worker = worker;
        this.listener = listener;
    }

    void start() {
        Thread ticker = new Thread(this::tick, "ticker");
        ticker.setDaemon(true);
        ticker.start();
    }

    void stop() {
        stopped = true;
    }

    void tell(Kind kind, long call, String key, long token, long value, String text) {
        listener.accept(new Event(System.nanoTime(), worker, kind, call, key, token, value, text));
    }

    void tell(Kind kind, long call, Lease lease, long value, String text) {
        tell(kind, call, lease.key(), lease.fencingToken(), value, text);
    }

    /** A lease was acquired. From now on its deadline is looked at. */
    void entered(Lease lease, long call, Duration leaseTime) {
        Told told = new Told(lease, call, leaseTime.toMillis());
        deadline(Kind.ENTER, told);
        held.put(lease, told);
    }

    /** The lease is about to be extended. */
    void extending(Lease lease, Duration leaseTime) {
        Told told = held.get(lease);
        if (told != null) {
            // A bound from above is what the checks need: what follows may be due to renewals, too.
            told.leaseMillis = Math.max(told.leaseMillis, leaseTime.toMillis());
        }
    }

    /** The lease was extended. */
    void extended(Lease lease) {
        Told told = held.get(lease);
        if (told != null) {
            deadline(Kind.DEADLINE, told);
        }
    }

    /** The lease is about to be released; its deadline is reported no more. */
    void forget(Lease lease) {
        held.remove(lease);
    }

    /**
     * Reports the time that is left, as of a moment just before the lease was asked. So it is never more than the lease
     * itself believes, and not much less.
     */
    private void deadline(Kind kind, Told told) {
        long before = System.nanoTime();
        long left = told.lease.remaining().toNanos();
        for (int look = 1; look < LOOKS && System.nanoTime() - before > CLOSE_NANOS; look++) {
            before = System.nanoTime();
            left = told.lease.remaining().toNanos();
        }
        if (kind == Kind.ENTER || (left > 0 && Math.abs(before + left - told.deadline) > SAME_NANOS)) {
            told.deadline = before + left;
            listener.accept(new Event(
                    before,
                    worker,
                    kind,
                    told.call,
                    told.lease.key(),
                    told.lease.fencingToken(),
                    left,
                    Long.toString(told.leaseMillis)));
        }
    }

    private void tick() {
        Standstills standstills = new Standstills(worker, listener);
        while (!stopped) {
            standstills.tick();
            held.values().forEach(told -> deadline(Kind.DEADLINE, told));
        }
    }
}
