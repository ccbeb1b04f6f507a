package io.distributedmutex.internal;

import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.Timer;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * The real world: the system's clocks, one timer thread, and callback threads.
 *
 * <p>Callbacks run on the user's executor if there is one, else on virtual threads where the JDK has them, else on threads
 * of a pool. The pool has as many threads as are busy at once, without a limit, since any limit could be reached by
 * callbacks that wait for another; an idle thread ends after 5 s. What must not wait for the user's code runs on the pool in
 * any case: virtual threads share few of the platform's, which code that computes for long does not let go of.
 */
public final class SystemEnvironment implements Environment {

    /** How soon (10 ms) a thread is asked for again for a callback that found none. */
    private static final long RETRY_NANOS = 10_000_000L;

    private static final AtomicInteger INSTANCES = new AtomicInteger();

    private final SystemClock clock;
    private final TimerThread timers;
    private final ThreadPoolExecutor pool;
    private final @Nullable Executor usersExecutor;
    private final @Nullable ThreadFactory virtualThreads;
    private final AtomicBoolean refusalTold = new AtomicBoolean();

    /** Callbacks that found no thread: whoever has one does them. */
    private final Queue<Callback> homeless = new ConcurrentLinkedQueue<>();

    private volatile boolean closed;

    /** Random bytes are drawn in bulk, because a draw costs far more than the bytes. Guarded by itself; empty at first. */
    private final ByteBuffer drawn = ByteBuffer.allocate(4096).limit(0);
    /** Guarded by {@link #drawn}. */
    private SecureRandom random = new SecureRandom();
    /** What the clock had missed when random bytes were last asked for. Guarded by {@link #drawn}. */
    private long missedNanos;

    /** Lets a checkpoint of the process know of this; null where there are none. Held here, since nobody else does. */
    @SuppressWarnings("unused")
    private final @Nullable Object checkpoints;

    /** With the defaults. Starts no thread yet. */
    public SystemEnvironment() {
        this(true, null);
    }

    /**
     * Starts no thread yet.
     *
     * @param countsWallClockSteps whether a forward step of the wall clock counts as time that has passed
     * @param callbackExecutor where callbacks run; null for threads of this environment
     */
    public SystemEnvironment(boolean countsWallClockSteps, @Nullable Executor callbackExecutor) {
        this(null, countsWallClockSteps, callbackExecutor, OwnThreads::platform);
    }

    /** With a clock for tests. */
    SystemEnvironment(SystemClock clock) {
        this(clock, true, null, OwnThreads::platform);
    }

    /** With threads for tests, made of a body and a name. */
    SystemEnvironment(BiFunction<Runnable, String, Thread> platformThreads) {
        this(null, true, null, platformThreads);
    }

    private SystemEnvironment(
            @Nullable SystemClock given,
            boolean countsWallClockSteps,
            @Nullable Executor callbackExecutor,
            BiFunction<Runnable, String, Thread> platformThreads) {
        int instance = INSTANCES.incrementAndGet();
        AtomicInteger threads = new AtomicInteger();
        String callbackName = "dmutex-callback-" + instance + "-";
        // An idle thread is used before a new one is made.
        pool = new ThreadPoolExecutor(
                0,
                Integer.MAX_VALUE,
                5,
                TimeUnit.SECONDS,
                new SynchronousQueue<>(),
                body -> platformThreads.apply(body, callbackName + threads.incrementAndGet()),
                // Closed: only what the caller of close() may still be told.
                (callback, refusing) -> callback.run());
        usersExecutor = callbackExecutor;
        virtualThreads = callbackExecutor == null ? OwnThreads.virtual(callbackName + "v") : null;
        clock = given != null ? given : new SystemClock(countsWallClockSteps, pool);
        timers = new TimerThread(clock, loop -> platformThreads.apply(loop, "dmutex-timer-" + instance));
        checkpoints = Checkpoints.register(this::beforeCheckpoint, this::forgetDrawn);
    }

    @Override
    public long nanoTime() {
        return clock.getAsLong();
    }

