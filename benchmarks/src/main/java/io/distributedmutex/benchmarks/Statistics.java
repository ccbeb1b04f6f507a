package io.distributedmutex.benchmarks;

import java.util.Collection;
import java.util.List;

/** Sums up what was measured. */
final class Statistics {

    private Statistics() {}

    static double median(Collection<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        if (sorted.isEmpty()) {
            return Double.NaN;
        }
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }

    /**
     * How evenly something was shared out: 1 if all got the same, 1/n if one of n got all.
     *
     * @see <a href="https://arxiv.org/abs/cs/9809099">Jain, Chiu, Hawe: A Quantitative Measure of Fairness, 1984</a>
     */
    static double jain(Collection<Long> shares) {
        double sum = 0;
        double squares = 0;
        for (long share : shares) {
            sum += share;
            squares += (double) share * share;
        }
        return squares == 0 ? 0 : sum * sum / (shares.size() * squares);
    }

    /** The share of pairs, from 0 to 1, that are not in rising order. A random order has 0.5. */
    static double inversions(List<Long> sequence) {
        long inversions = 0;
        int count = sequence.size();
        for (int i = 0; i < count; i++) {
            for (int j = i + 1; j < count; j++) {
                if (sequence.get(i) > sequence.get(j)) {
                    inversions++;
                }
            }
        }
        return count < 2 ? 0 : inversions / (count * (count - 1) / 2.0);
    }
}
