package io.distributedmutex.internal;

/** Allows so many messages a second; the rest is dropped. Thread-safe. */
final class Budget {

    private final int perSecond;
    private long current = Long.MIN_VALUE;
    private int used;

    Budget(int perSecond) {
        this.perSecond = perSecond;
    }

    synchronized boolean allows(long now) {
        long second = now / 1_000_000_000L;
        if (second != current) {
            current = second;
            used = 0;
        }
        used = Math.min(used + 1, perSecond + 1);
        return used <= perSecond;
    }
}
