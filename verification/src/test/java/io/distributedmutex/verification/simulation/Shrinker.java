package io.distributedmutex.verification.simulation;

import io.distributedmutex.verification.simulation.Plan.Action;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Makes a failing plan short: leaves out actions for as long as some promise is still broken (Zeller's ddmin, simplified). */
final class Shrinker {

    private static final int MOST_LIVES = 3_000;

    private Plan shortest;
    private SimulationFailure failure;
    private int lives;

    private Shrinker(Plan plan, SimulationFailure failure) {
        this.shortest = plan;
        this.failure = failure;
    }

    /** Lives the plan; returns what it breaks, with the shortest plan found that breaks something; null if nothing. */
    static @Nullable String failureOf(Plan plan) {
        SimulationFailure failure = Life.failureOf(plan);
        if (failure == null) {
            return null;
        }
        Shrinker shrinker = new Shrinker(plan, failure);
        shrinker.attempt(plan.withoutFaults());
        shrinker.shrink();
        return shrinker.report(failure);
    }

    private void shrink() {
        int chunk = shortest.actions().size() / 2;
        while (chunk >= 1 && lives < MOST_LIVES) {
            boolean shorter = false;
            for (int from = 0; from < shortest.actions().size() && lives < MOST_LIVES; ) {
                List<Action> fewer = new ArrayList<>(shortest.actions());
                fewer.subList(from, Math.min(fewer.size(), from + chunk)).clear();
                if (attempt(shortest.with(List.copyOf(fewer)))) {
                    shorter = true;
                } else {
                    from += chunk;
                }
            }
            if (!shorter || chunk > shortest.actions().size()) {
                chunk /= 2;
            }
        }
    }

    private boolean attempt(Plan plan) {
        lives++;
        SimulationFailure broken = Life.failureOf(plan);
        if (broken == null) {
            return false;
        }
        shortest = plan;
        failure = broken;
        return true;
    }

    private String report(SimulationFailure first) {
        return "seed " + shortest.seed() + " breaks a promise (replay: -Dsimulation.seed=" + shortest.seed() + "): "
                + first.getMessage().lines().findFirst().orElse("")
                + "\nshrunk from " + Plan.random(shortest.seed()).actions().size() + " to "
                + shortest.actions().size() + " actions, one message in " + shortest.faultsOneIn()
                + " meets a fault, clock rates " + shortest.rates() + ":\n  "
                + shortest.actions().stream().map(Action::toString).collect(Collectors.joining("\n  "))
                + "\nwhat happens then: " + failure.getMessage();
    }
}
