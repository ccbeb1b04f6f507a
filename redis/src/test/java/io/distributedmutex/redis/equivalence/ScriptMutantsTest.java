package io.distributedmutex.redis.equivalence;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.redis.equivalence.Comparison.Outcome;
import io.distributedmutex.testing.Mutant;
import io.distributedmutex.testing.Seeds;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.metrics.CommandLatencyRecorder;
import io.lettuce.core.resource.ClientResources;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * The comparison finds what it is there to find: each deliberate fault in a script tells the stores apart in one of the first
 * sequences. The seeds are 1, 2, 3 and so on, so the table that this prints is the same each time; docs/internals/testing.md shows it.
 */
@Isolated("uses all cores")
@WithRedis(executable = "embedded")
@Tag("slow")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class ScriptMutantsTest {

    private static final int MOST_SEQUENCES = 6_000;

    /** Shows that it is the fault that is found, and not that a script was changed at all. */
    private static final Mutant NO_FAULT = new Mutant("none", "renew", "return HELD", "do return HELD end");

    private static final int FEW_SEQUENCES = 30;

    @Test
    void everyFaultInAScriptIsFound(EmbeddedRedis redis) {
        List<String> survivors = new ArrayList<>();
        ClientResources resources = ClientResources.builder()
                .commandLatencyRecorder(CommandLatencyRecorder.disabled())
                .build();
        try {
            for (Mutant mutant : ScriptMutants.ALL) {
                if (!isFound(mutant, MOST_SEQUENCES, redis, resources)) {
                    survivors.add(mutant.name());
                }
            }
            assertThat(isFound(NO_FAULT, FEW_SEQUENCES, redis, resources)).isFalse();
        } finally {
            resources.shutdown();
        }
        assertThat(survivors).isEmpty();
        assertThat(ScriptMutants.ALL).hasSizeGreaterThanOrEqualTo(12);
    }

    private static boolean isFound(Mutant mutant, int mostSequences, EmbeddedRedis redis, ClientResources resources) {
        try (RedisSide side = new RedisSide(redis, "lock:", resources, new MutatedScripts(mutant)::connect)) {
            String difference = null;
            int sequences = 0;
            while (difference == null && sequences < mostSequences) {
                SequencePlan plan = SequencePlan.random(Seeds.first() + sequences);
                sequences++;
                Outcome outcome = Comparison.of(plan.steps(), side, Passing.moved());
                difference = outcome.difference();
            }
            System.out.printf(
                    Locale.ROOT,
                    "| %s | %s | %s |%n",
                    mutant.name(),
                    difference == null ? "not found in " + sequences : sequences,
                    difference == null ? "" : difference.split("[:\n]", 2)[0]);
            return difference != null;
        }
    }
}
