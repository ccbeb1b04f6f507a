package io.distributedmutex.spi;

/**
 * A task that an {@link Environment} runs once for each time that it is scheduled. The same object may be scheduled again and
 * again, which costs no memory: there is one for every held lease.
 *
 * <p>A timer keeps two things for the environment, which guards them: its time, and its place in the schedule.
 */
public abstract class Timer {

    private long atNanos;
    private int place = -1;

    /** A timer that is not scheduled. */
    protected Timer() {}

    /** Does the work. Must not block; exceptions are logged. */
    public abstract void run();

    /**
     * When it runs, or ran last.
     *
     * @return nanoseconds on the environment's clock; meaningless before it was first scheduled
     */
    public final long atNanos() {
        return atNanos;
    }

    /**
     * For the environment: when it runs.
     *
     * @param nanos on the environment's clock
     */
    public final void setAtNanos(long nanos) {
        atNanos = nanos;
    }

    /**
     * For the environment: where it is in the schedule.
     *
     * @return what the environment has set; negative if it is not scheduled
     */
    public final int place() {
        return place;
    }

    /**
     * For the environment: where it is in the schedule.
     *
     * @param newPlace any number that the environment finds it by; negative if it is not scheduled
     */
    public final void setPlace(int newPlace) {
        place = newPlace;
    }
}
