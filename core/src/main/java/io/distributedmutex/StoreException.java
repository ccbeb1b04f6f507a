package io.distributedmutex;

import org.jspecify.annotations.Nullable;

/** The store failed: it was not reached ({@link StoreUnreachableException}) or said no ({@link StoreRefusedException}). */
public abstract sealed class StoreException extends LockException
        permits StoreUnreachableException, StoreRefusedException {

    private static final long serialVersionUID = 1L;

    /** Whether the request surely never left this process. */
    private final boolean surelyNotSent;

    /**
     * For the subclasses.
     *
     * @param message what happened
     * @param cause why, or null
     * @param surelyNotSent whether the request surely never left this process
     */
    StoreException(String message, @Nullable Throwable cause, boolean surelyNotSent) {
        super(message, cause);
        this.surelyNotSent = surelyNotSent;
    }

    /**
     * Whether the same request may succeed when repeated soon, so that the engine retries it within the wait time.
     *
     * @return true if the trouble may pass
     */
    public abstract boolean isTransient();

    /**
     * Whether the request surely never left this process, for instance because there was no connection.
     *
     * @return true if it cannot have taken effect and cannot do so later; false if that is not known
     */
    public final boolean isSurelyNotSent() {
        return surelyNotSent;
    }
}
