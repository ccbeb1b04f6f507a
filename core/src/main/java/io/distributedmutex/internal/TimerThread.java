package io.distributedmutex.internal;

import io.distributedmutex.spi.Timer;
import java.util.Arrays;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The one timer of an instance: a binary heap of timers by their times and a daemon thread that sleeps until the first.
 *
 * <p>Differs from {@link java.util.concurrent.ScheduledThreadPoolExecutor} in what a lock needs: nearly every timer (the
 * end of a lease) is cancelled microseconds after it was set. So setting or cancelling one wakes the thread only if it
 * sleeps for longer than until the new one is due: after the first lease it usually sleeps until that lease would have
 * ended, and later leases end later. Cancelling removes the timer at once, so nothing is retained. When the heap is
 * empty the thread sleeps without end.
 */
final class TimerThread {

    /** While timers wait, the clock is read at least this often, so that a resumed machine notices soon. */
    private static final long LONGEST_SLEEP_NANOS = 1_000_000_000L;

    /** How long the thread rests (10 ms) after the clock could not be read, so as not to spin. */
    private static final long FAILURE_PAUSE_NANOS = 10_000_000L;

    private static final long FOREVER = Long.MAX_VALUE;

    private final LongSupplier clock;
    private final long origin;
    private final ThreadFactory threads;

    private @Nullable Timer[] heap = new @Nullable Timer[16];
    private int size;
    private @Nullable Thread thread;
    /** When the thread wakes by itself, in nanoseconds since {@code origin}. */
    private long wakesAt = Long.MIN_VALUE;

    private boolean closed;

    /**
     * A timer whose thread is started with the first of its timers.
     *
     * @param clock nanoseconds
     * @param threads makes the thread
     */
    TimerThread(LongSupplier clock, ThreadFactory threads) {
        this.threads = threads;
        this.clock = clock;
        this.origin = clock.getAsLong();
    }

    /**
     * Runs it at a time on the clock, and not at the one before.
     *
     * <p>A thread that has died all the same is replaced here.
     *
     * @throws Error if there is no thread or no memory to be had: then nothing has changed, and the next call tries again
     */
    void schedule(Timer timer, long atNanos) {
        Thread toWake = null;
        synchronized (this) {
            if (closed) {
                return;
            }
            // What may fail comes first.
            if (thread == null || !thread.isAlive()) {
                thread = started();
            }
            if (size == heap.length) {
                heap = Arrays.copyOf(heap, size * 2);
            }
            remove(timer);
            timer.setAtNanos(atNanos);
            siftUp(size++, timer);
            if (due(timer) < wakesAt) {
                wakesAt = due(timer);
                toWake = thread;
            }
        }
        LockSupport.unpark(toWake);
    }

    /** It does not run if it has not begun. */
    synchronized void cancel(Timer timer) {
        remove(timer);
    }

    /** How many timers wait. */
    synchronized int size() {
        return size;
    }

    void close() {
        Thread toWake;
        synchronized (this) {
            closed = true;
            for (int i = 0; i < size; i++) {
                Timer timer = heap[i];
                heap[i] = null;
                if (timer != null) {
                    timer.setPlace(-1);
                }
            }
            size = 0;
            toWake = thread;
        }
        LockSupport.unpark(toWake);
    }

    private Thread started() {
        Thread started = threads.newThread(this::loop);
        started.start();
        return started;
    }

    /** Goes on whatever is thrown: by a timer, by the clock, by the log, or for want of memory. */
    private void loop() {
        boolean ended = false;
        while (!ended) {
            try {
                ended = turn();
            } catch (Throwable t) {
                Log.bug("a timer task failed", t);
                sleep(FAILURE_PAUSE_NANOS);
            }
        }
    }

    private void sleep(long nanos) {
        LockSupport.parkNanos(this, nanos);
        // Nobody has a reason to interrupt this thread; with the flag set it would spin.
        boolean unused = Thread.interrupted();
    }

    /** Runs what is due first, or sleeps until it is due. Returns whether this is closed. */
    private boolean turn() {
        Timer timer = null;
        long sleep = 0;
        synchronized (this) {
            if (closed) {
                return true;
            }
            long now = clock.getAsLong() - origin;
            Timer first = heap[0];
            if (first == null) {
                wakesAt = FOREVER;
                sleep = FOREVER;
            } else if (due(first) > now) {
                sleep = Math.min(due(first) - now, LONGEST_SLEEP_NANOS);
                wakesAt = now + sleep;
            } else {
                timer = first;
                remove(first);
                // Whatever is scheduled while it runs is seen when the loop comes round.
                wakesAt = Long.MIN_VALUE;
            }
        }
        if (timer == null) {
            sleep(sleep);
            return false;
        }
        try {
            timer.run();
        } catch (Throwable t) {
            Log.bug("a timer task failed", t);
        }
        return false;
    }

    /** On a scale on which times can be compared: it begins with this thread. */
    private long due(Timer timer) {
        return timer.atNanos() - origin;
    }

    /** Guarded by this. */
    private void remove(Timer timer) {
        int place = timer.place();
        if (place < 0) {
            return;
        }
        timer.setPlace(-1);
        Timer last = heap[--size];
        heap[size] = null;
        if (last != null && last != timer) {
            siftDown(place, last);
            if (heap[place] == last) {
                siftUp(place, last);
            }
        }
    }

    private void siftUp(int start, Timer timer) {
        int index = start;
        while (index > 0) {
            Timer parent = heap[(index - 1) >>> 1];
            if (parent == null || due(parent) <= due(timer)) {
                break;
            }
            place(parent, index);
            index = (index - 1) >>> 1;
        }
        place(timer, index);
    }

    private void siftDown(int start, Timer timer) {
        int index = start;
        while (true) {
            int child = 2 * index + 1;
            if (child >= size) {
                break;
            }
            Timer smaller = heap[child];
            Timer right = child + 1 < size ? heap[child + 1] : null;
            if (smaller == null) {
                break;
            }
            if (right != null && due(right) < due(smaller)) {
                smaller = right;
                child++;
            }
            if (due(timer) <= due(smaller)) {
                break;
            }
            place(smaller, index);
            index = child;
        }
        place(timer, index);
    }

    private void place(Timer timer, int index) {
        heap[index] = timer;
        timer.setPlace(index);
    }
}
