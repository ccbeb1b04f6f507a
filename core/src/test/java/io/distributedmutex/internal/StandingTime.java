package io.distributedmutex.internal;

import io.distributedmutex.spi.Environment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * An environment without threads of its own, for tests of interleavings: the clock moves when an operation moves it, timers
 * run on the thread that does so, callbacks at once.
 */
final class StandingTime implements Environment {

    private final AtomicLong now = new AtomicLong();
    private final AtomicInteger tokens = new AtomicInteger();
    private final AtomicInteger parks = new AtomicInteger();

    /** Guarded by itself. */
    private final List<Task> tasks = new ArrayList<>();

    /** Moves the clock, and runs what is due then. */
    void pass(long nanos) {
        long then = now.addAndGet(nanos);
        for (Task due = nextDue(then); due != null; due = nextDue(then)) {
            due.action.run();
        }
    }

    private Task nextDue(long then) {
        synchronized (tasks) {
            Task first = tasks.stream()
                    .filter(task -> task.due <= then)
                    .min(Comparator.comparingLong(task -> task.due))
                    .orElse(null);
            tasks.remove(first);
            return first;
        }
    }

    /** How many timers wait. */
    int timers() {
        synchronized (tasks) {
            return tasks.size();
        }
    }

    /** How often a thread had to wait. */
    int parks() {
        return parks.get();
    }

    @Override
    public long nanoTime() {
        return now.get();
    }

    @Override
    public Timer schedule(Runnable action, long delayNanos) {
        Task task = new Task(action, now.get() + Math.max(0, delayNanos));
        synchronized (tasks) {
            tasks.add(task);
        }
        return () -> {
            synchronized (tasks) {
                tasks.remove(task);
            }
        };
    }

    @Override
    public void execute(Runnable callback) {
        callback.run();
    }

    /** Without an end, since the clock stands: a wake-up that gets lost is a deadlock, and found. */
    @Override
    public void park(Object blocker, long nanos) {
        parks.incrementAndGet();
        LockSupport.park(blocker);
    }

    @Override
    public String newToken() {
        return "token-" + tokens.incrementAndGet();
    }

    @Override
    public void close() {
        synchronized (tasks) {
            tasks.clear();
        }
    }

    /** Not a record: two tasks are never the same one. */
    private static final class Task {
        private final Runnable action;
        private final long due;

        Task(Runnable action, long due) {
            this.action = action;
            this.due = due;
        }
    }
}
