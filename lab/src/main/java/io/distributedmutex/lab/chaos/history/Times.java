package io.distributedmutex.lab.chaos.history;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** The times of a chaos run as people read them, and until when each worker was heard. */
public final class Times {

    private final long originNanos;
    private final Map<Integer, Long> lastSeen = new HashMap<>();

    public Times(History history, long originNanos) {
        this.originNanos = originNanos;
        for (Event event : history.events()) {
            switch (event.kind()) {
                case FAULT, FAULT_OVER, CONCERNS, ENDED, STOPPED, CONTINUED -> {
                    // Said of a worker, not by it.
                }
                default -> lastSeen.put(event.worker(), event.nanos());
            }
        }
    }

    /** When a worker was last heard of: after that it may have been dead. */
    public long lastSeen(int worker) {
        return lastSeen.getOrDefault(worker, originNanos);
    }

    public String at(long nanos) {
        return String.format(Locale.ROOT, "%.3f s", (nanos - originNanos) / 1e9);
    }

    public static String millis(long nanos) {
        return String.format(Locale.ROOT, "%.1f ms", nanos / 1e6);
    }
}
