package io.distributedmutex.lab.chaos.history;

import java.util.List;
import java.util.Set;

/**
 * A stretch of time, and what lasted for it: a fault, a standstill, a wait.
 *
 * @param fromNanos since when
 * @param toNanos until when
 * @param worker the worker that it is about, or 0
 * @param name the kind of fault, or the key
 * @param text the same for people
 * @param keys the keys that it concerns; empty if all
 */
public record Span(long fromNanos, long toNanos, int worker, String name, String text, Set<String> keys) {

    /** One that concerns all keys. */
    public Span(long fromNanos, long toNanos, int worker, String name, String text) {
        this(fromNanos, toNanos, worker, name, text, Set.of());
    }

    public boolean concerns(String key) {
        return keys.isEmpty() || keys.contains(key);
    }

    /** Whether any moment is in both. */
    public boolean meets(long fromNanos, long toNanos) {
        return this.fromNanos <= toNanos && this.toNanos >= fromNanos;
    }

    /** How much of a time lies within the spans; what lies within several counts several times. */
    public static long within(List<Span> spans, long fromNanos, long toNanos) {
        long sum = 0;
        for (Span span : spans) {
            sum += Math.max(0, Math.min(span.toNanos, toNanos) - Math.max(span.fromNanos, fromNanos));
        }
        return sum;
    }
}
