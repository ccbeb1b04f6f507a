package io.distributedmutex.testing;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * Makes a failing sequence short: leaves out steps for as long as what is left fails too, no matter how (Zeller's ddmin,
 * simplified).
 *
 * @param <S> a step
 * @param <F> how a sequence fails
 */
public final class Shrinker<S, F> {

    private final Function<List<S>, Optional<F>> trial;
    private final int mostTrials;
    private List<S> shortest;
    private F failure;
    private int trials;

    private Shrinker(List<S> steps, F failure, Function<List<S>, Optional<F>> trial, int mostTrials) {
        this.shortest = List.copyOf(steps);
        this.failure = failure;
        this.trial = trial;
        this.mostTrials = mostTrials;
    }

    /** The shortest sequence found that fails, and how. */
    public record Shrunk<S, F>(List<S> steps, F failure) {}

    /**
     * Shrinks a sequence.
     *
     * @param steps what fails
     * @param failure how
     * @param trial tries steps; empty if they do not fail
     * @param mostTrials when to be content with what is found
     */
    public static <S, F> Shrunk<S, F> shrink(
            List<S> steps, F failure, Function<List<S>, Optional<F>> trial, int mostTrials) {
        Shrinker<S, F> shrinker = new Shrinker<>(steps, failure, trial, mostTrials);
        shrinker.shrink();
        return new Shrunk<>(shrinker.shortest, shrinker.failure);
    }

    private void shrink() {
        int chunk = shortest.size() / 2;
        while (chunk >= 1 && trials < mostTrials) {
            boolean shorter = false;
            for (int from = 0; from < shortest.size() && trials < mostTrials; ) {
                List<S> fewer = new ArrayList<>(shortest);
                fewer.subList(from, Math.min(fewer.size(), from + chunk)).clear();
                if (attempt(List.copyOf(fewer))) {
                    shorter = true;
                } else {
                    from += chunk;
                }
            }
            if (!shorter || chunk > shortest.size()) {
                chunk /= 2;
            }
        }
    }

    private boolean attempt(List<S> steps) {
        trials++;
        Optional<F> failed = trial.apply(steps);
        if (failed.isEmpty()) {
            return false;
        }
        shortest = steps;
        failure = failed.get();
        return true;
    }
}
