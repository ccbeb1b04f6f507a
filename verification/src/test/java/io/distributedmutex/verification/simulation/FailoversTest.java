package io.distributedmutex.verification.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Seeds;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * Many random lives in clusters and behind Sentinels, always the same. {@code -Dfailovers.seed=N} lives one, {@code
 * -Dfailovers.count=N} more, {@code -Dfailovers.minutes=N} for as long as it says.
 */
@Isolated("uses all cores")
@Timeout(value = 30, unit = TimeUnit.DAYS)
class FailoversTest {

    /** How many lives every build lives. */
    private static final int COUNT = 300;

    /** How many more the deep profile lives. */
    private static final int LATER = 2_500;

    /** How many lives a mutant gets. */
    private static final int MOST_LIVES = 3_000;

    @Test
    void noLifeBreaksAPromise() throws Exception {
        Long replayed = Long.getLong("failovers.seed");
        long minutes = Long.getLong("failovers.minutes", 0);
        long count = minutes > 0 ? Long.MAX_VALUE : Long.getLong("failovers.count", COUNT);
        if (replayed != null) {
            live(replayed, 1, Long.MAX_VALUE);
        } else {
            live(Seeds.first(), count, minutes > 0 ? System.nanoTime() + minutes * 60_000_000_000L : Long.MAX_VALUE);
        }
    }

    @Test
    @Tag("deep")
    void noLaterLifeBreaksAPromise() throws Exception {
        live(Seeds.first() + COUNT, LATER, Long.MAX_VALUE);
    }

    @Test
    void noKeptLifeBreaksAPromise() throws Exception {
        Map<String, FailoverPlan> kept = PlanFile.keptFailovers();
        assertThat(kept).isNotEmpty();
        try (Silence silence = new Silence()) {
            kept.forEach((name, plan) ->
                    assertThat(FailoverLife.failureOf(plan)).as(name).isEmpty());
        }
    }

    @Test
    void aPlanIsReadAsItWasWritten() {
        for (long seed = 0; seed < 200; seed++) {
            FailoverPlan plan = FailoverPlan.random(seed);
            assertThat(PlanFile.readFailovers(PlanFile.written(plan))).isEqualTo(plan);
        }
    }

    @Test
    void theSameSeedLivesTheSameLife() {
        try (Silence silence = new Silence()) {
            for (long seed = 0; seed < 10; seed++) {
                assertThat(grants(seed)).as("seed %d", seed).isNotEmpty().isEqualTo(grants(seed));
            }
        }
    }

    /** Names of connections are drawn anew each time. */
    private static List<String> grants(long seed) {
        return FailoverLife.traceOf(FailoverPlan.random(seed)).stream()
                .filter(line -> line.contains(" granted to ") || line.contains(" closed by "))
                .toList();
    }

    private static void live(long first, long count, long endNanos) throws Exception {
        AtomicLong next = new AtomicLong();
        AtomicLong granted = new AtomicLong();
        AtomicReference<String> failure = new AtomicReference<>();
        long start = System.nanoTime();
        List<Callable<@Nullable String>> threads = new ArrayList<>();
        for (int i = 0; i < Runtime.getRuntime().availableProcessors(); i++) {
            threads.add(() -> {
                for (long number = next.getAndIncrement();
                        number < count && failure.get() == null && System.nanoTime() < endNanos;
                        number = next.getAndIncrement()) {
                    try {
                        granted.addAndGet(FailoverLife.live(FailoverPlan.random(first + number)));
                    } catch (SimulationFailure e) {
                        String report = FailoverLife.report(FailoverPlan.random(first + number));
                        failure.compareAndSet(null, report != null ? report : "not repeatable: " + e.getMessage());
                    } catch (RuntimeException | Error e) {
                        failure.compareAndSet(null, "seed " + (first + number) + " died of " + e);
                        throw e;
                    }
                }
                return null;
            });
        }
        List<String> unused = ManyLives.inAllThreads(threads);
        System.out.println("failovers: " + Math.min(count, next.get()) + " lives from seed " + first + ", " + granted
                + " leases granted, " + (System.nanoTime() - start) / 1_000_000_000 + " s");
        assertThat(failure.get()).isNull();
        assertThat(granted.get()).isGreaterThan(Math.min(count, next.get()));
    }

    @Test
    @Tag("deep")
    void everyMutantIsCaught() throws Exception {
        List<String> kept = PlanFile.keptFailovers().values().stream()
                .map(PlanFile::written)
                .toList();
        assertThat(ManyLives.survivors(
                        EngineMutants.FAILOVERS,
                        "brokenFailover",
                        kept,
                        MOST_LIVES,
                        seed -> PlanFile.written(FailoverPlan.random(seed))))
                .isEmpty();
    }
}
