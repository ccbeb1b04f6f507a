package io.distributedmutex.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder.discoveryRequest;
import static org.junit.platform.launcher.core.LauncherExecutionRequestBuilder.executionRequest;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.testing.DeadlockMutants;
import io.distributedmutex.testing.Mutant;
import io.distributedmutex.testing.MutantLoader;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.platform.engine.CancellationToken;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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
        ch.qos.logback.classic.Logger root =
                (ch.qos.logback.classic.Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME);
        Appender<ILoggingEvent> console = root.getAppender("console");
        // Megabytes, of no interest. The tests still see what is logged.
        root.detachAppender(console);
        try {
            for (Mutant mutant : DeadlockMutants.ALL) {
                if (mutant.name().contains(only)) {
                    String caught = firstFailure(mutant);
                    System.out.printf(Locale.ROOT, "| %s | %s |%n", mutant.name(), caught);
                    if (caught == null) {
                        survivors.add(mutant.name());
                    }
                }
            }
        } finally {
            root.addAppender(console);
        }
        assertThat(survivors).isEmpty();
    }

    /** The rest is not run. */
    private static @Nullable String firstFailure(Mutant mutant) throws Exception {
        MutantLoader loader = new MutantLoader(mutant, List.of(DistributedMutex.class, Logger.class, NullMarked.class));
        AtomicReference<@Nullable String> first = new AtomicReference<>();
        CancellationToken enough = CancellationToken.create();
        LauncherFactory.create()
                .execute(executionRequest(discoveryRequest()
                                .selectors(
                                        selectClass(loader.loadClass(DeadlockTest.class.getName())),
                                        selectClass(loader.loadClass(ForgedProbesTest.class.getName())))
                                .build())
                        .listeners(new TestExecutionListener() {
                            @Override
                            public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                                if (test.isTest() && result.getStatus() == TestExecutionResult.Status.FAILED) {
                                    first.compareAndSet(null, test.getDisplayName());
                                    enough.cancel();
                                }
                            }
                        })
                        .cancellationToken(enough)
                        .build());
        return first.get();
    }
}
