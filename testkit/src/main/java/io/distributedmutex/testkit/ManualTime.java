package io.distributedmutex.testkit;

import io.distributedmutex.spi.Environment;
import java.time.Duration;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A clock that stands still until it is moved, and a scheduler that runs on the thread which moves it. With the same
 * seed and the same calls the same things happen in the same order.
 *
 * <pre>{@code
 * ManualTime time = ManualTime.create();
 * time.schedule(() -> renew(), Duration.ofSeconds(20).toNanos());
 * time.advance(Duration.ofMinutes(1));    // runs it, with the clock at 20 s, and leaves the clock at 60 s
 * }</pre>
 *
 * <p>Timers run in the order of their times, those of one time in the order in which they were scheduled, each with the
 * clock at its own time. Callbacks ({@link #execute}) are timers without delay which {@link #pendingTimers} does not
 * count: they wait for the next {@link #advance} or {@link #runDue}. What a timer or callback throws is logged and
 * stops nothing.
 *
 * <p>A thread that {@link #park parks} really waits, until the clock has been moved past its time by another thread.
 * The thread that moves the clock must not park in a timer or callback, since nobody would be left to wake it; it gets
 * an {@link IllegalStateException} instead.
 *
 * <p>Like Linux's jiffies, the nanoseconds begin five minutes before they overflow, so that who compares them otherwise
 * than by subtraction is found out. Thread-safe; one thread at a time moves the clock, others that want to wait for it.
 */
public final class ManualTime implements Environment {

    /** How many timers and callbacks may run without the clock moving on; more are taken for an endless loop. */
    static final int MOST_AT_ONE_TIME = 1_000_000;

    private static final Logger LOG = LoggerFactory.getLogger(ManualTime.class);

    private static final long ORIGIN_NANOS =
            Long.MAX_VALUE - Duration.ofMinutes(5).toNanos();

    private static final Comparator<Task> IN_ORDER =
            Comparator.<Task>comparingLong(task -> task.atNanos).thenComparingLong(task -> task.number);

    private final long seed;
    private final One first;

    /** Held by the thread that moves the clock. */
    private final ReentrantLock moving = new ReentrantLock();

    /** Guards what follows; held for a moment only. */
    private final ReentrantLock lock = new ReentrantLock();

    private final TreeSet<Task> tasks = new TreeSet<>(IN_ORDER);
    private final Set<Parked> parked = new HashSet<>();
    private final SplittableRandom random;
    private int timers;
    private long lastNumber;
    private volatile long elapsedNanos;

    private ManualTime(long seed) {
        this.seed = seed;
        this.random = new SplittableRandom(seed);
        this.first = new One(random.split());
    }

    /**
     * Makes a clock with seed 0.
     *
     * @return a clock that stands at zero
     */
    public static ManualTime create() {
        return withSeed(0);
    }

    /**
     * Makes a clock with a seed, from which the tokens come.
     *
     * @param seed any number
     * @return a clock that stands at zero
     */
    public static ManualTime withSeed(long seed) {
        return new ManualTime(seed);
    }

    /**
     * Makes an environment for another instance that lives in the same time: its timers stand in the same order and are
     * counted with all others, but closing it drops its own only. Its tokens come from a random sequence of its own.
     *
     * @return a new environment
     */
    public Environment newEnvironment() {
        lock.lock();
        try {
            return new One(random.split());
        } finally {
            lock.unlock();
        }
    }

    /**
     * Moves the clock on, and runs on this thread what becomes due meanwhile, including what is scheduled meanwhile.
     *
     * @param duration how far; not negative
     * @return how many timers and callbacks ran
     * @throws IllegalStateException if called from a timer or callback, or if they go on for ever without the clock
     *     moving
     */
    public int advance(Duration duration) {
        if (duration.isNegative()) {
            throw new IllegalArgumentException("time does not go back: " + duration);
        }
        return moving(() -> runUntil(plus(elapsedNanos, duration.toNanos()), false));
    }

    /**
     * Runs on this thread what is due, without moving the clock.
     *
     * @return how many timers and callbacks ran
     * @throws IllegalStateException as {@link #advance}
     */
    public int runDue() {
        return advance(Duration.ZERO);
    }

    /**
     * Moves the clock from timer to timer until none is left, and leaves it at the last one's time; but not past a
     * limit, where it stops with timers left.
     *
     * @param limit how far to go at most
     * @return whether nothing is left to run
     * @throws IllegalStateException as {@link #advance}
     */
    public boolean runUntilIdle(Duration limit) {
        if (limit.isNegative()) {
            throw new IllegalArgumentException("time does not go back: " + limit);
        }
        moving(() -> runUntil(plus(elapsedNanos, limit.toNanos()), true));
        lock.lock();
        try {
            return tasks.isEmpty();
        } finally {
            lock.unlock();
        }
    }

    /**
     * How far the clock has been moved.
     *
     * @return the time since this clock was made
     */
    public Duration elapsed() {
        return Duration.ofNanos(elapsedNanos);
    }

    /**
     * How many timers wait to run, of all environments on this clock: for asserting that a test leaves none behind.
     *
     * @return the number of timers scheduled, neither run nor cancelled nor dropped
     */
    public int pendingTimers() {
        lock.lock();
        try {
            return timers;
        } finally {
            lock.unlock();
        }
    }

    /**
     * How many threads are in {@link #park} until a time to which the clock has not been moved yet: for tests that move the
     * clock once another thread waits.
     *
     * @return the number of threads
     */
    public int parkedThreads() {
        lock.lock();
        try {
            return parked.size();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public long nanoTime() {
        return ORIGIN_NANOS + elapsedNanos;
    }

    @Override
    public Timer schedule(Runnable task, long delayNanos) {
        return first.schedule(task, delayNanos);
    }

    @Override
    public void execute(Runnable callback) {
        first.execute(callback);
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalStateException if this thread is moving the clock
     */
    @Override
    public void park(Object blocker, long nanos) {
        if (moving.isHeldByCurrentThread()) {
            throw new IllegalStateException(
                    "a timer or callback would block the thread that moves the clock, on " + blocker);
        }
        if (nanos <= 0) {
            return;
        }
        Parked self = new Parked(Thread.currentThread(), plus(elapsedNanos, nanos));
        // Not lock.lock(): where that waits it parks this thread, which may use up the permit that is to end this call.
        while (!lock.tryLock()) {
            Thread.onSpinWait();
        }
        try {
            parked.add(self);
        } finally {
            lock.unlock();
        }
        try {
            // The clock may have passed the time before this thread was in the set; later it leaves a permit.
            if (elapsedNanos < self.untilNanos) {
                LockSupport.park(blocker);
            }
        } finally {
            lock.lock();
            try {
                parked.remove(self);
            } finally {
                lock.unlock();
            }
        }
    }

    @Override
    public String newToken() {
        return first.newToken();
    }

    /**
     * Drops the timers that were scheduled on this object, and takes no more. Callbacks still run, also those given
     * later; the {@link #newEnvironment other environments} stay open, and the clock can still be moved.
     */
    @Override
    public void close() {
        first.close();
    }

    /** The seed and the time, for messages of failed tests. */
    @Override
    public String toString() {
        return "ManualTime[seed=" + seed + ", elapsed=" + elapsed() + "]";
    }

    private int moving(IntSupplier move) {
        if (moving.isHeldByCurrentThread()) {
            throw new IllegalStateException("a timer or callback must not move the clock that runs it");
        }
        moving.lock();
        try {
            return move.getAsInt();
        } finally {
            moving.unlock();
        }
    }

    private int runUntil(long limitNanos, boolean stopAtLast) {
        int ran = 0;
        int ranAtOneTime = 0;
        Task task = takeDue(limitNanos);
        while (task != null) {
            ranAtOneTime = task.atNanos > elapsedNanos ? 1 : ranAtOneTime + 1;
            if (ranAtOneTime > MOST_AT_ONE_TIME) {
                throw new IllegalStateException(
                        "more than " + MOST_AT_ONE_TIME + " timers ran without the clock moving on, at " + this);
            }
            moveTo(task.atNanos);
            run(task);
            ran++;
            task = takeDue(limitNanos);
        }
        if (!stopAtLast) {
            moveTo(limitNanos);
        }
        return ran;
    }

    private @Nullable Task takeDue(long limitNanos) {
        lock.lock();
        try {
            if (tasks.isEmpty() || tasks.first().atNanos > limitNanos) {
                return null;
            }
            Task task = tasks.first();
            remove(task);
            return task;
        } finally {
            lock.unlock();
        }
    }

    private void moveTo(long nanos) {
        lock.lock();
        try {
            if (nanos > elapsedNanos) {
                elapsedNanos = nanos;
                parked.removeIf(waiting -> {
                    boolean over = waiting.untilNanos <= nanos;
                    if (over) {
                        LockSupport.unpark(waiting.thread);
                    }
                    return over;
                });
            }
        } finally {
            lock.unlock();
        }
    }

    private static void run(Task task) {
        Runnable body = task.body;
        task.body = null;
        if (body == null) {
            return;
        }
        try {
            body.run();
        } catch (RuntimeException | Error e) {
            LOG.warn("a {} threw", task.isTimer ? "timer" : "callback", e);
        }
    }

    private void remove(Task task) {
        if (tasks.remove(task) && task.isTimer) {
            timers--;
        }
    }

    /** A time and a delay, without overflow; a negative delay is none. */
    private static long plus(long nanos, long delayNanos) {
        return delayNanos <= 0 ? nanos : nanos > Long.MAX_VALUE - delayNanos ? Long.MAX_VALUE : nanos + delayNanos;
    }

    /** A thread in {@link #park}, and until when. */
    private record Parked(Thread thread, long untilNanos) {}

    /** Something to run, and its place in the order of all. */
    private final class Task implements Timer {
        final One owner;
        final boolean isTimer;
        final long atNanos;
        final long number;
        volatile @Nullable Runnable body;

        Task(One owner, boolean isTimer, Runnable body, long atNanos, long number) {
            this.owner = owner;
            this.isTimer = isTimer;
            this.body = body;
            this.atNanos = atNanos;
            this.number = number;
        }

        @Override
        public void cancel() {
            lock.lock();
            try {
                body = null;
                remove(this);
            } finally {
                lock.unlock();
            }
        }
    }

    /** The environment of one instance. */
    private final class One implements Environment {
        private final SplittableRandom tokens;
        private boolean closed;

        One(SplittableRandom tokens) {
            this.tokens = tokens;
        }

        @Override
        public long nanoTime() {
            return ManualTime.this.nanoTime();
        }

        @Override
        public Timer schedule(Runnable task, long delayNanos) {
            return add(true, task, delayNanos);
        }

        @Override
        public void execute(Runnable callback) {
            add(false, callback, 0);
        }

        @Override
        public void park(Object blocker, long nanos) {
            ManualTime.this.park(blocker, nanos);
        }

        @Override
        public String newToken() {
            byte[] bytes = new byte[16];
            lock.lock();
            try {
                tokens.nextBytes(bytes);
            } finally {
                lock.unlock();
            }
            return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
        }

        @Override
        public void close() {
            lock.lock();
            try {
                closed = true;
                // Callbacks stay: what they tell, of the closing itself for instance, somebody may wait for.
                tasks.stream()
                        .filter(task -> task.owner == this && task.isTimer)
                        .toList()
                        .forEach(Task::cancel);
            } finally {
                lock.unlock();
            }
        }

        private Task add(boolean isTimer, Runnable body, long delayNanos) {
            lock.lock();
            try {
                lastNumber++;
                Task task = new Task(this, isTimer, body, plus(elapsedNanos, delayNanos), lastNumber);
                if (closed && isTimer) {
                    task.body = null;
                } else {
                    tasks.add(task);
                    timers += isTimer ? 1 : 0;
                }
                return task;
            } finally {
                lock.unlock();
            }
        }
    }
}
