package io.distributedmutex;

import org.jspecify.annotations.Nullable;

/** What can go wrong with a lock. Each outcome that a caller may want to tell apart has a type of its own. */
public abstract sealed class LockException extends RuntimeException
        permits LockNotAcquiredException,
                LeaseLostException,
                LockInterruptedException,
                MutexClosedException,
                StaleTokenException,
                StoreException {

    private static final long serialVersionUID = 1L;

    /**
     * For the subclasses.
     *
     * @param message what happened, with the key
     * @param cause why, or null
     */
    LockException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
