package io.distributedmutex.redis;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * The latest releases that a primary has confirmed, which its successor may not have heard of: there the key would stay taken,
 * by nobody, until the lease ends. Each names a token that nobody uses any more, so it can be sent again.
 *
 * <p>Thread-safe.
 */
final class RecentReleases {

    /** How many are kept: those of the last 2 s at 5,000 a second. */
    private static final int CAPACITY = 10_000;

    /**
     * How much older than the latest the oldest may be. A successor misses what was done since its promotion, which Sentinels
     * see within a second, or what was on its way to it when the primary died.
     */
    private static final long SPAN_NANOS = TimeUnit.SECONDS.toNanos(2);

    /**
     * A release.
     *
     * @param key the user's key
     * @param token what proved the ownership
     * @param keepMillis for how long the key was to be kept taken
     * @param nanos when it was confirmed
     */
    record Release(String key, String token, long keepMillis, long nanos) {}

    private final LongSupplier nanoTime;

    // Guarded by this.
    private final ArrayDeque<Release> latest = new ArrayDeque<>();

    RecentReleases(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
    }

    /** The primary has confirmed a release. */
    synchronized void add(String key, String token, long keepMillis) {
        long now = nanoTime.getAsLong();
        latest.addLast(new Release(key, token, keepMillis, now));
        while (latest.size() > CAPACITY || now - latest.getFirst().nanos() > SPAN_NANOS) {
            latest.removeFirst();
        }
    }

    /** The latest releases, the oldest first; they are forgotten here. */
    synchronized List<Release> takeAll() {
        List<Release> all = new ArrayList<>(latest);
        latest.clear();
        return all;
    }
}
