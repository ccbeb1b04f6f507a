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
     * Runs a timer once at a time, and not at the time that it was scheduled for before, if it has not begun. Not before that
     * time on this environment's clock. Does nothing once the environment is closed.
     *
     * @param timer what to run
     * @param atNanos when, as {@link #nanoTime} counts; the past means as soon as possible
     */
    void schedule(Timer timer, long atNanos);

    /**
     * Prevents a timer from running if it has not begun. Idempotent, and releases all references to the timer.
     *
     * @param timer a timer of this environment, scheduled or not
     */
    void cancel(Timer timer);

    /**
     * Runs a task once after a delay.
     *
     * @param task what to run; must not block, and what it throws is logged
     * @param delayNanos from now; zero or less means as soon as possible, and more than 146 years means that
     * @return the timer, for {@link #cancel}
     */
    default Timer runAfter(Runnable task, long delayNanos) {
        Timer timer = new Timer() {
            @Override
            public void run() {
                task.run();
            }
        };
        // Half of what can be compared by subtraction.
        schedule(timer, nanoTime() + Math.max(0, Math.min(delayNanos, Long.MAX_VALUE / 2)));
        return timer;
    }

    /**
     * Runs user code, which may block or throw, on a thread where it harms nobody.
     *
     * @param callback what to run
     */
    void execute(Runnable callback);

    /**
     * As {@link #execute}, for what a holder must learn in time: on a thread that no other callback can keep busy or make
     * wait, whatever that does. By default as {@link #execute}.
     *
     * @param callback what to run
     */
    default void executeAtOnce(Runnable callback) {
        execute(callback);
    }

    /**
     * Lets the calling thread wait until it is unparked, it is interrupted or the time has passed on this environment's
     * clock. May return early.
     *
     * @param blocker what the thread waits for, for thread dumps
     * @param nanos how long at most
     */
    void park(Object blocker, long nanos);

    /**
     * Fills an array with random bytes that nobody can guess: tokens are made of them.
     *
     * @param target what to fill
     */
    void randomBytes(byte[] target);

    /** Ends all threads. Tasks not yet due are dropped; callbacks still run, the later ones on their caller. Idempotent. */
    @Override
    void close();
}
