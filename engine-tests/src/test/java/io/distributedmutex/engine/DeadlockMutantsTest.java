package io.distributedmutex.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.testing.DeadlockMutants;
import io.distributedmutex.testing.Mutant;
import io.distributedmutex.testing.MutantLoader;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Event;
import org.slf4j.Logger;

/**
 * Each rule of the detector of deadlocks is there for something that {@link DeadlockTest} or {@link ForgedProbesTest} shows:
 * without it, one of their tests fails. {@code -Dmutants.only=TEXT} tries those with that text in their names.
 */
@Tag("deep")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class DeadlockMutantsTest {

    @Test
    void withoutAnyOfItsRulesATestFails() throws Exception {
        String only = System.getProperty("mutants.only", "");
        List<String> survivors = new ArrayList<>();
        for (Mutant mutant : DeadlockMutants.ALL) {
            if (mutant.name().contains(only)) {
                String caught = firstFailure(mutant);
                System.out.printf(Locale.ROOT, "| %s | %s |%n", mutant.name(), caught);
                if (caught == null) {
                    survivors.add(mutant.name());
                }
            }
        }
        assertThat(survivors).isEmpty();
    }

    private static @Nullable String firstFailure(Mutant mutant) throws Exception {
        MutantLoader loader = new MutantLoader(mutant, List.of(DistributedMutex.class, Logger.class, NullMarked.class));
        for (Class<?> tests : List.of(DeadlockTest.class, ForgedProbesTest.class)) {
            List<Event> failed = EngineTestKit.engine("junit-jupiter")
                    .selectors(selectClass(loader.loadClass(tests.getName())))
                    .execute()
                    .testEvents()
                    .failed()
                    .list();
            if (!failed.isEmpty()) {
                return failed.get(0).getTestDescriptor().getDisplayName();
            }
        }
        return null;
    }
}
