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
     * What time it is, as a rule, and roughly the same on other machines. Decides nothing but which of several waits counts
     * as the youngest. By default the system's clock.
     *
     * @return milliseconds since 1970
     */
    default long epochMillis() {
        return System.currentTimeMillis();
    }

    /**
     * Schedules a timer, replacing its earlier time unless it has started. It never runs before {@code atNanos}. Does nothing
     * once the environment is closed.
     *
     * @param timer what to run
     * @param atNanos when, by {@link #nanoTime}; the past means as soon as possible
     */
    void schedule(Timer timer, long atNanos);

    /**
     * Prevents a timer from running unless it has started, and releases all references to it. Idempotent.
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
     * Runs user code that must start in time, such as a listener of a loss: on a thread that no other callback can keep busy.
     * By default does what {@link #execute} does.
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

    /** Ends all threads. Drops tasks that are not yet due. Callbacks still run; later ones run on their caller. Idempotent. */
    @Override
    void close();
}
