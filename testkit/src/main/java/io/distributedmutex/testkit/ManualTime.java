package io.distributedmutex.testkit;

import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.Timer;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A clock that stands still until it is moved, and a scheduler that runs on the thread which moves it. With the same
 * seed and the same calls the same things happen in the same order.
 *
 * <pre>{@code
 * ManualTime time = ManualTime.create();
 * time.runAfter(() -> System.out.println("due"), Duration.ofSeconds(20).toNanos());
 * time.advance(Duration.ofMinutes(1));    // runs it, with the clock at 20 s, and leaves the clock at 60 s
 * }</pre>
 *
 * <p>Timers run in the order of their times, and at one time in the order in which they were scheduled. Each runs with the
 * clock at its own time. Callbacks ({@link #execute}) are timers without delay, which {@link #pendingTimers} does not count:
 * they wait for the next {@link #advance} or {@link #runDue}. Exceptions of timers and callbacks are logged and stop nothing.
 *
 * <p>A thread that {@link #park parks}, such as in an {@code acquire} that has to wait, really waits until another thread has
 * moved the clock past its time. If none does so for 10 s of real time, it gets an {@link IllegalStateException} that says
 * what to do. If one thread makes all calls, {@link #autoAdvance} lets it wait without another. The thread that moves the clock
 * must not park in a timer or callback, since no thread would be left to wake it; it gets an {@link IllegalStateException} at
 * once.
 *
 * <p>Like Linux's jiffies, the nanoseconds begin five minutes before they overflow. This finds code that compares them
 * otherwise than by subtraction. Thread-safe; one thread at a time moves the clock, and others that move it wait.
 */
public final class ManualTime implements Environment {

    /** How many timers and callbacks may run without the clock moving on; more are taken for an endless loop. */
    static final int MOST_AT_ONE_TIME = 1_000_000;

    private static final Logger LOG = LoggerFactory.getLogger(ManualTime.class);

    /** How many moments of 5 s a thread waits for somebody to mind the clock: two, so that a standstill of the machine is one. */
    private static final int PATIENCE_MOMENTS = 2;

    /** 2025-01-01T00:00:00Z. */
    private static final long EPOCH_MILLIS = 1_735_689_600_000L;

    private static final long ORIGIN_NANOS =
            Long.MAX_VALUE - Duration.ofMinutes(5).toNanos();

    private static final Comparator<Task> IN_ORDER =
            Comparator.<Task>comparingLong(task -> task.atNanos).thenComparingLong(task -> task.number);

    private final long seed;
    private final long momentNanos;
    private final One first;

    /** Held by the thread that moves the clock. */
    private final ReentrantLock moving = new ReentrantLock();

    /** Guards what follows; held for a moment only. */
    private final ReentrantLock lock = new ReentrantLock();

    private final TreeSet<Task> tasks = new TreeSet<>(IN_ORDER);
    private final IdentityHashMap<Timer, Task> timers = new IdentityHashMap<>();
    private final Set<Parked> parked = new HashSet<>();

    /** How many moments a thread has waited since anybody minded the clock. */
    private final Map<Thread, Integer> momentsWaited = new HashMap<>();

    private final SplittableRandom random;
    private long lastNumber;
    private volatile long elapsedNanos;
    private volatile boolean autoAdvancing;

    /** How many have run since the clock was moved. Guarded by {@link #moving}. */
    private int ranAtOneTime;

    /**
     * Makes a clock.
     *
     * @param momentNanos in what steps of real time a parked thread's patience is counted
     */
    ManualTime(long seed, long momentNanos) {
        this.seed = seed;
        this.momentNanos = momentNanos;
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
     * Makes a clock with a seed, from which the random bytes come.
     *
     * @param seed any number
     * @return a clock that stands at zero
     */
    public static ManualTime withSeed(long seed) {
        return new ManualTime(seed, 5_000_000_000L);
    }

    /**
     * Lets threads that wait move the clock themselves from now on: to the next timer or callback and run it, or, where
     * none is due before, to the end of their own wait. So a wait takes no real time, and needs no other thread. For tests
     * that make all blocking calls on one thread: the clock does not wait for what another thread is about to do.
     *
     * @return this clock
     */
    public ManualTime autoAdvance() {
        autoAdvancing = true;
        return this;
    }

    /**
     * Makes an environment for another instance that lives in the same time: its timers stand in the same order and are
     * counted with all others, but closing it drops its own only. Its random bytes are a sequence of its own.
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
            return timers.size();
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

    /** The year 2025 begins with this clock. */
    @Override
    public long epochMillis() {
        return EPOCH_MILLIS + elapsedNanos / 1_000_000;
    }

    @Override
    public void schedule(Timer timer, long atNanos) {
        first.schedule(timer, atNanos);
    }

    @Override
    public void cancel(Timer timer) {
        first.cancel(timer);
    }

    @Override
    public void execute(Runnable callback) {
        first.execute(callback);
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalStateException if this thread is moving the clock, or has waited for 10 s of real time in which nobody
     *     moved it or called {@link #runDue}
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
        if (autoAdvancing && whileMoving(() -> advanceFor(self))) {
            return;
        }
        // Not lock.lock(): where that waits it parks this thread, which may use up the permit that is to end this call.
        while (!lock.tryLock()) {
            Thread.onSpinWait();
        }
        try {
            parked.add(self);
        } finally {
            lock.unlock();
        }
        boolean fruitless = false;
        try {
            // The clock may have passed the time before this thread was in the set; later it leaves a permit.
            if (elapsedNanos < self.untilNanos) {
                long start = System.nanoTime();
                LockSupport.parkNanos(blocker, momentNanos);
                fruitless = System.nanoTime() - start >= momentNanos;
            }
        } finally {
            lock.lock();
            try {
                countMoment(self.thread, parked.remove(self) && fruitless);
            } finally {
                lock.unlock();
            }
        }
    }

    /** One step of {@link #autoAdvance}; the thread looks again after each. False if nothing here would ever wake it. */
    private boolean advanceFor(Parked self) {
        if (runNext(self.untilNanos)) {
            minded();
            return true;
        }
        if (self.untilNanos == Long.MAX_VALUE) {
            return false;
        }
        moveTo(self.untilNanos);
        minded();
        return true;
    }

    private void countMoment(Thread thread, boolean fruitless) {
        if (!fruitless) {
            momentsWaited.remove(thread);
        } else if (momentsWaited.merge(thread, 1, Integer::sum) >= PATIENCE_MOMENTS) {
            momentsWaited.remove(thread);
            throw new IllegalStateException("thread '" + thread.getName() + "' has waited for "
                    + Duration.ofNanos(PATIENCE_MOMENTS * momentNanos).toMillis()
                    + " ms of real time for a manual clock that nobody moves: move it on another thread by advance(),"
                    + " or let threads that wait move it by autoAdvance(), or call acquireAsync() and then advance()");
        }
    }

    @Override
    public void randomBytes(byte[] target) {
        first.randomBytes(target);
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

    private <T> T moving(Supplier<T> move) {
        return whileMoving(() -> {
            minded();
            return move.get();
        });
    }

    private <T> T whileMoving(Supplier<T> move) {
        if (moving.isHeldByCurrentThread()) {
            throw new IllegalStateException("a timer or callback must not move the clock that runs it");
        }
        moving.lock();
        try {
            return move.get();
        } finally {
            moving.unlock();
        }
    }

    private int runUntil(long limitNanos, boolean stopAtLast) {
        ranAtOneTime = 0;
        int ran = 0;
        while (runNext(limitNanos)) {
            ran++;
        }
        if (!stopAtLast) {
            moveTo(limitNanos);
        }
        return ran;
    }

    /** Moves the clock to the next timer or callback and runs it. Returns false if none is due by the limit. */
    private boolean runNext(long limitNanos) {
        Task task = takeDue(limitNanos);
        if (task == null) {
            return false;
        }
        ranAtOneTime = task.atNanos > elapsedNanos ? 1 : ranAtOneTime + 1;
        if (ranAtOneTime > MOST_AT_ONE_TIME) {
            throw new IllegalStateException(
                    "more than " + MOST_AT_ONE_TIME + " timers ran without the clock moving on, at " + this);
        }
        moveTo(task.atNanos);
        run(task);
        return true;
    }

    /** Some thread moves the clock, so parked threads keep their patience. */
    private void minded() {
        lock.lock();
        try {
            momentsWaited.clear();
        } finally {
            lock.unlock();
        }
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
        try {
            task.body.run();
        } catch (RuntimeException | Error e) {
            LOG.warn("a {} threw", task.timer != null ? "timer" : "callback", e);
        }
    }

    private void remove(Task task) {
        if (tasks.remove(task) && task.timer != null) {
            timers.remove(task.timer);
        }
    }

    /** A time and a delay, without overflow; a negative delay is none. */
    private static long plus(long nanos, long delayNanos) {
        return delayNanos <= 0 ? nanos : nanos > Long.MAX_VALUE - delayNanos ? Long.MAX_VALUE : nanos + delayNanos;
    }

    /** A thread in {@link #park}, and until when. */
    private record Parked(Thread thread, long untilNanos) {}

    /**
     * Something to run, and its place in the order of all.
     *
     * @param timer the timer that it is, null if it is a callback
     */
    private record Task(One owner, @Nullable Timer timer, Runnable body, long atNanos, long number) {}

    /** The environment of one instance. */
    private final class One implements Environment {
        private final SplittableRandom random;
        private boolean closed;

        One(SplittableRandom random) {
            this.random = random;
        }

        @Override
        public long nanoTime() {
            return ManualTime.this.nanoTime();
        }

        @Override
        public long epochMillis() {
            return ManualTime.this.epochMillis();
        }

        @Override
        public void schedule(Timer timer, long atNanos) {
            lock.lock();
            try {
                cancel(timer);
                if (!closed) {
                    timer.setAtNanos(atNanos);
                    timers.put(timer, add(timer, timer::run, Math.max(elapsedNanos, atNanos - ORIGIN_NANOS)));
                }
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void cancel(Timer timer) {
            lock.lock();
            try {
                Task task = timers.get(timer);
                if (task != null) {
                    remove(task);
                }
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void execute(Runnable callback) {
            lock.lock();
            try {
                add(null, callback, elapsedNanos);
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void park(Object blocker, long nanos) {
            ManualTime.this.park(blocker, nanos);
        }

        @Override
        public void randomBytes(byte[] target) {
            lock.lock();
            try {
                random.nextBytes(target);
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void close() {
            lock.lock();
            try {
                closed = true;
                // Callbacks stay: what they tell, of the closing itself for instance, somebody may wait for.
                tasks.stream()
                        .filter(task -> task.owner == this && task.timer != null)
                        .toList()
                        .forEach(ManualTime.this::remove);
            } finally {
                lock.unlock();
            }
        }

        private Task add(@Nullable Timer timer, Runnable body, long atNanos) {
            lastNumber++;
            Task task = new Task(this, timer, body, atNanos, lastNumber);
            tasks.add(task);
            return task;
        }
    }
}