    @Override
    public void schedule(Timer timer, long atNanos) {
        timers.schedule(timer, atNanos);
    }

    @Override
    public void cancel(Timer timer) {
        timers.cancel(timer);
    }

    @Override
    public void park(Object blocker, long nanos) {
        LockSupport.parkNanos(blocker, nanos);
    }

    /** Ends the timer thread; callback threads end when the callbacks that they run or were given have ended. */
    @Override
    public void close() {
        closed = true;
        timers.close();
        pool.shutdown();
        runHomeless();
    }

    // ---- callbacks

    @Override
    public void execute(Runnable body) {
        Callback callback = new Callback(body);
        if (!isTakenElsewhere(callback)) {
            runOnPool(callback);
        }
    }

    @Override
    public void executeAtOnce(Runnable body) {
        runOnPool(new Callback(body));
    }

    private boolean isTakenElsewhere(Callback callback) {
        try {
            if (usersExecutor != null) {
                usersExecutor.execute(callback);
                return true;
            }
            if (virtualThreads != null && !closed) {
                virtualThreads.newThread(callback).start();
                return true;
            }
        } catch (Throwable t) {
            if (usersExecutor != null && refusalTold.compareAndSet(false, true)) {
                Log.quietly(() -> Log.LOGGER.warn(
                        "the callback executor did not take a callback; those that it does not take run on threads of"
                                + " the library (this is said once)",
                        t));
            }
        }
        return false;
    }

    private void runOnPool(Callback callback) {
        try {
            pool.execute(callback);
        } catch (Throwable t) {
            // No thread to be had now. Lost it must not get.
            homeless.add(callback);
            if (closed) {
                runHomeless();
            } else {
                runAfter(this::housed, RETRY_NANOS);
            }
        }
    }

    private void housed() {
        Callback callback = homeless.poll();
        if (callback != null) {
            runOnPool(callback);
        }
    }

    private void runHomeless() {
        for (Callback callback = homeless.poll(); callback != null; callback = homeless.poll()) {
            callback.runAlone();
        }
    }

    /** What a user or the engine wants to run. Whoever runs it runs those that found no thread, too. */
    private final class Callback extends Once {
        private static final long serialVersionUID = 1L;

        Callback(Runnable body) {
            super(body);
        }

        @Override
        public void run() {
            runAlone();
            if (!homeless.isEmpty()) {
                runHomeless();
            }
        }

        void runAlone() {
            try {
                super.run();
            } catch (Throwable t) {
                Log.quietly(() -> Log.LOGGER.warn("a callback threw; nothing else is affected", t));
            }
        }
    }

    // ---- randomness

    @Override
    public void randomBytes(byte[] target) {
        // Looked at for what it notices.
        clock.getAsLong();
        synchronized (drawn) {
            long missed = clock.missedNanos();
            if (missed != missedNanos) {
                // This may be a copy of a machine that goes on elsewhere, with the same bytes before it.
                forgetDrawn();
                missedNanos = missed;
            }
            for (int filled = 0; filled < target.length; ) {
                if (!drawn.hasRemaining()) {
                    random.nextBytes(drawn.array());
                    drawn.clear();
                }
                int length = Math.min(drawn.remaining(), target.length - filled);
                drawn.get(target, filled, length);
                filled += length;
            }
        }
    }

    /** What was drawn ahead, here or by the JDK, is not used. */
    private void forgetDrawn() {
        synchronized (drawn) {
            drawn.limit(0);
            random = new SecureRandom();
            // More than the JDK draws ahead from the system.
            random.nextBytes(drawn.array());
            Arrays.fill(drawn.array(), (byte) 0);
        }
    }

    private void beforeCheckpoint() {
        int waiting = timers.size();
        if (waiting > 0) {
            throw new IllegalStateException("a DistributedMutex holds leases or waits for some (" + waiting
                    + " timers): every process started from the checkpoint would believe that it alone does."
                    + " Release them, or close the instance, before a checkpoint");
        }
        forgetDrawn();
    }
}
