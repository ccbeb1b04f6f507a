package io.distributedmutex;

import org.jspecify.annotations.Nullable;

/**
 * The key was not acquired, because whoever waited for it was part of a deadlock and had waited for the shortest time. Give back
 * what you hold, and begin again. Only thrown under {@link OnDeadlock#FAIL}.
 */
public final class DeadlockException extends LockNotAcquiredException {

    private static final long serialVersionUID = 1L;

    /** Who waited for what. */
    private final Deadlock circle;

    /**
     * For the library.
     *
     * @param message what happened
     * @param key the key
     * @param holder the label of who holds it, if known
     * @param circle who waited for what
     */
    public DeadlockException(String message, String key, @Nullable String holder, Deadlock circle) {
        super(message, key, holder, null);
        this.circle = circle;
    }

    /**
     * Who waited for what; first the one that got this exception.
     *
     * @return the circle
     */
    public Deadlock circle() {
        return circle;
    }
}
