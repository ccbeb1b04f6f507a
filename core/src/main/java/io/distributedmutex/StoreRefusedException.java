package io.distributedmutex;

import org.jspecify.annotations.Nullable;

/**
 * The store answered with an error: to the request, or to an attempt to connect, without which the request {@linkplain
 * #isSurelyNotSent could not be sent}.
 */
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
        /**
         * The server cannot serve the request now: it loads its data, is busy with a script or a failover, has reached its
         * limit of clients, cannot save its data, or lacks the replicas that it must have.
         */
        BUSY(true),
        /** Anything else. */
        OTHER(false);

        private final boolean isTransient;

        Reason(boolean isTransient) {
            this.isTransient = isTransient;
        }

        /**
         * Whether it may pass without anybody acting.
         *
         * @return true if the same request may succeed when repeated soon
         */
        public boolean isTransient() {
            return isTransient;
        }
    }

    /** The kind of error. */
    private final Reason reason;

    /**
     * For stores: the answer to a request.
     *
     * @param reason the kind of error
     * @param message what the store said, and what to do about it
     * @param cause why, or null
     */
    public StoreRefusedException(Reason reason, String message, @Nullable Throwable cause) {
        this(reason, message, cause, false);
    }

    private StoreRefusedException(Reason reason, String message, @Nullable Throwable cause, boolean surelyNotSent) {
        super(message, cause, surelyNotSent);
        this.reason = reason;
    }

    /**
     * For stores: the connection is refused, so the request surely never left this process.
     *
     * @param reason the kind of error
     * @param message what the store said, and what to do about it
     * @param cause why, or null
     * @return a failure that {@linkplain #isSurelyNotSent says so}
     */
    public static StoreRefusedException notSent(Reason reason, String message, @Nullable Throwable cause) {
        return new StoreRefusedException(reason, message, cause, true);
    }

    /**
     * The kind of error.
     *
     * @return the reason
     */
    public Reason reason() {
        return reason;
    }

    /** True for BUSY, READ_ONLY and OUT_OF_MEMORY, which may pass; false for the others, which need somebody to act. */
    @Override
    public boolean isTransient() {
        return reason.isTransient;
    }
}
