package io.distributedmutex;

import org.jspecify.annotations.Nullable;

/** The store did not answer in time, or there is no connection to it. The request may or may not have taken effect. */
public final class StoreUnreachableException extends StoreException {

    private static final long serialVersionUID = 1L;

    /**
     * For stores and the library.
     *
     * @param message what happened; must hold no password
     * @param cause why, or null
     */
    public StoreUnreachableException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /** Always true: connections come back. */
    @Override
    public boolean isTransient() {
        return true;
    }
}
