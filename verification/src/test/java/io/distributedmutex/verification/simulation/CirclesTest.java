package io.distributedmutex.verification.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Seeds;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * Deadlocks in many random lives, always the same: none is missed, none is made up. {@code -Dcircles.seed=N} lives one,
 * {@code -Dcircles.count=N} more.
 */
@Isolated("uses all cores")
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class CirclesTest {

    private static final int COUNT = 50;
    private static final int LATER = 2_000;

    /**
     * Lives in which somebody gave up a wait in a circle and waited for the same key again within 2 s, so that another circle
     * had the same owners, keys and leases. The witness took what was told of the one for the other.
     */
    private static final List<Long> WAITS_AGAIN = List.of(352L, 2285L, 3751L);

    /** How many lives a mutant gets. */
    private static final int MOST_LIVES = 1_000;

    @Test
    void everyDeadlockIsFoundAndNoneIsMadeUp() throws Exception {
        Long replayed = Long.getLong("circles.seed");
        if (replayed != null) {
            live(replayed, 1);
        } else {
            live(Seeds.first(), Integer.getInteger("circles.count", COUNT));
        }
    }

    @Test
    void aCircleIsToldFromOneThatStoodJustBeforeAmongTheSame() {
        try (Silence silence = new Silence()) {
            for (long seed : WAITS_AGAIN) {
                assertThat(CircleLife.live(seed).circles()).as("seed %d", seed).isPositive();
            }
        }
    }

    @Test
    @Tag("deep")
    void everyDeadlockOfALaterLifeIsFoundAndNoneIsMadeUp() throws Exception {
        live(Seeds.first() + COUNT, LATER);
    }

    private static void live(long first, int count) throws Exception {
        AtomicInteger circles = new AtomicInteger();
        AtomicInteger told = new AtomicInteger();
        AtomicInteger victims = new AtomicInteger();
        AtomicInteger again = new AtomicInteger();
        List<Callable<@Nullable String>> lives = IntStream.range(0, count)
                .<Callable<@Nullable String>>mapToObj(i -> () -> {
                    try {
                        CircleLife.Figures figures = CircleLife.live(first + i);
                        circles.addAndGet(figures.circles());
                        told.addAndGet(figures.told());
                        victims.addAndGet(figures.victims());
                        again.addAndGet(figures.again());
                        return null;
                    } catch (SimulationFailure e) {
                        return "seed " + (first + i) + ": " + e.getMessage();
                    }
                })
                .toList();
        List<String> broken = ManyLives.inAllThreads(lives);
        System.out.printf(
                Locale.ROOT,
                "circles: %d lives from seed %d, %d circles closed, %d of them told of, %d victims, %d lives broken%n",
                count,
                first,
                circles.get(),
                told.get(),
                victims.get(),
                broken.size());
        assertThat(broken).isEmpty();
        if (count >= COUNT) {
            assertThat(told.get()).isGreaterThan(count / 2);
            assertThat(victims.get()).isGreaterThan(count / 10);
            assertThat(again.get()).as("circles like one just before").isPositive();
        }
    }

    @Test
    @Tag("deep")
    void everyMutantOfTheDetectorIsCaught() throws Exception {
        assertThat(ManyLives.survivors(EngineMutants.DEADLOCKS, "brokenCircle", List.of(), MOST_LIVES, Long::toString))
                .isEmpty();
    }
}
