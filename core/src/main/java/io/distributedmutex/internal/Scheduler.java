package io.distributedmutex.internal;

import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.Timer;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;

/**
 * An instance's time: its clock, its timers, waiting, and threads for callbacks. Bears an environment that throws.
 *
 * <p>Times are nanoseconds since the instance was made, so that they compare without overflow. Thread-safe.
 */
final class Scheduler {

    private final Environment environment;
    private final long origin;

    /** Timers that the environment did not take; see {@link #schedule}. */
    private final Queue<Timer> unscheduled = new ConcurrentLinkedQueue<>();

    Scheduler(Environment environment) {
        this.environment = environment;
        this.origin = environment.nanoTime();
    }

    long now() {
        try {
            return environment.nanoTime() - origin;
        } catch (Throwable t) {
            // An environment's clock may log, say, and its logger throw. Once more: much is decided halfway without a
            // time.
            return environment.nanoTime() - origin;
        }
    }

    /** A time of ours on the environment's clock, on which {@link Timer#atNanos} counts. */
    long onEnvironmentsClock(long time) {
        return time + origin;
    }

    // ---- timers

    /**
     * Has a timer run. Never throws: an environment that fails, for want of memory or threads, is asked once more now, and
     * then whenever this instance has done something.
     *
     * @param environmentNanos when, on the environment's clock
     */
    void schedule(Timer timer, long environmentNanos) {
        try {
            environment.schedule(timer, environmentNanos);
        } catch (Throwable first) {
            try {
                environment.schedule(timer, environmentNanos);
            } catch (Throwable second) {
                timer.setAtNanos(environmentNanos);
                unscheduled.add(timer);
                Log.bug("a timer was not scheduled, which is tried again soon", second);
            }
        }
    }

    /** The instance has done something: what the environment did not take may be taken now. */
    void scheduleMissed() {
        if (unscheduled.isEmpty()) {
            return;
        }
        for (int most = unscheduled.size(); most > 0; most--) {
            Timer timer = unscheduled.poll();
            if (timer == null) {
                return;
            }
            schedule(timer, timer.atNanos());
        }
    }

    /** Runs a task once after a delay; see {@link #schedule}. */
    Timer runAfter(Runnable task, long delayNanos) {
        Timer timer = new Timer() {
            @Override
            public void run() {
                task.run();
            }
        };
        // Half of what can be compared by subtraction.
        schedule(timer, onEnvironmentsClock(now() + Math.max(0, Math.min(delayNanos, Long.MAX_VALUE / 2))));
        return timer;
    }

    /** Never throws. Every timer of ours finds out by itself if it has nothing to do any more. */
    void cancel(Timer timer) {
        try {
            environment.cancel(timer);
        } catch (Throwable t) {
            Log.bug("a timer was not cancelled", t);
        }
        if (!unscheduled.isEmpty()) {
            unscheduled.remove(timer);
        }
    }

    // ---- callbacks

    /** Runs user code on a callback thread. Never throws: where there is none to be had, it runs here. */
    void execute(Runnable callback) {
        execute(callback, environment::execute);
    }

    /** The same for what a holder must learn in time. */
    void executeAtOnce(Runnable callback) {
        execute(callback, environment::executeAtOnce);
    }

    private static void execute(Runnable callback, Consumer<Runnable> thread) {
        Once once = new Once(callback);
        try {
            thread.accept(once);
        } catch (Throwable t) {
            Log.bug("a callback found no thread, and runs on one of the library's", t);
            try {
                once.run();
            } catch (Throwable thrown) {
                Log.bug("a callback threw", thrown);
            }
        }
    }

    // ---- waiting

    /** Lets the calling thread wait; see {@link Environment#park}. */
    void park(Object blocker, long nanos) {
        environment.park(blocker, nanos);
    }

    /** As {@link #park}, but an interrupt does not keep it from waiting (the flag is kept). */
    void parkUninterruptibly(Object blocker, long nanos) {
        environment.park(blocker, nanos);
        if (Thread.interrupted()) {
            // The flag would make every further park return at once: wait in a way that keeps it.
            try {
                environment.park(blocker, Math.min(nanos, 1_000_000));
            } finally {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Waits for a time, interrupted or not (the flag is kept). */
    void sleep(Object blocker, long nanos) {
        long end = now() + nanos;
        while (now() < end) {
            parkUninterruptibly(blocker, end - now());
        }
    }
}
