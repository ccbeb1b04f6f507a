package io.distributedmutex.verification.simulation;

import java.util.List;
import java.util.SplittableRandom;

/**
 * What a life is rich in. Lives that leave some kinds of action out and do others often meet more combinations than lives
 * that do a little of everything (Groce, Zhang, Eide, Chen and Regehr, "Swarm Testing", ISSTA 2012).
 *
 * @param <K> the kinds of action
 */
final class Luck<K extends Luck.Kind> {

    private static final int[] FACTORS = {0, 1, 2, 2, 3, 8};

    private final List<K> kinds;
    private final int[] weights;
    private final int sum;

    /** Something that may be done. */
    interface Kind {

        /** How often among all, before luck has its way. */
        int weight();

        /** Whether it is a fault, of which there are none in a calm life. */
        boolean hostile();
    }

    /**
     * Draws it.
     *
     * @param kinds what may be done; the first is never left out
     * @param calm whether there are no faults
     */
    Luck(SplittableRandom random, List<K> kinds, boolean calm) {
        this.kinds = kinds;
        this.weights = new int[kinds.size()];
        int sum = 0;
        for (int i = 0; i < weights.length; i++) {
            K kind = kinds.get(i);
            int factor = i == 0 ? 2 : FACTORS[random.nextInt(FACTORS.length)];
            weights[i] = calm && kind.hostile() ? 0 : kind.weight() * factor;
            sum += weights[i];
        }
        this.sum = sum;
    }

    /** What is done next. */
    K next(SplittableRandom random) {
        int number = random.nextInt(sum);
        int i = 0;
        while (number >= weights[i]) {
            number -= weights[i++];
        }
        return kinds.get(i);
    }
}
