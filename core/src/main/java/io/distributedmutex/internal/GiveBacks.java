package io.distributedmutex.internal;

import io.distributedmutex.StoreException;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Messages;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.Timer;
import java.util.ArrayDeque;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What an instance owes to its store: leases that ended, places in queues, and what a request may have been granted whose
 * answer never came. The first attempt goes out at once. What failed and may still succeed stands in one of two lines and
 * is repeated, first what others may wait for (leases and places in queues), then what may have been granted:
 *
 * <ul>
 *   <li>every {@link #RETRY_NANOS}, at most {@link #BURST} of them at a time, the doubtful ones after twice the pause of
 *       their last attempt, up to {@link #LONGEST_PAUSE_NANOS};
 *   <li>at once when connections are back, {@link #BURST} at first and then two for each that succeeds, so that a long line
 *       does not stand before what users ask for now.
 * </ul>
 *
 * <p>A released lease is repeated until its end. Of the doubtful ones the oldest is forgotten beyond {@link #MOST_DOUBTFUL}:
 * at worst its key stays taken until the end of a lease that nobody holds.
 *
 * <p>Thread-safe.
 */
final class GiveBacks {

    static final long RETRY_NANOS = 250_000_000L;

    private static final long LONGEST_PAUSE_NANOS = 4_000_000_000L;

    private static final int BURST = 64;

    private static final int MOST_DOUBTFUL = 10_000;

    /** As long as a waiter counts as living in the store without a sign of life. */
    static final long ALIVE_MILLIS = 2_000;

    private final StoreCalls store;
    private final Scheduler scheduler;
    private final Work work;
    private final Events events;

    /** Leases that were released, and places in queues. Guarded by this, as all that follows. */
    private final ArrayDeque<Failed> urgent = new ArrayDeque<>();
    /** What may have been granted to nobody. */
    private final ArrayDeque<Failed> doubtful = new ArrayDeque<>();

    /** How often connections came back: what failed before the last time is due, whatever its pause. */
    private long connections;
    /** So many may be repeated now. */
    private int credit;

    private boolean repeating;
    /** For the next repetition; null if nothing stands in line. */
    private @Nullable Timer timer;

    GiveBacks(StoreCalls store, Scheduler scheduler, Work work, Events events) {
        this.store = store;
        this.scheduler = scheduler;
        this.work = work;
        this.events = events;
    }

    /** Waits for its next attempt: for a time, or for connections that are back. */
    private record Failed(GiveBack what, long failedNanos, long pauseNanos, long connections) {}

    /** Gives something back, and repeats that until the store has answered or it is over by itself. */
    void send(GiveBack what) {
        send(what, RETRY_NANOS);
    }

    /** Frees what the store may hold for a token that nobody here knows any more. */
    void disown(String key, String token) {
        send(GiveBack.cancel(key, token, scheduler.now() + ALIVE_MILLIS * 1_000_000));
    }

    private void send(GiveBack what, long pauseNanos) {
        store.ask(request(what), (reply, error) -> giveBackAnswered(what, pauseNanos, reply, error));
    }

    private Function<LockStore, CompletionStage<Ownership>> request(GiveBack what) {
        return what.leaveQueue()
                ? to -> to.cancel(what.key(), what.token())
                : to -> to.release(what.key(), what.token(), what.keepMillis(scheduler.now()));
    }

    private void giveBackAnswered(
            GiveBack what, long pauseNanos, @Nullable Ownership reply, @Nullable StoreException error) {
        GiveBack.Released lease = what.lease();
        if (error == null) {
            if (lease != null && reply != null) {
                lease.releaseAnswered(reply, what.repeated());
            }
            repeat(2);
        } else if ((error.isTransient() || error.isSurelyNotSent())
                && scheduler.now() + RETRY_NANOS < work.endOfAttempts(what.untilNanos())) {
            repeatLater(error.isSurelyNotSent() ? what : what.again(), pauseNanos);
            if (lease != null) {
                lease.releaseAttemptFailed(error);
            }
        } else if (lease != null) {
            events.releaseUnconfirmed(what.key(), what.token(), error);
            lease.releaseFailed(error);
        } else if (Log.LOGGER.isDebugEnabled()) {
            Log.LOGGER.debug("not given back before it was over by itself: {}", Messages.shown(what.key()), error);
        }
    }

    // ---- repeating

    private void repeatLater(GiveBack what, long pauseNanos) {
        long now = scheduler.now();
        Failed forgotten = null;
        // While it stands in line it may still leave something in the store; see Work.
        work.begin();
        synchronized (this) {
            Failed failed = new Failed(what, now, pauseNanos, connections);
            if (isUrgent(what)) {
                urgent.add(failed);
            } else {
                doubtful.add(failed);
                forgotten = doubtful.size() > MOST_DOUBTFUL ? doubtful.poll() : null;
            }
        }
        if (forgotten != null) {
            work.end();
        }
        setTimer();
    }

    /** Sees to it that a timer runs exactly while something stands in line. */
    private void setTimer() {
        Timer needless = null;
        synchronized (this) {
            boolean empty = urgent.isEmpty() && doubtful.isEmpty();
            if (empty) {
                needless = timer;
                timer = null;
            } else if (timer == null) {
                timer = scheduler.runAfter(this::due, RETRY_NANOS);
            }
        }
        if (needless != null) {
            scheduler.cancel(needless);
        }
    }

    private void due() {
        synchronized (this) {
            timer = null;
        }
        repeat(BURST);
    }

    /** Connections are back: what failed before may succeed at once. */
    void reconnected() {
        synchronized (this) {
            connections++;
        }
        repeat(BURST);
    }

    /** Repeats up to so many of those that are due. A store that answers at once does not make this call itself. */
    private void repeat(int most) {
        synchronized (this) {
            credit = Math.min(BURST, credit + most);
            if (repeating) {
                return;
            }
            repeating = true;
        }
        boolean done = false;
        try {
            while (!done) {
                Failed next;
                long now = scheduler.now();
                synchronized (this) {
                    next = credit > 0 ? takeDue(now) : null;
                    if (next == null) {
                        credit = 0;
                        repeating = false;
                        done = true;
                    } else {
                        credit--;
                    }
                }
                if (next != null) {
                    try {
                        send(next.what(), nextPause(next));
                    } finally {
                        work.end();
                    }
                }
            }
        } finally {
            if (!done) {
                synchronized (this) {
                    repeating = false;
                }
            }
            setTimer();
        }
    }

    private static long nextPause(Failed failed) {
        return isUrgent(failed.what()) ? RETRY_NANOS : Math.min(LONGEST_PAUSE_NANOS, 2 * failed.pauseNanos());
    }

    private static boolean isUrgent(GiveBack what) {
        return what.lease() != null || what.leaveQueue();
    }

    private @Nullable Failed takeDue(long now) {
        if (isDue(urgent.peek(), now)) {
            return urgent.poll();
        }
        return isDue(doubtful.peek(), now) ? doubtful.poll() : null;
    }

    private boolean isDue(@Nullable Failed failed, long now) {
        return failed != null
                && (failed.connections() < connections || now - failed.failedNanos() >= failed.pauseNanos());
    }
}
