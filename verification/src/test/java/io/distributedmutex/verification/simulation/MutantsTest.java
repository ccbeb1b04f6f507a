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
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * The simulation finds what it is there to find: each deliberate fault breaks a promise in one of the first lives. The seeds
 * are 1, 2, 3 and so on, so the table that this prints is the same each time; docs/internals/testing.md shows it.
 */
@Isolated("uses all cores")
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class MutantsTest {

    /** Twice as many as the most that one took, so that a change of the engine may move them. */
    private static final int MOST_LIVES = 40_000;

    /** What every build has time for. */
    private static final int FEW_LIVES = 500;

    /** Those that take about as many or more: they are the deep profile's. */
    private static final Set<String> RARE = Set.of(
            "a late push is believed",
            "a renewal's deadline counted from the reply",
            "a step that only the wall clock shows is not counted",
            "a suspension of the machine is not noticed",
            "an expired lease that a poll made longer is not freed",
            "an interrupted waiter keeps what it was granted in that moment",
            "renew without a token check");

    /** What became of a mutant: the first line of what its last life broke, or null. */
    private record Outcome(
            Mutant mutant, int lives, @Nullable String broken) {}

    @Test
    void allButTheRareMutantsAreCaughtSoon() throws Exception {
        assertThat(RARE).isSubsetOf(EngineMutants.ALL.stream().map(Mutant::name).toList());
        assertThat(RARE).containsAll(survivors(FEW_LIVES));
        assertThat(EngineMutants.ALL).hasSizeGreaterThanOrEqualTo(31);
    }

    @Test
    @Tag("deep")
    void everyMutantIsCaught() throws Exception {
        assertThat(survivors(MOST_LIVES)).isEmpty();
    }

    private static List<String> survivors(int mostLives) throws Exception {
        // More than cores: where a life blocks, its threads hand the turn to each other, which takes its time.
        ExecutorService threads =
                Executors.newFixedThreadPool(2 * Runtime.getRuntime().availableProcessors());
        List<String> survivors = new ArrayList<>();
        try (Silence silence = new Silence()) {
            List<Callable<Outcome>> tasks = new ArrayList<>();
            EngineMutants.ALL.forEach(mutant -> tasks.add(() -> outcomeOf(mutant, mostLives)));
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
        return survivors;
    }

    private static Outcome outcomeOf(Mutant mutant, int mostLives) throws Exception {
        Method live = new MutantLoader(mutant).loadClass(Trial.class.getName()).getMethod("firstBroken", long.class);
        String broken = null;
        int lives = 0;
        while (broken == null && lives < mostLives) {
            broken = (String) live.invoke(null, Seeds.first() + lives);
            lives++;
        }
        return new Outcome(mutant, lives, broken);
    }
}
