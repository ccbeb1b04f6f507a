package io.distributedmutex.verification.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Seeds;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * The real engine through many random lives, always the same. {@code -Dsimulation.seed=N} replays one,
 * {@code -Dseeds.from=N} lives others, {@code -Dsimulation.count=N} more, {@code -Dsimulation.minutes=N} for as long as it
 * says (a soak).
 */
@Isolated("uses all cores")
@Timeout(value = 30, unit = TimeUnit.DAYS)
class SimulationTest {

    /** How many lives every build lives. */
    private static final int COUNT = 1_500;

    /** How many more the deep profile lives, of the seeds that follow. */
    private static final int LATER = 98_500;

    @Test
    void noRandomLifeBreaksAPromise() throws Exception {
        Long replayed = Long.getLong("simulation.seed");
        long minutes = Long.getLong("simulation.minutes", 0);
        long count = replayed != null ? 1 : minutes > 0 ? Long.MAX_VALUE : Long.getLong("simulation.count", COUNT);
        noneBreaksAPromise(replayed != null ? replayed : Seeds.first(), count, minutes);
    }

    @Test
    @Tag("deep")
    void noLaterLifeBreaksAPromise() throws Exception {
        noneBreaksAPromise(Seeds.first() + COUNT, LATER, 0);
    }

    private static void noneBreaksAPromise(long first, long count, long minutes) throws InterruptedException {
        System.out.println(
                "simulation: " + (minutes > 0 ? minutes + " minutes of" : count) + " lives from seed " + first);
        long end = minutes > 0 ? System.nanoTime() + minutes * 60_000_000_000L : Long.MAX_VALUE;
        AtomicLong next = new AtomicLong();
        AtomicLong granted = new AtomicLong();
        AtomicReference<String> failure = new AtomicReference<>();
        long start = System.nanoTime();
        try (Silence silence = new Silence()) {
            List<Thread> threads = new ArrayList<>();
            // More than cores: where a life blocks, its threads hand the turn to each other, which takes its time.
            for (int i = 0; i < 2 * Runtime.getRuntime().availableProcessors(); i++) {
                Thread thread = new Thread(() -> live(first, count, end, next, granted, failure));
                threads.add(thread);
                thread.start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
        }
        System.out.println("simulation: " + Math.min(count, next.get()) + " lives, " + granted + " leases granted, "
                + (System.nanoTime() - start) / 1_000_000_000 + " s");
        assertThat(failure.get()).isNull();
        assertThat(granted.get()).isGreaterThan(Math.min(count, next.get()));
    }

    private static void live(
            long first, long count, long end, AtomicLong next, AtomicLong granted, AtomicReference<String> failure) {
        long number = next.getAndIncrement();
        while (number < count && failure.get() == null && System.nanoTime() < end) {
            Plan plan = Plan.random(first + number);
            try {
                granted.addAndGet(Life.live(plan));
            } catch (SimulationFailure e) {
                String report = report(plan);
                failure.compareAndSet(null, report != null ? report : "not repeatable: " + e.getMessage());
            } catch (RuntimeException | Error e) {
                failure.compareAndSet(null, "seed " + (first + number) + " died of " + e);
                throw e;
            }
            number = next.getAndIncrement();
        }
    }

    private static String report(Plan plan) {
        try {
            return FailureReport.of(plan);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void noKeptLifeBreaksAPromise() throws Exception {
        Map<String, Plan> kept = PlanFile.kept();
        assertThat(kept).isNotEmpty();
        try (Silence silence = new Silence()) {
            kept.forEach(
                    (name, plan) -> assertThat(Life.failureOf(plan)).as(name).isNull());
        }
    }

    @Test
    void aPlanIsReadAsItWasWritten() {
        for (long seed = 0; seed < 200; seed++) {
            Plan plan = Plan.random(seed);
            assertThat(PlanFile.read(PlanFile.written(plan))).isEqualTo(plan);
        }
    }

    @Test
    void theSameSeedLivesTheSameLife() {
        try (Silence silence = new Silence()) {
            for (long seed = 0; seed < 50; seed++) {
                Plan plan = Plan.random(seed);
                assertThat(Life.traceOf(plan)).as("seed %d", seed).isEqualTo(Life.traceOf(plan));
            }
        }
    }
}
