package io.distributedmutex.lab.chaos.history;

import java.util.List;

/**
 * A stretch of time, and what lasted for it: a fault, a standstill, a wait.
 *
 * @param fromNanos since when
 * @param toNanos until when
 * @param worker the worker that it is about, or 0
 * @param name the kind of fault, or the key
 * @param text the same for people
 */
public record Span(long fromNanos, long toNanos, int worker, String name, String text) {

    /** How much of a time lies within the spans; what lies within several counts several times. */
    public static long within(List<Span> spans, long fromNanos, long toNanos) {
        long sum = 0;
        for (Span span : spans) {
            sum += Math.max(0, Math.min(span.toNanos, toNanos) - Math.max(span.fromNanos, fromNanos));
        }
        return sum;
    }
}
