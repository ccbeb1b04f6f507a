package io.distributedmutex.micrometer;

import io.distributedmutex.LockInterruptedException;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import java.util.Locale;

/** How an acquire ended: one value for each type of exception that it may throw. */
enum Outcome {
    ACQUIRED,
    NOT_ACQUIRED,
    UNREACHABLE,
    REFUSED,
    INTERRUPTED,
    CLOSED;

    /** The tag's value. */
    final String value = name().toLowerCase(Locale.ROOT);

    static Outcome of(Throwable failure) {
        if (failure instanceof StoreUnreachableException) {
            return UNREACHABLE;
        }
        if (failure instanceof StoreRefusedException) {
            return REFUSED;
        }
        if (failure instanceof LockInterruptedException) {
            return INTERRUPTED;
        }
        if (failure instanceof MutexClosedException) {
            return CLOSED;
        }
        // LockNotAcquiredException; a future that its user ended; a call that was refused, such as for its key.
        return NOT_ACQUIRED;
    }
}
