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
import org.jspecify.annotations.Nullable;

/** Lives of many seeds, and of many mutants, a thread of each core at a time. */
final class ManyLives {

    private ManyLives() {}

    /**
     * Lives lives of each mutant until one breaks a promise, and prints which one that was. {@code -Dmutants.only=TEXT} tries
     * those with that text in their names.
     *
     * @param mutants the mutants
     * @param trial the method of {@link Trial} that lives the life of a seed
     * @param mostLives how many lives a mutant gets
     * @return the names of those that broke none
     */
    static List<String> survivors(List<Mutant> mutants, String trial, int mostLives) throws Exception {
        List<Callable<@Nullable String>> trials = new ArrayList<>();
        String only = System.getProperty("mutants.only", "");
        mutants.stream()
                .filter(mutant -> mutant.name().contains(only))
                .forEach(mutant -> trials.add(() -> survivor(mutant, trial, mostLives)));
        return inAllThreads(trials);
    }

    private static @Nullable String survivor(Mutant mutant, String trial, int mostLives) throws Exception {
        Method live = new MutantLoader(mutant, EngineMutants.USES)
                .loadClass(Trial.class.getName())
                .getMethod(trial, long.class);
        for (int i = 0; i < mostLives; i++) {
            String broken = (String) live.invoke(null, Seeds.first() + i);
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
