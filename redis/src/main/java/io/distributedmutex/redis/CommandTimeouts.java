package io.distributedmutex.redis;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends the commands of one connection that take too long, without a timer for each.
 *
 * <p>All commands have the same time-out. So a queue in the order of sending is also in the order of deadlines, and it is
 * enough to watch its head. A command arms the timer if it is not armed. When the head's time is up, the timer drops what has
 * been answered, and arms itself again only if something is left. Under load it runs once per time-out; when nothing is in
 * flight it does not run; answering a command never touches it. Answered commands leave the queue when they reach its head, at
 * the next command or at the timer.
 *
 * <p>The timer runs on the client's event executor, which Lettuce needs for reconnecting anyway. So it costs no thread, it has
 * no idle tick as a wheel timer has, and replies on the I/O thread do not delay it.
 */
final class CommandTimeouts {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** What has a time limit. */
    interface Pending {

        /** When it was sent, on the clock of the queue. */
        long sentNanos();

        /** Whether it needs no time-out any more. */
        boolean isDone();

        /** Its time is up. If this throws, it is called again. */
        void timeOut();
    }

    /** How many commands may be in flight at once. Beyond that the server is hopelessly behind. */
    static final int CAPACITY = 100_000;

    /** When a command whose time is up is looked at again if an error struck (no memory, say). */
    private static final long AGAIN_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final ScheduledExecutorService executor;
    private final LongSupplier nanoTime;
    private final long timeoutNanos;

    // Guarded by this. Held for a few instructions at a time, and never while foreign code runs.
    private final ArrayDeque<Pending> inFlight = new ArrayDeque<>();
    private @Nullable ScheduledFuture<?> timer;

    CommandTimeouts(ScheduledExecutorService executor, LongSupplier nanoTime, long timeoutNanos) {
        this.executor = executor;
        this.nanoTime = nanoTime;
        this.timeoutNanos = timeoutNanos;
    }

    /**
     * Starts the time of a command that is about to be sent.
     *
     * @param command the command
     * @return false if too many are in flight
     */
    synchronized boolean add(Pending command) {
        dropAnswered();
        if (inFlight.size() >= CAPACITY) {
            return false;
        }
        inFlight.addLast(command);
        if (timer == null) {
            arm(timeoutNanos);
        }
        return true;
    }

    /** Takes all commands that have not been answered out of the queue, and stops the timer. */
    synchronized List<Pending> drain() {
        List<Pending> all = new ArrayList<>(inFlight);
        inFlight.clear();
        if (timer != null) {
            timer.cancel(false);
            timer = null;
        }
        all.removeIf(Pending::isDone);
        return all;
    }

    /**
     * The commands that have not been answered.
     *
     * @return those at this moment, in the order of sending
     */
    synchronized List<Pending> pending() {
        List<Pending> all = new ArrayList<>(inFlight);
        all.removeIf(Pending::isDone);
        return all;
    }

    private void check() {
        try {
            for (Pending command = takeExpired(); command != null; command = takeExpired()) {
                timeOut(command);
            }
        } catch (Throwable e) {
            log.error("a command could not be ended when its time was up; it is tried again", e);
        } finally {
            // Until now the timer counted as armed, so that no later command sets it to a later time.
            armAgain();
        }
    }

    private void timeOut(Pending command) {
        boolean timedOut = false;
        try {
            command.timeOut();
            timedOut = true;
        } finally {
            if (!timedOut) {
                putBack(command);
            }
        }
    }

    /** At the end, so that it does not stand in the way of others. */
    private synchronized void putBack(Pending command) {
        inFlight.addLast(command);
    }

    private synchronized @Nullable Pending takeExpired() {
        Pending head = dropAnswered();
        return head != null && remainingNanos(head) <= 0 ? inFlight.removeFirst() : null;
    }

    private synchronized void armAgain() {
        timer = null;
        Pending head = dropAnswered();
        if (head != null) {
            long remainingNanos = remainingNanos(head);
            arm(remainingNanos > 0 ? remainingNanos : AGAIN_NANOS);
        }
    }

    private long remainingNanos(Pending command) {
        return command.sentNanos() + timeoutNanos - nanoTime.getAsLong();
    }

    private @Nullable Pending dropAnswered() {
        Pending head = inFlight.peekFirst();
        while (head != null && head.isDone()) {
            inFlight.removeFirst();
            head = inFlight.peekFirst();
        }
        return head;
    }

    private void arm(long delayNanos) {
        try {
            timer = executor.schedule(this::check, delayNanos, TimeUnit.NANOSECONDS);
        } catch (RejectedExecutionException e) {
            // The client is shutting down, so its connections are closing, which ends the commands.
            timer = null;
        }
    }
}
