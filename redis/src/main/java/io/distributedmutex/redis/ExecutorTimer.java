package io.distributedmutex.redis;

import io.lettuce.core.resource.Delay;
import io.netty.util.Timeout;
import io.netty.util.Timer;
import io.netty.util.TimerTask;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The timer that Lettuce asks for, on the executor that it has anyway. Lettuce's default is a wheel timer: one thread more,
 * which wakes ten times a second for ever, and rounds each reconnect to a tenth of a second.
 *
 * <p>The pause between attempts to reconnect grows to a second, so that clients do not drown a server that comes back. It is
 * short again when somebody waits for the connection ({@link #hurry}).
 */
final class ExecutorTimer implements Timer {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /**
     * The longest pause before an attempt to reconnect. What is asked for within it is such an attempt: the other use that
     * Lettuce has for the timer is the time limit of a handshake, which is longer.
     */
    private static final long LONGEST_DELAY_MILLIS = 1_000;

    /** The longest pause when somebody waits, and twice the shortest. */
    private static final long HURRIED_DELAY_MILLIS = 200;

    private final ScheduledExecutorService executor;

    /** The longest pause for a while after the server's address has changed. */
    private static final long AT_ONCE_DELAY_MILLIS = 20;

    /** What has yet to run. */
    private final Set<Task> pending = ConcurrentHashMap.newKeySet();

    /** When something was last asked for or run. */
    private volatile long activeNanos = System.nanoTime();

    /** Until when attempts to reconnect come at once. */
    private volatile long atOnceUntilNanos = System.nanoTime();

    private volatile boolean ended;

    ExecutorTimer(ScheduledExecutorService executor) {
        this.executor = executor;
    }

    /**
     * How long Lettuce pauses before the attempts to reconnect: twice as long each time, up to 1 s, less up to a half of it,
     * so that clients do not come back in step.
     *
     * @param first the longest pause before the second attempt; the first is made at once
     * @return the pauses
     */
    static Delay delays(Duration first) {
        long firstMillis = first.toMillis();
        return new Delay() {
            @Override
            public Duration createDelay(long attempt) {
                if (attempt <= 1) {
                    return Duration.ZERO;
                }
                long doublings = Math.min(attempt - 2, 20);
                return Duration.ofMillis(jittered(Math.min(LONGEST_DELAY_MILLIS, firstMillis << doublings)));
            }
        };
    }

    @Override
    public Timeout newTimeout(TimerTask task, long delay, TimeUnit unit) {
        Task timeout = new Task(this, task, unit.toMillis(delay));
        activeNanos = System.nanoTime();
        pending.add(timeout);
        boolean scheduled = false;
        try {
            timeout.schedule(
                    timeout.isReconnect() && System.nanoTime() - atOnceUntilNanos < 0
                            ? Math.min(timeout.delayMillis, AT_ONCE_DELAY_MILLIS)
                            : timeout.delayMillis);
            scheduled = true;
            return timeout;
        } finally {
            if (!scheduled) {
                pending.remove(timeout);
            }
        }
    }

    /** Somebody waits for a connection: the next attempts to make one come within 0.2 s of those that failed. */
    void hurry() {
        pending.forEach(Task::hurry);
    }

    /** The server is there: the next attempts to connect come at once. */
    void reconnectAtOnce() {
        pending.forEach(Task::reconnectAtOnce);
    }

    /**
     * The server is elsewhere now: the next attempts to connect come at once, and those after them too.
     *
     * @param time for how long
     */
    void reconnectAtOnceFor(Duration time) {
        atOnceUntilNanos = System.nanoTime() + time.toNanos();
        reconnectAtOnce();
    }

    /**
     * How long there has been nothing to do and nothing done. While Lettuce reconnects there is always something: the next
     * attempt, or the time limit of one that is under way, unless it looks for the address.
     *
     * @return nanoseconds; 0 while something has yet to run
     */
    long idleNanos() {
        return pending.isEmpty() ? System.nanoTime() - activeNanos : 0;
    }

    /** Something was done that the timer does not see. */
    void touch() {
        activeNanos = System.nanoTime();
    }

    /** The client is about to end: no task is run any more, so that no attempt to connect begins. */
    void end() {
        ended = true;
    }

    /** Does nothing: who owns the executor ends it, and the tasks with it. */
    @Override
    public Set<Timeout> stop() {
        return Set.of();
    }

    private static long jittered(long millis) {
        return millis - ThreadLocalRandom.current().nextLong(millis / 2 + 1);
    }

    private enum State {
        WAITING,
        EXPIRED,
        CANCELLED
    }

    private static final class Task implements Timeout, Runnable {

        private final ExecutorTimer timer;
        private final TimerTask task;
        private final long delayMillis;
        private final long createdNanos = System.nanoTime();
        private final AtomicReference<State> state = new AtomicReference<>(State.WAITING);
        private volatile @Nullable Future<?> future;
        private volatile boolean hurried;

        Task(ExecutorTimer timer, TimerTask task, long delayMillis) {
            this.timer = timer;
            this.task = task;
            this.delayMillis = delayMillis;
        }

        void schedule(long millis) {
            try {
                future = timer.executor.schedule(this, millis, TimeUnit.MILLISECONDS);
            } catch (RejectedExecutionException e) {
                // The client is shutting down, so there is nothing to reconnect any more.
                cancel();
            }
        }

        void reconnectAtOnce() {
            if (isReconnect()) {
                schedule(0);
            }
        }

        private boolean isReconnect() {
            return delayMillis <= LONGEST_DELAY_MILLIS;
        }

        /** The earlier of two runs is the only one. */
        void hurry() {
            if (isReconnect() && delayMillis > HURRIED_DELAY_MILLIS && !hurried) {
                hurried = true;
                long sinceMillis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - createdNanos);
                schedule(Math.max(0, jittered(HURRIED_DELAY_MILLIS) - sinceMillis));
            }
        }

        @Override
        public void run() {
            timer.pending.remove(this);
            if (timer.ended || !state.compareAndSet(State.WAITING, State.EXPIRED)) {
                return;
            }
            timer.activeNanos = System.nanoTime();
            try {
                task.run(this);
            } catch (Throwable e) {
                log.warn("a timer task of Lettuce failed", Texts.foreign(e));
            }
        }

        @Override
        public Timer timer() {
            return timer;
        }

        @Override
        public TimerTask task() {
            return task;
        }

        @Override
        public boolean isExpired() {
            return state.get() == State.EXPIRED;
        }

        @Override
        public boolean isCancelled() {
            return state.get() == State.CANCELLED;
        }

        @Override
        public boolean cancel() {
            boolean cancelled = state.compareAndSet(State.WAITING, State.CANCELLED);
            timer.pending.remove(this);
            Future<?> future = this.future;
            if (cancelled && future != null) {
                future.cancel(false);
            }
            return cancelled;
        }
    }
}
