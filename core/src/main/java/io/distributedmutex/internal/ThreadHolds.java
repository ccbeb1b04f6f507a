package io.distributedmutex.internal;

import io.distributedmutex.Lease;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Which keys each thread holds, and how often it entered. Not kept in the thread: one that lives on and never unlocks, as a
 * container's may, would keep a closed instance, and with it the class loader of an application that was stopped. Threads
 * that have ended without unlocking are forgotten when so many threads hold something that it is worth a look.
 */
public final class ThreadHolds {

    /** So many threads may have ended unnoticed, or as many as live. */
    static final int UNNOTICED = 64;

    /** The inner maps are concurrent, because a loss is noticed by another thread. A thread without holds has none. */
    private final Map<Thread, Map<String, Hold>> holds = new ConcurrentHashMap<>();

    /** When holds are so many, those of threads that have ended are removed. */
    private volatile int lookedAtNext = UNNOTICED;

    private final boolean forgetsLost;

    /**
     * Makes an empty set of holds.
     *
     * @param forgetsLost whether a hold disappears when its lease is lost; if not, its thread finds it and can be told
     */
    public ThreadHolds(boolean forgetsLost) {
        this.forgetsLost = forgetsLost;
    }

    /** What the calling thread holds of a key. */
    public @Nullable Hold get(String key) {
        Map<String, Hold> mine = holds.get(Thread.currentThread());
        if (mine == null) {
            return null;
        }
        Hold hold = mine.get(key);
        if (hold == null && mine.isEmpty()) {
            holds.remove(Thread.currentThread());
        }
        return hold;
    }

    /** The calling thread now holds a key, once. */
    public void put(String key, Lease lease) {
        Map<String, Hold> mine = holds.get(Thread.currentThread());
        if (mine == null) {
            forgetEnded();
            mine = new ConcurrentHashMap<>(4);
            holds.put(Thread.currentThread(), mine);
        }
        Map<String, Hold> all = mine;
        Hold hold = new Hold(lease);
        mine.put(key, hold);
        if (forgetsLost) {
            lease.onLost(lost -> all.remove(key, hold));
        }
    }

    private void forgetEnded() {
        if (holds.size() >= lookedAtNext) {
            holds.keySet().removeIf(thread -> !thread.isAlive());
            lookedAtNext = Math.max(UNNOTICED, 2 * holds.size());
        }
    }

    /** The calling thread holds a key no longer. */
    public void remove(String key) {
        Map<String, Hold> mine = holds.get(Thread.currentThread());
        if (mine != null) {
            mine.remove(key);
            if (mine.isEmpty()) {
                holds.remove(Thread.currentThread());
            }
        }
    }

    /** One thread's hold of one key. Used by that thread only. */
    public static final class Hold {
        private final Lease lease;
        private int count = 1;

        private Hold(Lease lease) {
            this.lease = lease;
        }

        /** The lease that all entries share. */
        public Lease lease() {
            return lease;
        }

        /** Enters once more. */
        public void enter() {
            count++;
        }

        /** Leaves once; returns whether that was the outermost time. */
        public boolean leave() {
            return --count == 0;
        }
    }
}
