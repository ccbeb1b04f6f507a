package io.distributedmutex.verification.simulation;

import org.jspecify.annotations.Nullable;

/** One life, for callers in another class loader: see {@link MutantsTest}. Plans come and go as {@link PlanFile} writes them. */
public final class Trial {

    private Trial() {}

    /**
     * The plan of a seed.
     *
     * @param seed the seed
     * @return the plan
     */
    public static String plan(long seed) {
        return PlanFile.written(Plan.random(seed));
    }

    /**
     * Lives a life.
     *
     * @param plan the plan
     * @return the first line of what it breaks, or null
     */
    public static @Nullable String firstBroken(String plan) {
        try {
            Life.live(PlanFile.read(plan));
            return null;
        } catch (SimulationFailure e) {
            return e.getMessage().lines().findFirst().orElse("");
        }
    }

    /**
     * Lives a life of deadlocks.
     *
     * @param seed whose, as text
     * @return the first line of what it breaks, or null
     */
    public static @Nullable String brokenCircle(String seed) {
        try {
            CircleLife.Figures unused = CircleLife.live(Long.parseLong(seed));
            return null;
        } catch (SimulationFailure e) {
            return e.getMessage().lines().findFirst().orElse("");
        }
    }

    /**
     * Lives a life of failovers.
     *
     * @param plan the plan
     * @return the first line of what it breaks, or null
     */
    public static @Nullable String brokenFailover(String plan) {
        try {
            int unused = FailoverLife.live(PlanFile.readFailovers(plan));
            return null;
        } catch (SimulationFailure e) {
            return e.getMessage().lines().findFirst().orElse("");
        }
    }

    /**
     * Shortens a plan that breaks something.
     *
     * @param plan the plan
     * @return the shortest plan found that breaks something too
     */
    public static String shortest(String plan) {
        FailureReport.Shortest shortest = FailureReport.shortestOf(PlanFile.read(plan));
        return shortest == null ? plan : PlanFile.written(shortest.plan());
    }
}
