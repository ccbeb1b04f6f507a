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
        Method live = new MutantLoader(mutant, EngineMutants.USES)
                .loadClass(Trial.class.getName())
                .getMethod(trial, String.class);
        for (int i = 0; i < first.size() + mostLives; i++) {
            String life = i < first.size() ? first.get(i) : lifeOf.apply(Seeds.first() + i - first.size());
            String broken = (String) live.invoke(null, life);
            if (broken != null) {
                System.out.printf(Locale.ROOT, "| %s | %d | %s |%n", mutant.name(), i + 1, broken);
                return null;
            }
        }
        return mutant.name();
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
