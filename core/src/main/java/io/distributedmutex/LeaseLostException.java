package io.distributedmutex;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** An operation needed a lease that is no longer held. What it guarded may have been entered by another holder. */
public final class LeaseLostException extends LockException {

    private static final long serialVersionUID = 1L;

    /** Why, or null if it was released. */
    private final @Nullable LossReason reason;

    /**
     * For the library.
     *
     * @param message what happened, with the key
     * @param reason why, or null if the lease had been released
     */
    public LeaseLostException(String message, @Nullable LossReason reason) {
        this(message, reason, null);
    }

    /**
     * For the library.
     *
     * @param message what could not be done
     * @param reason why the lease was lost, or null if it was released
     * @param cause what was thrown because of the loss, or null
     */
    public LeaseLostException(String message, @Nullable LossReason reason, @Nullable Throwable cause) {
        super(message, cause);
        this.reason = reason;
    }

    /**
     * Why the lease is no longer held.
     *
     * @return the reason; empty if it had been released
     */
    public Optional<LossReason> reason() {
        return Optional.ofNullable(reason);
    }
}
