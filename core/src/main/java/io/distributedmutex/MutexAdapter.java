package io.distributedmutex;

import io.distributedmutex.internal.ThreadHolds;
import io.distributedmutex.spi.Checks;
import io.distributedmutex.spi.Messages;
import java.time.Duration;
import java.util.IllegalFormatException;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Locks and releases by key and thread, and reports failure by return value, not exception. Names and defaults are those of
 * the Go package that this library replaces.
 *
 * <p>A lock lasts the lease time of the mutex (default one minute). An acquire waits for the mutex's wait time (default 5 s).
 * The lock belongs to the thread that acquired it. That thread may acquire it again, unless {@link #notReentrant}; the
 * outermost release frees it. A thread may release a key that it does not hold, because its acquire failed or its lease
 * expired: that frees nobody else's lock. An expired lock leaves no entry behind. Thread-safe.
 *
 * <p>Logs at debug: acquired, released. At warn: release of a key that this thread does not hold. At error: acquire failed,
 * acquire timed out, release failed. A lock that failed throws nothing. Bad input is a mistake in the program and throws.
 */
public final class MutexAdapter {

    private final DistributedMutex mutex;
    private final Logger log;
    private final boolean reentrant;

    /** Whether the store was unreachable at the last attempt, and its stack trace is logged already. */
    private final AtomicBoolean unreachable = new AtomicBoolean();

    private final ThreadHolds holds = new ThreadHolds(true);

    /**
     * Adapts a mutex, and logs to this class's logger.
     *
     * @param mutex the mutex; not closed by the adapter
     */
    public MutexAdapter(DistributedMutex mutex) {
        this(mutex, LoggerFactory.getLogger(MutexAdapter.class));
    }

    /**
     * Adapts a mutex. This constructor is what a dependency-injection container calls.
     *
     * @param mutex the mutex; not closed by the adapter
     * @param log where outcomes are logged
     */
    public MutexAdapter(DistributedMutex mutex, Logger log) {
        this(mutex, log, true);
    }

    private MutexAdapter(DistributedMutex mutex, Logger log, boolean reentrant) {
        this.mutex = Objects.requireNonNull(mutex, "mutex");
        this.log = Objects.requireNonNull(log, "log");
        this.reentrant = reentrant;
    }

    /**
     * An adapter in which a thread that holds a key waits for it like any other thread, and fails if the key is not free in
     * time. The original does this; it serves to limit a rate by locks that expire. A thread that waits for its own key is
     * reported as a deadlock, and under {@link OnDeadlock#FAIL} its wait is ended.
     *
     * @return an adapter with the same mutex and logger, and with no hold in common with this one
     */
    public MutexAdapter notReentrant() {
        return new MutexAdapter(mutex, log, false);
    }

    /**
     * Acquires a key, waiting for the wait time of the mutex.
     *
     * @param key 1 to 512 characters
     * @return whether this thread now holds the key
     */
    public boolean acquire(String key) {
        return acquire(mutex, key);
    }

    /**
     * Acquires a key, waiting for a given time.
     *
     * @param key 1 to 512 characters
     * @param timeout from 0 to 365 days, a fraction of a millisecond is rounded up
     * @return whether this thread now holds the key
     */
    public boolean acquire(String key, Duration timeout) {
        Objects.requireNonNull(timeout, "timeout");
        return acquire(mutex.with(options -> options.waitTime(timeout)), key);
    }

    /**
     * Acquires a key that is made by {@link String#format} in the root locale.
     *
     * @param format the format
     * @param arguments as many as the format takes
     * @return whether this thread now holds the key
     * @throws IllegalArgumentException if the format and the arguments do not fit each other
     */
    public boolean acquiref(String format, Object... arguments) {
        return acquire(key(format, arguments));
    }

    /**
     * Releases a key that this thread holds. Waits for the store at most the wait time that the key was acquired with; with a
     * wait time of zero, for one attempt. An unconfirmed release is repeated in the background until the lease's end.
     *
     * @param key 1 to 512 characters
     * @return whether this thread held it until now
     */
    public boolean release(String key) {
        ThreadHolds.Hold hold = holds.get(Checks.key(key));
        if (hold == null) {
            log.warn(
                    "release of '{}', which this thread does not hold: not acquired, released before, or expired",
                    Messages.shown(key));
            return false;
        }
        if (!hold.leave()) {
            return hold.lease().isValid();
        }
        holds.remove(key);
        try {
            if (hold.lease().release()) {
                log.debug("released '{}'", Messages.shown(key));
                return true;
            }
            log.warn("release of '{}', which this thread no longer held: its lease was lost", Messages.shown(key));
        } catch (LockException e) {
            failed("release of '" + Messages.shown(key) + "' failed", e);
        }
        return false;
    }

    /**
     * Releases a key that is made by {@link String#format} in the root locale.
     *
     * @param format the format
     * @param arguments as many as the format takes
     * @return whether this thread held it until now
     * @throws IllegalArgumentException if the format and the arguments do not fit each other
     */
    public boolean releasef(String format, Object... arguments) {
        return release(key(format, arguments));
    }

    private boolean acquire(DistributedMutex view, String key) {
        ThreadHolds.Hold hold = holds.get(Checks.key(key));
        if (reentrant && hold != null && hold.lease().isValid()) {
            hold.enter();
            log.debug("acquired '{}' again", Messages.shown(key));
            return true;
        }
        try {
            Lease lease = view.acquire(key);
            holds.put(key, lease);
            unreachable.set(false);
            log.debug("acquired '{}', fencing token {}", Messages.shown(key), lease.fencingToken());
            return true;
        } catch (LockNotAcquiredException e) {
            log.error("{}: {}", e instanceof DeadlockException ? "gave up" : "timed out", e.getMessage());
        } catch (LockException e) {
            failed("acquire failed", e);
        }
        return false;
    }

    /** One line for each failure, with its stack trace; of a store that is away the first one has it. */
    private void failed(String what, LockException failure) {
        if (failure instanceof StoreUnreachableException && unreachable.getAndSet(true)) {
            log.error("{}: {}", what, failure.getMessage());
        } else {
            log.error("{}: {}", what, failure.getMessage(), failure);
        }
    }

    private static String key(String format, Object... arguments) {
        Objects.requireNonNull(format, "format");
        try {
            return String.format(Locale.ROOT, format, arguments);
        } catch (IllegalFormatException e) {
            throw new IllegalArgumentException(
                    "the format '" + Messages.shown(format) + "' does not fit its " + arguments.length + " arguments: "
                            + Messages.shown(String.valueOf(e.getMessage())),
                    e);
        }
    }
}
