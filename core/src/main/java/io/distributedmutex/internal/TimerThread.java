package io.distributedmutex.internal;

import io.distributedmutex.spi.Environment.Timer;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one timer of an instance: a binary heap of tasks by due time and a daemon thread that sleeps until the first.
 *
 * <p>Differs from {@link java.util.concurrent.ScheduledThreadPoolExecutor} in what a lock needs: nearly every timer (the
 * end of a lease) is cancelled microseconds after it was set. So setting or cancelling one wakes the thread only if it
 * sleeps for longer than until the new task is due: after the first lease it usually sleeps until that lease would have
 * ended, and later leases end later. Cancelling removes the task at once, so nothing is retained. When the heap is
 * empty the thread sleeps without end.
 */
final class TimerThread {

    private static final Logger LOG = LoggerFactory.getLogger("io.distributedmutex");

    /** While tasks wait, the clock is read at least this often, so that a resumed machine notices soon. */
    private static final long LONGEST_SLEEP_NANOS = 1_000_000_000L;

    private static final long FOREVER = Long.MAX_VALUE;

    private final LongSupplier clock;
    private final long origin;
    private final String name;

    private @Nullable Task[] heap = new @Nullable Task[16];
    private int size;
    private @Nullable Thread thread;
    /** When the thread wakes by itself, in nanoseconds since {@code origin}. */
    private long wakesAt = Long.MIN_VALUE;

    private boolean closed;

    TimerThread(String name, LongSupplier clock) {
        this.name = name;
        this.clock = clock;
        this.origin = clock.getAsLong();
    }

    Timer schedule(Runnable action, long delayNanos) {
        long now = clock.getAsLong() - origin;
        long due = now + Math.max(0, delayNanos);
        // A sum past the end of long is cut off there, not wrapped round into the past.
        Task task = new Task(this, action, due < now ? FOREVER - 1 : due);
        Thread toWake = null;
        synchronized (this) {
            if (closed) {
                task.drop();
                return task;
            }
            if (thread == null) {
                thread = new Thread(this::loop, name);
                thread.setDaemon(true);
                thread.start();
            }
            if (size == heap.length) {
                heap = Arrays.copyOf(heap, size * 2);
            }
            siftUp(size++, task);
            if (task.due < wakesAt) {
                wakesAt = task.due;
                toWake = thread;
            }
        }
        LockSupport.unpark(toWake);
        return task;
    }

    void close() {
        Thread toWake;
        synchronized (this) {
            closed = true;
            for (int i = 0; i < size; i++) {
                Task task = heap[i];
                heap[i] = null;
                if (task != null) {
                    task.drop();
                }
            }
            size = 0;
            toWake = thread;
        }
        LockSupport.unpark(toWake);
    }

    private void loop() {
        while (true) {
            Runnable action = null;
            long sleep = 0;
            synchronized (this) {
                if (closed) {
                    return;
                }
                long now = clock.getAsLong() - origin;
                Task first = heap[0];
                if (first == null) {
                    wakesAt = FOREVER;
                    sleep = FOREVER;
                } else if (first.due > now) {
                    sleep = Math.min(first.due - now, LONGEST_SLEEP_NANOS);
                    wakesAt = now + sleep;
                } else {
                    action = first.action;
                    remove(first);
                    // Whatever is scheduled while the action runs is seen when the loop comes round.
                    wakesAt = Long.MIN_VALUE;
                }
            }
            if (action == null) {
                LockSupport.parkNanos(this, sleep);
                // Nobody has a reason to interrupt this thread; with the flag set it would spin.
                Thread.interrupted();
                continue;
            }
            try {
                action.run();
            } catch (Throwable t) {
                LOG.error("a timer task failed; please report this", t);
            }
        }
    }

    /** Guarded by this. */
    private void remove(Task task) {
        int index = task.index;
        Task last = heap[--size];
        heap[size] = null;
        task.drop();
        if (last != null && last != task) {
            siftDown(index, last);
            if (heap[index] == last) {
                siftUp(index, last);
            }
        }
    }

    private void siftUp(int start, Task task) {
        int index = start;
        while (index > 0) {
            Task parent = heap[(index - 1) >>> 1];
            if (parent == null || parent.due <= task.due) {
                break;
            }
            place(parent, index);
            index = (index - 1) >>> 1;
        }
        place(task, index);
    }

    private void siftDown(int start, Task task) {
        int index = start;
        while (true) {
            int child = 2 * index + 1;
            if (child >= size) {
                break;
            }
            Task smaller = heap[child];
            Task right = child + 1 < size ? heap[child + 1] : null;
            if (smaller == null) {
                break;
            }
            if (right != null && right.due < smaller.due) {
                smaller = right;
                child++;
            }
            if (task.due <= smaller.due) {
                break;
            }
            place(smaller, index);
            index = child;
        }
        place(task, index);
    }

    private void place(Task task, int index) {
        heap[index] = task;
        task.index = index;
    }

    /** A task in the heap; fields are guarded by the timer thread's monitor. */
    private static final class Task implements Timer {
        private final TimerThread timer;
        private @Nullable Runnable action;
        private final long due;
        private int index = -1;

        Task(TimerThread timer, Runnable action, long due) {
            this.timer = timer;
            this.action = action;
            this.due = due;
        }

        /** It is in the heap no longer, and must not keep what its action refers to. */
        void drop() {
            index = -1;
            action = null;
        }

        @Override
        public void cancel() {
            synchronized (timer) {
                if (index >= 0) {
                    timer.remove(this);
                }
            }
        }
    }
}
