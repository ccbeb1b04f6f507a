package io.distributedmutex.spi;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/**
 * Looks at what caused an error, no deeper than {@link #MAXIMUM}: causes may go round in a circle. For stores, and for others
 * that learn of a failure by an exception which wraps it. Thread-safe.
 */
public final class Causes {

    /** How many errors of a chain are looked at. */
    public static final int MAXIMUM = 50;

    private Causes() {}

    /**
     * An error and its causes.
     *
     * @param error any error
     * @return at least this one, at most {@link #MAXIMUM}; the innermost is the last
     */
    public static List<Throwable> of(Throwable error) {
        List<Throwable> all = new ArrayList<>();
        for (Throwable each = error; each != null && all.size() < MAXIMUM; each = each.getCause()) {
            all.add(each);
        }
        return all;
    }

    /**
     * What a future failed with.
     *
     * @param error any error
     * @return the error itself, or what {@link CompletionException} and {@link ExecutionException} wrap around
     */
    public static Throwable unwrapped(Throwable error) {
        Throwable inner = error;
        for (Throwable each : of(error)) {
            inner = each;
            if (!(each instanceof CompletionException || each instanceof ExecutionException)) {
                break;
            }
        }
        return inner;
    }
}
