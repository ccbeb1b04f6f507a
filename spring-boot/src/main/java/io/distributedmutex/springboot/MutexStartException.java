package io.distributedmutex.springboot;

import org.jspecify.annotations.Nullable;

/** The mutex cannot be made as the application is configured. {@link MutexStartFailureAnalyzer} shows it. */
final class MutexStartException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** What to do about it. */
    private final String action;

    /**
     * What is wrong.
     *
     * @param description which property or bean, what it is, and what is needed
     * @param action what to do about it
     */
    MutexStartException(String description, String action) {
        this(description, action, null);
    }

    MutexStartException(String description, String action, @Nullable Throwable cause) {
        super(description, cause);
        this.action = action;
    }

    String action() {
        return action;
    }
}
