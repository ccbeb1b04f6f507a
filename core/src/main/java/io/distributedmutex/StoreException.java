package io.distributedmutex;

import org.jspecify.annotations.Nullable;

/** The store failed: it was not reached ({@link StoreUnreachableException}) or said no ({@link StoreRefusedException}). */
public abstract sealed class StoreException extends LockException
        permits StoreUnreachableException, StoreRefusedException {

    private static final long serialVersionUID = 1L;

    /**
     * For the subclasses.
     *
     * @param message what happened
     * @param cause why, or null
     */
    StoreException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * Whether the same request may succeed when repeated soon, so that the engine retries it within the wait time.
     *
     * @return true if the trouble may pass by itself
     */
    public abstract boolean isTransient();
}
