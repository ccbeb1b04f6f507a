package io.distributedmutex;

import io.distributedmutex.internal.Checks;
import io.distributedmutex.internal.ThreadHolds;
import java.time.Duration;
import java.util.IllegalFormatException;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The adapter of the original Go package, for code that locks and releases by key and does not want exceptions: acquire
 * and release, by thread, with failures logged and told by the result.
 *
 * <p>A lock lasts the lease time of the mutex (default one minute) and is waited for its wait time (default 5 s: 20 retries
 * of 250 ms). It belongs to the thread that acquired it, which may acquire it again (unless {@link #notReentrant}): the
 * outermost release frees it. A thread that releases what it does not hold, for instance because its acquire failed or its
 * lease expired, frees nobody else's lock. An expired lock leaves no entry behind. Thread-safe.
 *
 * <p>Logged at debug: acquired, released. At warn: release of what this thread does not hold. At error: acquire failed,
 * timed out, release failed. Nothing is thrown for a lock that failed; bad input is a mistake in the program and is.
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
     * An adapter in which a thread that holds a key waits for it like anybody else, and fails if it is not free in time: as
     * the original does, for instance to limit a rate by letting locks expire. A thread that waits for its own key is
     * reported as a suspected deadlock.
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
     * Releases a key that this thread holds. Waits for the store for the wait time that it was acquired with; if that is
     * zero, for one attempt. A release that is not confirmed by then is repeated in the background until the lease's end.
     *
     * @param key 1 to 512 characters
     * @return whether this thread held it until now
     */
    public boolean release(String key) {
        ThreadHolds.Hold hold = holds.get(Checks.key(key));
        if (hold == null) {
            log.warn(
                    "release of '{}', which this thread does not hold: not acquired, released before, or expired",
                    Checks.shown(key));
            return false;
        }
        if (!hold.leave()) {
            return hold.lease().isValid();
        }
        holds.remove(key);
        try {
            if (hold.lease().release()) {
                log.debug("released '{}'", Checks.shown(key));
                return true;
            }
            log.warn("release of '{}', which this thread no longer held: its lease was lost", Checks.shown(key));
        } catch (LockException e) {
            failed("release of '" + Checks.shown(key) + "' failed", e);
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
            log.debug("acquired '{}' again", Checks.shown(key));
            return true;
        }
        try {
            Lease lease = view.acquire(key);
            holds.put(key, lease);
            unreachable.set(false);
            log.debug("acquired '{}', fencing token {}", Checks.shown(key), lease.fencingToken());
            return true;
        } catch (LockNotAcquiredException e) {
            log.error("timed out: {}", e.getMessage());
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
                    "the format '" + Checks.shown(format) + "' does not fit its " + arguments.length + " arguments: "
                            + Checks.shown(String.valueOf(e.getMessage())),
                    e);
        }
    }
}
