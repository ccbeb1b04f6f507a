package io.distributedmutex.verification.simulation;

import io.distributedmutex.spi.Environment;

/** The clock of a process that runs fast or slow by a constant rate, and that can be paused as a whole. */
final class DriftingEnvironment implements Environment {

    private final Environment time;
    private final double rate;
    private final long origin;

    /**
     * Wraps an environment.
     *
     * @param time true time
     * @param rate how many seconds this clock counts in a true second
     */
    DriftingEnvironment(Environment time, double rate) {
        this.time = time;
        this.rate = rate;
        this.origin = time.nanoTime();
    }

    @Override
    public long nanoTime() {
        return (long) ((time.nanoTime() - origin) * rate);
    }

    @Override
    public Timer schedule(Runnable task, long delayNanos) {
        // Not early by a rounded nanosecond: on this clock the task would find itself not due.
        return time.schedule(task, delayNanos <= 0 ? 0 : (long) (delayNanos / rate) + 2);
    }

    @Override
    public void execute(Runnable callback) {
        time.execute(callback);
    }

    @Override
    public void park(Object blocker, long nanos) {
        time.park(blocker, (long) (nanos / rate));
    }

    @Override
    public String newToken() {
        return time.newToken();
    }

    @Override
    public void close() {
        time.close();
    }
}
