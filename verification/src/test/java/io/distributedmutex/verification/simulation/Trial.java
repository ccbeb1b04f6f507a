package io.distributedmutex.verification.simulation;

import org.jspecify.annotations.Nullable;

/** One life, for callers in another class loader: see {@link MutantsTest}. */
public final class Trial {

    private Trial() {}

    /**
     * Lives the life of a seed.
     *
     * @param seed the seed
     * @return the first line of what it breaks, or null
     */
    public static @Nullable String firstBroken(long seed) {
        try {
            Life.live(Plan.random(seed));
            return null;
        } catch (SimulationFailure e) {
            return e.getMessage().lines().findFirst().orElse("");
        }
    }
}
