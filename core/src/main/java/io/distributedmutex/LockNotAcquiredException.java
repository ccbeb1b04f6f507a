package io.distributedmutex;

import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The key was not acquired within the wait time, because others held it. */
public sealed class LockNotAcquiredException extends LockException permits DeadlockException {

    private static final long serialVersionUID = 1L;

    /** The key. */
    private final String key;
    /** Who holds it, or null. */
    private final @Nullable String holder;
    /** For how long still, or null. */
    private final @Nullable Duration remaining;

    /**
     * For the library.
     *
     * @param message what happened
     * @param key the key
     * @param holder the label of who holds it, if known
     * @param remaining how long its lease lasts still, if known
     */
    public LockNotAcquiredException(String message, String key, @Nullable String holder, @Nullable Duration remaining) {
        super(message, null);
        this.key = key;
        this.holder = holder;
        this.remaining = remaining;
    }

    /**
     * The key that was not acquired.
     *
     * @return the key
     */
    public String key() {
        return key;
    }

    /**
     * Who held the key when it was last looked at: the holder's label.
     *
     * @return the label; empty if the value was written by another library or the holder is not known
     */
    public Optional<String> holder() {
        return Optional.ofNullable(holder);
    }

    /**
     * How long the holder's lease had still to run when it was last looked at.
     *
     * @return the time left; empty if it is not known or the key has no expiry
     */
    public Optional<Duration> remaining() {
        return Optional.ofNullable(remaining);
    }
}
