package io.distributedmutex.internal;

import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.Timer;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The real world: the system's clocks, one timer thread, and callback threads that end after 5 s without work. */
public final class SystemEnvironment implements Environment {

    private static final Logger LOG = LoggerFactory.getLogger("io.distributedmutex");

    /** So many callbacks may block at once before further ones wait for a thread. */
    private static final int CALLBACK_THREADS = 64;

    private static final AtomicInteger INSTANCES = new AtomicInteger();

    private final SystemClock clock;
    private final TimerThread timers;
    private final ThreadPoolExecutor callbacks;
    private final SecureRandom random = new SecureRandom();
    /** Random bytes are drawn in bulk, because a draw costs far more than the bytes. Guarded by itself; empty at first. */
    private final ByteBuffer drawn = ByteBuffer.allocate(4096).limit(0);

    /** Starts no thread yet. */
    public SystemEnvironment() {
        this(new SystemClock());
    }

    /** With a clock for tests. */
    SystemEnvironment(SystemClock clock) {
        this.clock = clock;
        int instance = INSTANCES.incrementAndGet();
        timers = new TimerThread("dmutex-timer-" + instance, clock);
        AtomicInteger threads = new AtomicInteger();
        // An idle thread is used before a new one is made, which ThreadPoolExecutor does only for a queue that refuses.
        HandOverQueue queue = new HandOverQueue();
        callbacks = new ThreadPoolExecutor(
                0,
                CALLBACK_THREADS,
                5,
                TimeUnit.SECONDS,
                queue,
                task -> {
                    Thread thread = new Thread(task, "dmutex-callback-" + instance + "-" + threads.incrementAndGet());
                    thread.setDaemon(true);
                    return thread;
                },
                (task, pool) -> refused(task, pool, queue));
    }

    /** All threads were busy, or it is closed. */
    private static void refused(Runnable task, ThreadPoolExecutor pool, HandOverQueue queue) {
        if (pool.isShutdown()) {
            // Only what the caller of close() may still be told.
            task.run();
            return;
        }
        queue.keep(task);
        // They may all have ended since, without work or by a close, and none of them saw it. One that is still there
        // looks
        // at the queue once more when it ends.
        if (pool.getPoolSize() == 0 && queue.remove(task)) {
            pool.execute(task);
        }
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
    public void execute(Runnable callback) {
        callbacks.execute(() -> {
            try {
                callback.run();
            } catch (Throwable t) {
                LOG.warn("a callback threw; nothing else is affected", t);
            }
        });
    }

    @Override
    public void park(Object blocker, long nanos) {
        LockSupport.parkNanos(blocker, nanos);
    }

    @Override
    public void randomBytes(byte[] target) {
        synchronized (drawn) {
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

    /** Ends the timer thread; callback threads end when the callbacks that they run or were given have ended. */
    @Override
    public void close() {
        timers.close();
        callbacks.shutdown();
    }

    /** Takes a task only if a thread waits for it; {@link #keep} takes any. */
    private static final class HandOverQueue extends LinkedTransferQueue<Runnable> {
        private static final long serialVersionUID = 1L;

        @Override
        public boolean offer(Runnable task) {
            return tryTransfer(task);
        }

        /** Not put(), which on JDK 21 and later calls offer(). */
        void keep(Runnable task) {
            super.offer(task);
        }
    }
}
