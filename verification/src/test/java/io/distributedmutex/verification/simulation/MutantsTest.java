package io.distributedmutex.verification.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Mutant;
import io.distributedmutex.verification.simulation.ManyLives.Outcome;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * The simulation finds what it is there to find: each deliberate fault breaks a promise in one of the first lives. The seeds
 * are 1, 2, 3 and so on, so the table that this prints is the same each time; docs/internals/testing.md shows it.
 */
@Isolated("uses all cores")
@Tag("slow")
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class MutantsTest {

    /** Twice as many as the most that one took, so that a change of the engine may move them. */
    private static final int MOST_LIVES = 40_000;

    /** What every build has time for. */
    private static final int FEW_LIVES = 500;

    @Test
    void everyMutantIsCaughtByAKeptOrAnEarlyLife() throws Exception {
        assertThat(EngineMutants.ALL).hasSizeGreaterThanOrEqualTo(40);
        assertThat(survivors(PlanFile.kept().values(), FEW_LIVES)).isEmpty();
    }

    /** Those lives are not needed: the planner finds each. With {@code -Dmutants.keep} the lives that do are kept. */
    @Test
    @Tag("deep")
    void everyMutantIsCaughtByARandomLife() throws Exception {
        assertThat(survivors(List.of(), MOST_LIVES)).isEmpty();
    }

    private static List<String> survivors(Collection<Plan> kept, int mostLives) throws Exception {
        List<String> first = kept.stream().map(PlanFile::written).toList();
        // More than cores: where a life blocks, its threads hand the turn to each other, which takes its time.
        ExecutorService threads =
                Executors.newFixedThreadPool(2 * Runtime.getRuntime().availableProcessors());
        List<String> survivors = new ArrayList<>();
        try (Silence silence = new Silence()) {
            List<Callable<Outcome>> tasks = new ArrayList<>();
            EngineMutants.ALL.forEach(mutant -> tasks.add(() -> outcomeOf(mutant, first, mostLives)));
            for (Future<Outcome> future : threads.invokeAll(tasks)) {
                Outcome outcome = future.get();
                if (outcome.broken() == null) {
                    survivors.add(outcome.mutant().name());
                }
                System.out.printf(
                        Locale.ROOT,
                        "| %s | %s | %s |%n",
                        outcome.mutant().name(),
                        outcome.broken() == null ? "not caught in " + outcome.lives() : outcome.lives(),
                        outcome.broken());
            }
        } finally {
            threads.shutdownNow();
        }
        return survivors;
    }

    private static Outcome outcomeOf(Mutant mutant, List<String> first, int mostLives) throws Exception {
        Outcome outcome = ManyLives.outcomeOf(mutant, "firstBroken", first, mostLives, Trial::plan);
        if (outcome.broken() != null && outcome.lives() > FEW_LIVES && Boolean.getBoolean("mutants.keep")) {
            String shortest = (String) ManyLives.trialOf(mutant, "shortest").invoke(null, outcome.last());
            PlanFile.write(PlanFile.folder(), mutant.name().replaceAll("[^a-z]+", "-"), PlanFile.read(shortest));
        }
        return outcome;
    }
}
