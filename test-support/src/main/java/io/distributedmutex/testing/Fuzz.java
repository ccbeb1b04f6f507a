package io.distributedmutex.testing;

import java.util.SplittableRandom;

/**
 * Runs a test many times, each time with other random input, and the next time with the same again. A failure names the
 * seed of its round and all input that the round had taken until then; {@code -Dfuzz.seed=N} runs that round alone,
 * {@code -Dseeds.from=N} others, {@code -Dfuzz.seconds=N} goes on for so long.
 */
public final class Fuzz {

    /** One round. */
    @FunctionalInterface
    public interface Round {

        /** Takes input and checks what becomes of it. */
        void run(OddInput input) throws Exception;
    }

    private Fuzz() {}

    /** Runs so many rounds, unless a system property says otherwise. */
    public static void rounds(int count, Round round) throws Exception {
        Long replayed = Long.getLong("fuzz.seed");
        long seconds = Long.getLong("fuzz.seconds", 0);
        long first = replayed != null ? replayed : Seeds.first();
        long rounds = replayed != null ? 1 : seconds > 0 ? Long.MAX_VALUE : count;
        long start = System.nanoTime();
        long done = 0;
        while (done < rounds && (seconds == 0 || System.nanoTime() - start < seconds * 1_000_000_000)) {
            long seed = first + done;
            OddInput input = new OddInput(new SplittableRandom(seed));
            try {
                round.run(input);
            } catch (Exception | Error e) {
                throw new AssertionError(
                        "-Dfuzz.seed=" + seed + " does it again; its input was " + input + ": " + e, e);
            }
            done++;
        }
        System.out.println("fuzz: "
                + StackWalker.getInstance()
                        .walk(frames -> frames.skip(1).findFirst().orElseThrow())
                        .getMethodName()
                + ": " + done + " rounds from seed " + first + ", " + (System.nanoTime() - start) / 1_000_000
                + " ms");
    }
}
