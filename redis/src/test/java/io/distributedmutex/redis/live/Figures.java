package io.distributedmutex.redis.live;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** Times that a test measured, to be printed whatever they are. Thread-safe. */
public final class Figures {

    private final String what;
    private final List<Double> millis = new ArrayList<>();

    /**
     * Nothing measured yet.
     *
     * @param what what the times are
     */
    public Figures(String what) {
        this.what = what;
    }

    /** Adds a time. */
    public synchronized void addNanos(long nanos) {
        millis.add(nanos / 1e6);
    }

    /** Half of the times are at most this, in milliseconds. */
    public synchronized double median() {
        return sorted().get((millis.size() - 1) / 2);
    }

    /** The longest time, in milliseconds. */
    public synchronized double maximum() {
        return sorted().get(millis.size() - 1);
    }

    /** The shortest time, in milliseconds. */
    public synchronized double minimum() {
        return sorted().get(0);
    }

    /** Writes the figures to the output of the test. */
    public Figures print() {
        say(toString());
        return this;
    }

    /** Writes one measured thing to the output of the test. */
    public static void say(String format, Object... values) {
        System.out.println("measured: " + (values.length == 0 ? format : String.format(Locale.ROOT, format, values)));
    }

    private List<Double> sorted() {
        List<Double> sorted = new ArrayList<>(millis);
        Collections.sort(sorted);
        return sorted;
    }

    @Override
    public synchronized String toString() {
        return millis.isEmpty()
                ? what + ": nothing"
                : String.format(
                        Locale.ROOT,
                        "%s: %d times, ms: least %.2f, median %.2f, most %.2f",
                        what,
                        millis.size(),
                        minimum(),
                        median(),
                        maximum());
    }
}
