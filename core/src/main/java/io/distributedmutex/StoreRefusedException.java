package io.distributedmutex;

import org.jspecify.annotations.Nullable;

/** The store answered with an error. */
public final class StoreRefusedException extends StoreException {

    private static final long serialVersionUID = 1L;

    /** What kind of error the store answered with. */
    public enum Reason {
        /** The user name or password is wrong or missing. */
        AUTHENTICATION(false),
        /** The user may not run this command or use this key. */
        PERMISSION(false),
        /** The key holds a hash, list or other value that is not a lock. */
        WRONG_TYPE(false),
        /** The server is older than the oldest one supported. */
        TOO_OLD(false),
        /** The server is a replica that takes no writes; passes when it is promoted. */
        READ_ONLY(true),
        /** The server has reached its memory limit. */
        OUT_OF_MEMORY(true),
        /** The server is loading its data or busy with a script or a failover. */
        BUSY(true),
        /** Anything else. */
        OTHER(false);

        private final boolean isTransient;

        Reason(boolean isTransient) {
            this.isTransient = isTransient;
        }
    }

    /** The kind of error. */
    private final Reason reason;

    /**
     * For stores.
     *
     * @param reason the kind of error
     * @param message what the store said, and what to do about it
     * @param cause why, or null
     */
    public StoreRefusedException(Reason reason, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.reason = reason;
    }

    /**
     * The kind of error.
     *
     * @return the reason
     */
    public Reason reason() {
        return reason;
    }

    /** True for BUSY, READ_ONLY and OUT_OF_MEMORY, which pass; false for the rest, which need somebody to act. */
    @Override
    public boolean isTransient() {
        return reason.isTransient;
    }
}
