package io.distributedmutex.cli;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** The times of a chaos run as people read them, and of whom something was heard until when. */
final class ChaosTimes {

    private final long originNanos;
    private final Map<Integer, Long> lastSeen = new HashMap<>();

    ChaosTimes(ChaosHistory history, long originNanos) {
        this.originNanos = originNanos;
        for (ChaosEvent event : history.events()) {
            switch (event.kind()) {
                case FAULT, FAULT_OVER, ENDED, STOPPED, CONTINUED -> {
                    // Said of a worker, not by it.
                }
                default -> lastSeen.put(event.worker(), event.nanos());
            }
        }
    }

    /** When a worker was last heard of: after that it may have been dead. */
    long lastSeen(int worker) {
        return lastSeen.getOrDefault(worker, originNanos);
    }

    String at(long nanos) {
        return String.format(Locale.ROOT, "%.3f s", (nanos - originNanos) / 1e9);
    }

    static String millis(long nanos) {
        return String.format(Locale.ROOT, "%.1f ms", nanos / 1e6);
    }
}
