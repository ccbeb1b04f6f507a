package io.distributedmutex.verification.simulation;

import io.distributedmutex.testing.Mutant;
import io.distributedmutex.testing.MutantLoader;
import io.distributedmutex.testing.Seeds;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/** Lives of many seeds, and of many mutants, a thread of each core at a time. */
final class ManyLives {

    /**
     * What became of a mutant.
     *
     * @param mutant the mutant
     * @param lives how many lives it got
     * @param last the last of them, as text
     * @param broken the first line of what that one broke, or null
     */
    record Outcome(
            Mutant mutant, int lives, String last, @Nullable String broken) {}

    private ManyLives() {}

    /**
     * Lives lives of each mutant until one breaks a promise, and prints which one that was. {@code -Dmutants.only=TEXT} tries
     * those with that text in their names.
     *
     * @param mutants the mutants
     * @param trial the method of {@link Trial} that lives a life
     * @param first the lives that come first, as text
     * @param mostLives how many more a mutant gets
     * @param lifeOf the life of a seed, as text
     * @return the names of those that broke none
     */
    static List<String> survivors(
            List<Mutant> mutants, String trial, List<String> first, int mostLives, LongFunction<String> lifeOf)
            throws Exception {
        List<Callable<@Nullable String>> trials = new ArrayList<>();
        String only = System.getProperty("mutants.only", "");
        mutants.stream()
                .filter(mutant -> mutant.name().contains(only))
                .forEach(mutant -> trials.add(() -> survivor(mutant, trial, first, mostLives, lifeOf)));
        return inAllThreads(trials);
    }

    private static @Nullable String survivor(
            Mutant mutant, String trial, List<String> first, int mostLives, LongFunction<String> lifeOf)
            throws Exception {
        Outcome outcome = outcomeOf(mutant, trial, first, mostLives, lifeOf);
        if (outcome.broken == null) {
            return mutant.name();
        }
        System.out.printf(Locale.ROOT, "| %s | %d | %s |%n", mutant.name(), outcome.lives, outcome.broken);
        return null;
    }

    /** Lives lives of one mutant until it breaks a promise; the parameters are those of {@link #survivors}. */
    static Outcome outcomeOf(
            Mutant mutant, String trial, List<String> first, int mostLives, LongFunction<String> lifeOf)
            throws Exception {
        Method live = trialOf(mutant, trial);
        String life = "";
        String broken = null;
        int lives = 0;
        for (; broken == null && lives < first.size() + mostLives; lives++) {
            life = lives < first.size() ? first.get(lives) : lifeOf.apply(Seeds.first() + lives - first.size());
            broken = (String) live.invoke(null, life);
        }
        return new Outcome(mutant, lives, life, broken);
    }

    /** That method of {@link Trial}, in an engine that has the mutant's fault. */
    static Method trialOf(Mutant mutant, String trial) throws Exception {
        return new MutantLoader(mutant, EngineMutants.USES)
                .loadClass(Trial.class.getName())
                .getMethod(trial, String.class);
    }

    /** What is not null of what they return. */
    static List<String> inAllThreads(List<Callable<@Nullable String>> tasks) throws Exception {
        ExecutorService threads =
                Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
        List<String> results = new ArrayList<>();
        try (Silence silence = new Silence()) {
            for (Future<@Nullable String> future : threads.invokeAll(tasks)) {
                String result = future.get();
                if (result != null) {
                    results.add(result);
                }
            }
        } finally {
            threads.shutdownNow();
        }
        return results;
    }
}
