package io.distributedmutex.internal;

import io.distributedmutex.StoreException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A store that cannot be reached, as the log tells of it. An outage of 1 s without an answer is told once, every 10 s while it
 * lasts, and when it is over, with counts. Of the lines about single keys that it causes, the first 10 are told aloud and the
 * others at DEBUG, so that an instance with thousands of leases does not fill the log; losses are always told, by
 * {@link Events}.
 *
 * <p>Once told, it is over with the first answer that comes 1 s after the last failure or later. So a store of which a part
 * is away does not begin and end an outage with each request. Thread-safe.
 */
final class Outage {

    private static final long SHORTEST_NANOS = 1_000_000_000L;

    private static final long REMINDER_NANOS = 10_000_000_000L;

    private static final int MOST_LINES = 10;

    private final Scheduler scheduler;
    private final AtomicLong failures = new AtomicLong();
    private final AtomicInteger risks = new AtomicInteger();
    private final AtomicInteger losses = new AtomicInteger();
    /** Lines about single keys. */
    private final AtomicInteger lines = new AtomicInteger();

    private volatile boolean lasts;
    /** Guarded by this, as all that follows. */
    private long beganNanos;

    private long lastFailureNanos;
    /** When it was last told of; when it began, if it was not yet. */
    private long toldNanos;

    Outage(Scheduler scheduler) {
        this.scheduler = scheduler;
    }

    /** A request failed, since the store was not reached or did not answer in time. */
    void failed(StoreException error) {
        long now = scheduler.now();
        long lasted;
        boolean first;
        synchronized (this) {
            if (!lasts) {
                lasts = true;
                beganNanos = now;
                toldNanos = now;
                failures.set(0);
                risks.set(0);
                losses.set(0);
                lines.set(0);
            }
            lastFailureNanos = now;
            failures.incrementAndGet();
            first = toldNanos == beganNanos;
            if (now - toldNanos < (first ? SHORTEST_NANOS : REMINDER_NANOS)) {
                return;
            }
            toldNanos = now;
            lasted = now - beganNanos;
        }
        Log.quietly(() -> Log.LOGGER.warn(
                "OUTAGE {} for {} s: {}; {}",
                first ? "has lasted" : "lasts still,",
                seconds(lasted),
                counts(),
                error.getMessage()));
    }

    /** The store has answered. */
    void answered() {
        if (lasts) {
            end();
        }
    }

    private void end() {
        long now = scheduler.now();
        long lasted;
        synchronized (this) {
            boolean told = toldNanos != beganNanos;
            if (!lasts || (told && now - lastFailureNanos < SHORTEST_NANOS)) {
                return;
            }
            lasts = false;
            if (!told) {
                return;
            }
            lasted = lastFailureNanos - beganNanos;
        }
        Log.quietly(() -> Log.LOGGER.warn("OUTAGE over after {} s: {}", seconds(lasted), counts()));
    }

    /** A lease is at risk while the store is not reached. */
    void risk() {
        risks.incrementAndGet();
    }

    /** A lease was lost while the store was not reached. */
    void loss() {
        losses.incrementAndGet();
    }

    /** Whether a line about a single key is told aloud: always while there is no outage. */
    boolean isTold() {
        return !lasts || lines.incrementAndGet() <= MOST_LINES;
    }

    private String counts() {
        return failures + " requests failed, " + risks + " leases were at risk, " + losses + " lost";
    }

    private static String seconds(long nanos) {
        return String.valueOf(Math.round(nanos / 1e8) / 10.0);
    }
}
