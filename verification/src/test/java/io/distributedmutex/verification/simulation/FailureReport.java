package io.distributedmutex.verification.simulation;

import io.distributedmutex.testing.Shrinker;
import io.distributedmutex.testing.Shrinker.Shrunk;
import io.distributedmutex.verification.simulation.Plan.Action;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What a plan breaks, told by the few of its actions that still break something. */
final class FailureReport {

    private static final int MOST_LIVES = 3_000;

    private FailureReport() {}

    /** Lives the plan; returns what it breaks, with the shortest plan found that breaks something; null if nothing. */
    static @Nullable String of(Plan plan) {
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
        return "seed " + plan.seed() + " breaks a promise (replay: -Dsimulation.seed=" + plan.seed() + "): "
                + first.getMessage().lines().findFirst().orElse("")
                + "\nshrunk from " + plan.actions().size() + " to "
                + shortest.steps().size() + " actions, one message in " + shrunk.faultsOneIn()
                + " meets a fault, clock rates " + shrunk.rates() + ":\n  "
                + shortest.steps().stream().map(Action::toString).collect(Collectors.joining("\n  "))
                + "\nwhat happens then: " + shortest.failure().getMessage();
    }
}
