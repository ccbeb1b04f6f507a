package io.distributedmutex.spi;

/**
 * Time, scheduling, randomness and threads for callbacks, as one instance sees them. Injected so that the whole engine can
 * run under a simulator or a manual clock. Thread-safe.
 */
public interface Environment extends AutoCloseable {

    /**
     * A clock that never steps back and runs at the rate of real time, also while the machine is suspended.
     *
     * @return nanoseconds since some origin; compare by subtraction
     */
    long nanoTime();

    /**
     * Runs a task once after a delay. The task must not block.
     *
     * @param task what to run; what it throws is logged
     * @param delayNanos from now; zero or less means as soon as possible
     * @return a handle to cancel it
     */
    Timer schedule(Runnable task, long delayNanos);

    /**
     * Runs user code, which may block or throw, on a thread where it harms nobody.
     *
     * @param callback what to run
     */
    void execute(Runnable callback);

    /**
     * Lets the calling thread wait until it is unparked, it is interrupted or the time has passed on this environment's
     * clock. May return early.
     *
     * @param blocker what the thread waits for, for thread dumps
     * @param nanos how long at most
     */
    void park(Object blocker, long nanos);

    /**
     * A new token: 128 random bits as 22 characters of unpadded base64url.
     *
     * @return the token
     */
    String newToken();

    /** Ends all threads. Tasks not yet due are dropped; callbacks still run, the later ones on their caller. Idempotent. */
    @Override
    void close();

    /** A scheduled task. */
    interface Timer {

        /** Prevents the task from running if it has not begun. Idempotent, and releases all references to the task. */
        void cancel();
    }
}
