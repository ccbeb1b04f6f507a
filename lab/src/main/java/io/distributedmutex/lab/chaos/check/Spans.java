package io.distributedmutex.lab.chaos.check;

import io.distributedmutex.lab.chaos.history.Span;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Sums and differences of times. */
final class Spans {

    private Spans() {}

    /** The times that are in any of the spans, each once, in order. */
    static List<Span> merged(List<Span> spans) {
        List<Span> merged = new ArrayList<>();
        for (Span span :
                spans.stream().sorted(Comparator.comparingLong(Span::fromNanos)).toList()) {
            Span last = merged.isEmpty() ? null : merged.get(merged.size() - 1);
            if (last != null && span.fromNanos() <= last.toNanos()) {
                merged.set(merged.size() - 1, time(last.fromNanos(), Math.max(last.toNanos(), span.toNanos())));
            } else {
                merged.add(time(span.fromNanos(), span.toNanos()));
            }
        }
        return merged;
    }

    /** What is left of a time without the merged spans, in order. */
    static List<Span> without(List<Span> merged, long fromNanos, long toNanos) {
        List<Span> left = new ArrayList<>();
        long from = fromNanos;
        for (Span span : merged) {
            if (span.toNanos() > from && span.fromNanos() < toNanos) {
                if (span.fromNanos() > from) {
                    left.add(time(from, span.fromNanos()));
                }
                from = span.toNanos();
            }
        }
        if (from < toNanos) {
            left.add(time(from, toNanos));
        }
        return left;
    }

    private static Span time(long fromNanos, long toNanos) {
        return new Span(fromNanos, toNanos, 0, "", "");
    }
}
