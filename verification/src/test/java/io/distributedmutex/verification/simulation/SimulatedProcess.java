package io.distributedmutex.verification.simulation;

import io.distributedmutex.Lease;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.testkit.ManualTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The process that an instance lives in: a clock that runs fast or slow by a constant rate, pauses in which nothing of it
 * runs while time goes on (a garbage collection, SIGSTOP), a crash, and threads that block.
 *
 * <p>All processes of a life share one real thread at a time. What blocks runs on a thread of its own, which has the turn
 * until it parks, and gets it again after each event of its process: nothing else could have woken it. Waking too often
 * is allowed ({@link Environment#park}), so no wake-up has to be observed.
 */
final class SimulatedProcess implements Environment {

    private static final ExecutorService THREADS = Executors.newCachedThreadPool(body -> {
        Thread thread = new Thread(body, "simulated");
        thread.setDaemon(true);
        return thread;
    });

    private static final ThreadLocal<@Nullable SimulatedThread> CURRENT = new ThreadLocal<>();

    private final Consumer<String> broken;
    /** For the engine, which closes it, and for what happens to the process besides. */
    private final Environment time;

    private final Environment ownTime;
    private final double rate;
    private final long origin;
    private final ArrayDeque<Runnable> held = new ArrayDeque<>();
    private final List<SimulatedThread> threads = new ArrayList<>();
    private boolean paused;
    private boolean crashed;
    private boolean waking;

    /**
     * A running process.
     *
     * @param rate how many seconds its clock counts in a true second
     * @param broken told what a thread dies of
     */
    SimulatedProcess(ManualTime time, double rate, Consumer<String> broken) {
        this.broken = broken;
        this.time = time.newEnvironment();
        this.ownTime = time.newEnvironment();
        this.rate = rate;
        this.origin = time.nanoTime();
    }

    // ---- what happens to it

    void pause() {
        paused = true;
    }

    void resume() {
        paused = false;
        while (!paused && !held.isEmpty()) {
            run(held.remove());
        }
    }

    boolean isPaused() {
        return paused;
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
        if (paused || !held.isEmpty()) {
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
        return (long) ((time.nanoTime() - origin) * rate);
    }

    /** The program that uses the engine does something later. */
    Timer later(Runnable task, long delayNanos) {
        return schedule(ownTime, task, delayNanos);
    }

    @Override
    public Timer schedule(Runnable task, long delayNanos) {
        return schedule(time, task, delayNanos);
    }

    private Timer schedule(Environment on, Runnable task, long delayNanos) {
        HeldTimer timer = new HeldTimer(task);
        // Not early by a rounded nanosecond: on this clock the task would find itself not due.
        double trueNanos = delayNanos / rate + 2;
        timer.scheduled = on.schedule(() -> whenRunning(timer), delayNanos <= 0 ? 0 : (long) trueNanos);
        return timer;
    }

    @Override
    public void execute(Runnable callback) {
        time.execute(() -> whenRunning(callback));
    }

    @Override
    public void park(Object blocker, long nanos) {
        SimulatedThread self = CURRENT.get();
        if (self == null) {
            throw new IllegalStateException("the thread that moves the clock would block, on " + blocker);
        }
        if (nanos <= 0) {
            return;
        }
        Timer end = nanos < 1_000_000_000_000_000L ? later(() -> {}, nanos) : null;
        self.blocker = blocker;
        self.blockedUntil = nanos == Long.MAX_VALUE ? nanos : nanoTime() + nanos;
        self.giveTurnBack();
        if (end != null) {
            end.cancel();
        }
    }

    @Override
    public String newToken() {
        return time.newToken();
    }

    @Override
    public void close() {
        time.close();
    }

    /** A timer that can still be cancelled when it is due but its process is paused. */
    private static final class HeldTimer implements Timer, Runnable {
        private @Nullable Runnable task;
        private @Nullable Timer scheduled;

        HeldTimer(Runnable task) {
            this.task = task;
        }

        @Override
        public void run() {
            Runnable now = task;
            task = null;
            if (now != null) {
                now.run();
            }
        }

        @Override
        public void cancel() {
            task = null;
            Timer timer = scheduled;
            if (timer != null) {
                timer.cancel();
            }
        }
    }

    /** The end of a thread whose process crashed. */
    private static final class Crash extends Error {
        private static final long serialVersionUID = 1L;

        Crash() {
            super("crashed", null, false, false);
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
        private volatile long blockedUntil;

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
            return !(onTime || onAnswer) || nanoTime() >= blockedUntil;
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
