package io.distributedmutex.redis;

import io.netty.util.Timeout;
import io.netty.util.Timer;
import io.netty.util.TimerTask;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The timer that Lettuce asks for, on the executor that it has anyway. Lettuce's default is a wheel timer: a thread more,
 * which wakes ten times a second for ever, and a tenth of a second's rounding on each reconnect.
 */
final class ExecutorTimer implements Timer {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    private final ScheduledExecutorService executor;

    ExecutorTimer(ScheduledExecutorService executor) {
        this.executor = executor;
    }

    @Override
    public Timeout newTimeout(TimerTask task, long delay, TimeUnit unit) {
        Task timeout = new Task(this, task);
        try {
            timeout.future = executor.schedule(timeout, delay, unit);
        } catch (RejectedExecutionException e) {
            // The client is shutting down, so there is nothing to reconnect any more.
            timeout.cancel();
        }
        return timeout;
    }

    /** Does nothing: who owns the executor ends it, and the tasks with it. */
    @Override
    public Set<Timeout> stop() {
        return Set.of();
    }

    private enum State {
        WAITING,
        EXPIRED,
        CANCELLED
    }

    private static final class Task implements Timeout, Runnable {

        private final Timer timer;
        private final TimerTask task;
        private final AtomicReference<State> state = new AtomicReference<>(State.WAITING);
        private volatile @Nullable Future<?> future;

        Task(Timer timer, TimerTask task) {
            this.timer = timer;
            this.task = task;
        }

        @Override
        public void run() {
            if (!state.compareAndSet(State.WAITING, State.EXPIRED)) {
                return;
            }
            try {
                task.run(this);
            } catch (Exception e) {
                log.warn("a timer task of Lettuce failed", e);
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
            Future<?> future = this.future;
            if (cancelled && future != null) {
                future.cancel(false);
            }
            return cancelled;
        }
    }
}
