package io.distributedmutex;

import org.jspecify.annotations.Nullable;

/**
 * The store did not answer in time, or there is no connection to it. The request may or may not have taken effect, unless
 * it {@linkplain #isSurelyNotSent was surely not sent}.
 */
public final class StoreUnreachableException extends StoreException {

    private static final long serialVersionUID = 1L;

    /**
     * For stores and the library: the request may have taken effect.
     *
     * @param message what happened; must hold no password
     * @param cause why, or null
     */
    public StoreUnreachableException(String message, @Nullable Throwable cause) {
        this(message, cause, false);
    }

    private StoreUnreachableException(String message, @Nullable Throwable cause, boolean surelyNotSent) {
        super(message, cause, surelyNotSent);
    }

    /**
     * For stores and the library: the request surely never left this process, so there is nothing in the store to undo.
     *
     * @param message what happened; must hold no password
     * @param cause why, or null
     * @return a failure that {@linkplain #isSurelyNotSent says so}
     */
    public static StoreUnreachableException notSent(String message, @Nullable Throwable cause) {
        return new StoreUnreachableException(message, cause, true);
    }

    /** Always true: connections come back. */
    @Override
    public boolean isTransient() {
        return true;
    }
}
