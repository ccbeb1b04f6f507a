package io.distributedmutex.verification.simulation;

import io.distributedmutex.Lease;
import io.distributedmutex.internal.SystemClock;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.Timer;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.verification.simulation.Plan.Clocks;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The process that an instance lives in, on a machine of its own: clocks that run fast or slow by a constant rate, a wall
 * clock that is set, suspensions in which the monotonic clock stands still, pauses in which nothing of it runs while time
 * goes on (a garbage collection, SIGSTOP), a crash, and threads that block.
 *
 * <p>All processes of a life share one real thread at a time. What blocks runs on a thread of its own, which has the turn
 * until it parks, and gets it again after each event of its process: nothing else could have woken it. Waking too often
 * is allowed ({@link Environment#park}), so no wake-up has to be observed. Handing over the turn costs more than all else;
 * where it is no matter what becomes of a call after it blocked, {@link #startOrAbandon} spares the thread.
 */
final class SimulatedProcess implements Environment {

    private static final ExecutorService THREADS = Executors.newCachedThreadPool(body -> {
        Thread thread = new Thread(body, "simulated");
        thread.setDaemon(true);
        return thread;
    });

    /** Longer (10 s) than any suspension that a life has. */
    private static final long LONGEST_SUSPENSION_NANOS = 10_000_000_000L;

    private static final ThreadLocal<@Nullable SimulatedThread> CURRENT = new ThreadLocal<>();

    private final Consumer<String> broken;
    /** For the engine, which closes it, and for what happens to the process besides. */
    private final Environment time;

    private final Environment ownTime;
    private final double rate;
    private final Clocks clocks;
    private final long origin;
    private final SplittableRandom random;
    private final SystemClock clock;
    private final ArrayDeque<Runnable> held = new ArrayDeque<>();
    private final IdentityHashMap<Timer, HeldTimer> engineTimers = new IdentityHashMap<>();
    private final List<SimulatedThread> threads = new ArrayList<>();
    private boolean paused;
    /** What the monotonic clock stands at while the machine is suspended; else -1. */
    private long stoppedAt = -1;
    /** How long the machine was suspended so far. */
    private long suspended;
    /** Timers that are due, but will be noticed to be so only later. */
    private int lateTimers;
    /** By how much the wall clock was set. */
    private long wallSteps;

    private boolean crashed;
    private boolean waking;
    /** Whether what runs now is abandoned where it would block. */
    private boolean abandoning;

    /**
     * A running process.
     *
     * @param rate how many seconds its clock counts in a true second
     * @param clocks what it knows of suspensions
     * @param random decides how late its timers are after a suspension
     * @param broken told what a thread dies of
     */
    SimulatedProcess(ManualTime time, double rate, Clocks clocks, SplittableRandom random, Consumer<String> broken) {
        this.broken = broken;
        this.time = time.newEnvironment();
        this.ownTime = time.newEnvironment();
        this.rate = rate;
        this.clocks = clocks;
        this.random = random;
        this.origin = time.nanoTime();
        this.clock = new SystemClock(
                this::monotonicNanos, this::wallNanos, this::uptimeNanos, clocks != Clocks.STEPS_IGNORED);
    }

    // ---- its machine's clocks

    private long elapsedNanos() {
        return (long) ((time.nanoTime() - origin) * rate);
    }

    private long monotonicNanos() {
        return stoppedAt >= 0 ? stoppedAt : elapsedNanos() - suspended;
    }

    private long wallNanos() {
        return elapsedNanos() + wallSteps;
    }

    /** As /proc/uptime, in steps of 10 ms: goes on in suspension, unless it is the host that suspends. */
    private long uptimeNanos() {
        return switch (clocks) {
            case NO_UPTIME -> -1;
            case STEPS_IGNORED, STEPS_COUNTED -> elapsedNanos() / 10_000_000 * 10_000_000;
            case PAUSED_GUEST -> monotonicNanos() / 10_000_000 * 10_000_000;
        };
    }

    // ---- what happens to it

    void pause() {
        paused = true;
    }

    void resume() {
        paused = false;
        goOn();
    }

    /** The machine sleeps for a while; afterwards its timers are late, as they count on the clock that had stopped. */
    void suspend(long nanos) {
        if (!isSuspended() && !crashed) {
            stoppedAt = monotonicNanos();
            // Not on the engine's time, which ends with the engine.
            ownTime.runAfter(this::wakeFromSuspension, nanos);
        }
    }

    private void wakeFromSuspension() {
        suspended = elapsedNanos() - stoppedAt;
        stoppedAt = -1;
        for (Runnable event : List.copyOf(held)) {
            if (event instanceof HeldTimer) {
                held.remove(event);
                lateTimers++;
                // TimerThread looks at the clock once a second.
                ownTime.runAfter(
                        () -> {
                            lateTimers--;
                            whenRunning(event);
                        },
                        random.nextLong(1_000_000_000L));
            }
        }
        goOn();
    }

    private void goOn() {
        while (!isPaused() && !held.isEmpty()) {
            run(held.remove());
        }
    }

    /**
     * The wall clock is set. Never back by what may hide a suspension (docs/guarantees.md): by anything where only that
     * clock could tell of one, else by about as much as one takes.
     */
    void stepWallClock(long nanos) {
        boolean uptimeTells = clocks == Clocks.STEPS_IGNORED || clocks == Clocks.STEPS_COUNTED;
        wallSteps += uptimeTells && Math.abs(nanos) > LONGEST_SUSPENSION_NANOS ? nanos : Math.abs(nanos);
    }

    boolean isPaused() {
        return paused || isSuspended();
    }

    boolean isSuspended() {
        return stoppedAt >= 0;
    }

    /** Whether a suspension has effects still. */
    boolean isDisturbed() {
        return !crashed && (isSuspended() || lateTimers > 0);
    }

    /** Nothing of it runs ever again. */
    void crash() {
        crashed = true;
        held.clear();
        time.close();
        ownTime.close();
        wake();
    }

    boolean isCrashed() {
        return crashed;
    }

    // ---- what it does

    /** An event reaches it: a packet, a timer. */
    void whenRunning(Runnable event) {
        if (crashed) {
            return;
        }
        if (isPaused() || !held.isEmpty()) {
            held.add(event);
        } else {
            run(event);
        }
    }

    private void run(Runnable event) {
        try {
            event.run();
        } catch (ThrowingListener.Thrown e) {
            // An environment's callbacks may throw, and that stops nothing.
        } catch (RuntimeException e) {
            broken.accept("a timer, callback or answer threw " + e);
        } finally {
            wake();
        }
    }

    /** Runs something that may block. */
    SimulatedThread start(Runnable body) {
        SimulatedThread thread = new SimulatedThread(body);
        threads.add(thread);
        thread.begin();
        wake();
        return thread;
    }

    /**
     * Runs something that is abandoned where it would block, as when its thread were stopped there: for calls whose work is
     * done by then, and which need not come to an end.
     */
    void startOrAbandon(Runnable body) {
        boolean outer = abandoning;
        abandoning = true;
        try {
            body.run();
        } catch (Abandoned e) {
            // As announced.
        } finally {
            abandoning = outer;
        }
    }

    int runningThreads() {
        return threads.size();
    }

    private void wake() {
        if (waking || threads.isEmpty()) {
            return;
        }
        waking = true;
        try {
            // Again after one has ended: what it did may wake another that had its turn before.
            boolean again = true;
            while (again) {
                for (SimulatedThread thread : List.copyOf(threads)) {
                    thread.turn();
                }
                again = threads.removeIf(thread -> thread.ended);
            }
        } finally {
            waking = false;
        }
    }

    /** For the body of a simulated thread: lets time pass. */
    void sleep(long nanos) {
        long end = nanoTime() + nanos;
        while (nanoTime() < end) {
            park(this, end - nanoTime());
        }
    }

    // ---- Environment

    @Override
    public long nanoTime() {
        return clock.getAsLong();
    }

    @Override
    public long epochMillis() {
        return Math.max(0, wallNanos() / 1_000_000);
    }

    /** The program that uses the engine does something later. */
    HeldTimer later(Runnable task, long delayNanos) {
        return new HeldTimer(ownTime, task, delayNanos);
    }

    @Override
    public void schedule(Timer timer, long atNanos) {
        cancel(timer);
        timer.setAtNanos(atNanos);
        engineTimers.put(
                timer,
                new HeldTimer(
                        time,
                        () -> {
                            engineTimers.remove(timer);
                            timer.run();
                        },
                        atNanos - nanoTime()));
    }

    @Override
    public void cancel(Timer timer) {
        HeldTimer scheduled = engineTimers.remove(timer);
        if (scheduled != null) {
            scheduled.cancel();
        }
    }

    @Override
    public void execute(Runnable callback) {
        time.execute(() -> whenRunning(callback));
    }

    @Override
    public void park(Object blocker, long nanos) {
        SimulatedThread self = CURRENT.get();
        if (self == null) {
            if (abandoning) {
                throw new Abandoned();
            }
            throw new IllegalStateException("the thread that moves the clock would block, on " + blocker);
        }
        if (nanos <= 0) {
            return;
        }
        self.blocker = blocker;
        self.due = false;
        HeldTimer end = nanos < 1_000_000_000_000_000L ? later(() -> self.due = true, nanos) : null;
        self.giveTurnBack();
        if (end != null) {
            end.cancel();
        }
    }

    @Override
    public void randomBytes(byte[] target) {
        time.randomBytes(target);
    }

    @Override
    public void close() {
        time.close();
    }

    /** A timer that can still be cancelled when it is due but its process is paused. */
    final class HeldTimer implements Runnable {
        private final Environment on;
        private final Timer scheduled;
        private @Nullable Runnable task;

        private HeldTimer(Environment on, Runnable task, long delayNanos) {
            this.on = on;
            this.task = task;
            // Not early by a rounded nanosecond: on this clock the task would find itself not due.
            double trueNanos = delayNanos / rate + 2;
            this.scheduled = on.runAfter(() -> whenRunning(this), delayNanos <= 0 ? 0 : (long) trueNanos);
        }

        @Override
        public void run() {
            Runnable now = task;
            task = null;
            if (now != null) {
                now.run();
            }
        }

        void cancel() {
            task = null;
            on.cancel(scheduled);
        }
    }

    /** The end of a thread whose process crashed. */
    private static final class Crash extends Error {
        private static final long serialVersionUID = 1L;

        Crash() {
            super("crashed", null, false, false);
        }
    }

    /** The end of a call that would block, and for which there is no thread. */
    private static final class Abandoned extends Error {
        private static final long serialVersionUID = 1L;

        Abandoned() {
            super("abandoned", null, false, false);
        }
    }

    /** A thread of this process; it or the one that moves the clock runs, never both. */
    final class SimulatedThread {
        private final Runnable body;
        private final Semaphore turn = new Semaphore(0);
        private final Semaphore turnIsBack = new Semaphore(0);
        private @Nullable Thread thread;
        private volatile boolean ended;
        private volatile @Nullable Object blocker;
        /** Whether what it waits for at most is over. */
        private volatile boolean due;

        private SimulatedThread(Runnable body) {
            this.body = body;
        }

        void interrupt() {
            Thread running = thread;
            if (!ended && running != null) {
                running.interrupt();
            }
        }

        private void begin() {
            THREADS.execute(() -> {
                CURRENT.set(this);
                thread = Thread.currentThread();
                try {
                    body.run();
                } catch (Crash e) {
                    // The end that was meant for it.
                } catch (RuntimeException | Error e) {
                    broken.accept("a thread died of " + e);
                } finally {
                    boolean unused = Thread.interrupted();
                    CURRENT.remove();
                    ended = true;
                    turnIsBack.release();
                }
            });
            turnIsBack.acquireUninterruptibly();
        }

        private void turn() {
            if (!ended && (crashed || mayGoOn())) {
                turn.release();
                turnIsBack.acquireUninterruptibly();
            }
        }

        /** Spares turns that would come to nothing, since they cost more than all else here. */
        private boolean mayGoOn() {
            Object on = blocker;
            boolean onTime = on == SimulatedProcess.this || on instanceof Lease;
            boolean onAnswer = on instanceof CompletableFuture<?> answer && !answer.isDone();
            return !(onTime || onAnswer) || due;
        }

        private void giveTurnBack() {
            turnIsBack.release();
            turn.acquireUninterruptibly();
            if (crashed) {
                throw new Crash();
            }
        }
    }
}
