package io.distributedmutex.verification.simulation;

import io.distributedmutex.testing.Shrinker;
import io.distributedmutex.testing.Shrinker.Shrunk;
import io.distributedmutex.verification.simulation.Plan.Action;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What a plan breaks, told by the few of its actions that still break something. */
final class FailureReport {

    private static final int MOST_LIVES = 3_000;

    private FailureReport() {}

    /**
     * The shortest plan found that still breaks something.
     *
     * @param plan the plan
     * @param failure what it breaks
     * @param first what the whole plan breaks
     */
    record Shortest(Plan plan, SimulationFailure failure, SimulationFailure first) {}

    /** Lives the plan; returns the shortest found that breaks something too; null if it breaks nothing. */
    static @Nullable Shortest shortestOf(Plan plan) {
        SimulationFailure first = Life.failureOf(plan);
        if (first == null) {
            return null;
        }
        Plan quiet = plan.withoutFaults();
        SimulationFailure withoutFaults = Life.failureOf(quiet);
        Plan shrunk = withoutFaults != null ? quiet : plan;
        Shrunk<Action, SimulationFailure> shortest = Shrinker.shrink(
                shrunk.actions(),
                withoutFaults != null ? withoutFaults : first,
                actions -> Optional.ofNullable(Life.failureOf(shrunk.with(actions))),
                MOST_LIVES);
        return new Shortest(shrunk.with(shortest.steps()), shortest.failure(), first);
    }

    /** Lives the plan; returns what it breaks, with the shortest plan, which it leaves in target/failed-lives; null if nothing. */
    static @Nullable String of(Plan plan) throws IOException {
        Shortest shortest = shortestOf(plan);
        if (shortest == null) {
            return null;
        }
        Path file = PlanFile.writeFailed(shortest.plan());
        return "seed " + plan.seed() + " breaks a promise (replay: -Dsimulation.seed=" + plan.seed() + "): "
                + shortest.first().getMessage().lines().findFirst().orElse("")
                + "\nshrunk from " + plan.actions().size() + " to "
                + shortest.plan().actions().size() + " actions (in " + file + "; among those in "
                + PlanFile.folder().getFileName() + " it is lived in each build), one message in "
                + shortest.plan().faultsOneIn() + " meets a fault, clock rates "
                + shortest.plan().rates() + ":\n  "
                + shortest.plan().actions().stream().map(Action::toString).collect(Collectors.joining("\n  "))
                + "\nwhat happens then: " + shortest.failure().getMessage();
    }
}
