package io.distributedmutex.verification.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Mutant;
import io.distributedmutex.testing.Seeds;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * The simulation finds what it is there to find: each deliberate fault breaks a promise in one of the first lives. The seeds
 * are 1, 2, 3 and so on, so the table that this prints is the same each time; docs/testing.md shows it.
 */
@Isolated("uses all cores")
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class MutantsTest {

    /** Twice as many as the most that one took, so that a change of the engine may move them. */
    private static final int MOST_LIVES = 40_000;

    /** Those that took more than a thousand lives. One that is missing here only makes every build longer. */
    private static final Set<String> RARE = Set.of(
            "a late push is believed",
            "a suspension of the machine is not noticed",
            "an expired lease with a renewal on its way is not freed",
            "an expired lease that a poll made longer is not freed",
            "an interrupted waiter keeps what it was granted in that moment");

    /** What became of a mutant: the first line of what its last life broke, or null. */
    private record Outcome(
            Mutant mutant, int lives, @Nullable String broken) {}

    @Test
    void everyMutantIsCaught() throws Exception {
        List<Mutant> mutants = mutants(mutant -> !RARE.contains(mutant.name()));
        assertThat(mutants).hasSizeGreaterThanOrEqualTo(15);
        allAreCaught(mutants);
    }

    @Test
    @Tag("deep")
    void everyMutantThatSeldomBreaksAPromiseIsCaught() throws Exception {
        List<Mutant> mutants = mutants(mutant -> RARE.contains(mutant.name()));
        assertThat(mutants).isNotEmpty();
        allAreCaught(mutants);
    }

    private static List<Mutant> mutants(Predicate<Mutant> which) {
        return EngineMutants.ALL.stream().filter(which).toList();
    }

    private static void allAreCaught(List<Mutant> mutants) throws Exception {
        // More than cores: where a life blocks, its threads hand the turn to each other, which takes its time.
        ExecutorService threads =
                Executors.newFixedThreadPool(2 * Runtime.getRuntime().availableProcessors());
        List<String> survivors = new ArrayList<>();
        try (Silence silence = new Silence()) {
            List<Callable<Outcome>> tasks = new ArrayList<>();
            mutants.forEach(mutant -> tasks.add(() -> outcomeOf(mutant)));
            for (Future<Outcome> future : threads.invokeAll(tasks)) {
                Outcome outcome = future.get();
                if (outcome.broken == null) {
                    survivors.add(outcome.mutant.name());
                }
                System.out.printf(
                        Locale.ROOT,
                        "| %s | %s | %s |%n",
                        outcome.mutant.name(),
                        outcome.broken == null ? "not caught in " + outcome.lives : outcome.lives,
                        outcome.broken);
            }
        } finally {
            threads.shutdownNow();
        }
        assertThat(survivors).isEmpty();
    }

    private static Outcome outcomeOf(Mutant mutant) throws Exception {
        Method live = new MutantLoader(mutant).loadClass(Trial.class.getName()).getMethod("firstBroken", long.class);
        String broken = null;
        int lives = 0;
        while (broken == null && lives < MOST_LIVES) {
            broken = (String) live.invoke(null, Seeds.first() + lives);
            lives++;
        }
        return new Outcome(mutant, lives, broken);
    }
}
