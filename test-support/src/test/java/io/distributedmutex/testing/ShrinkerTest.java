package io.distributedmutex.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Shrinker.Shrunk;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ShrinkerTest {

    private static final List<Integer> MANY = IntStream.range(0, 100).boxed().toList();

    @Test
    void leavesOutAllThatIsNotNeededToFail() {
        Shrunk<Integer, String> shrunk = Shrinker.shrink(MANY, "at first", failsWith(List.of(7, 42, 99)), 1_000);

        assertThat(shrunk.steps()).containsExactly(7, 42, 99);
        assertThat(shrunk.failure()).isEqualTo("with 3 steps");
    }

    @Test
    void givesBackWhatCannotBeShortened() {
        Shrunk<Integer, String> shrunk = Shrinker.shrink(MANY, "at first", failsWith(MANY), 1_000);

        assertThat(shrunk.steps()).isEqualTo(MANY);
        assertThat(shrunk.failure()).isEqualTo("at first");
    }

    @Test
    void isContentWithWhatItHasAfterTheGivenTrials() {
        AtomicInteger trials = new AtomicInteger();

        Shrunk<Integer, String> shrunk = Shrinker.shrink(
                MANY,
                "at first",
                steps -> {
                    trials.incrementAndGet();
                    return failsWith(List.of(7, 42, 99)).apply(steps);
                },
                5);

        assertThat(trials).hasValue(5);
        assertThat(new ArrayList<>(shrunk.steps())).contains(7, 42, 99);
    }

    private static Function<List<Integer>, Optional<String>> failsWith(List<Integer> needed) {
        return steps -> steps.containsAll(needed) ? Optional.of("with " + steps.size() + " steps") : Optional.empty();
    }
}
