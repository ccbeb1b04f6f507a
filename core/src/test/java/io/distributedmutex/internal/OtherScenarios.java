package io.distributedmutex.internal;

import org.jetbrains.kotlinx.lincheck.CTestStructure;
import org.jetbrains.kotlinx.lincheck.execution.RandomExecutionGenerator;
import org.jetbrains.lincheck.datastructures.CTestConfiguration;
import org.jetbrains.lincheck.datastructures.RandomProvider;

/** Lincheck's random scenarios, but others than those with which it begins each time: {@code -Dseeds.from=N} decides which. */
public final class OtherScenarios extends RandomExecutionGenerator {

    /** More of them would take their time. */
    private static final long MOST_SEEDS = 1_000_000;

    /** Made by Lincheck. */
    public OtherScenarios(CTestConfiguration configuration, CTestStructure structure, RandomProvider seeds) {
        super(configuration, structure, others(seeds));
    }

    private static RandomProvider others(RandomProvider seeds) {
        for (long skipped = 1; skipped < Math.floorMod(Long.getLong("seeds.from", 1), MOST_SEEDS); skipped++) {
            Object unused = seeds.createRandom();
        }
        return seeds;
    }
}
