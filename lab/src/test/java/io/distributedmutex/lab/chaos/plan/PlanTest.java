package io.distributedmutex.lab.chaos.plan;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.lab.chaos.plan.Plan.Step;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The schedule of a chaos run. */
class PlanTest {

    private static List<Step> plan(Duration duration, long seed) {
        return plan(Topology.STANDALONE, duration, seed);
    }

    private static List<Step> plan(Topology topology, Duration duration, long seed) {
        return Plan.of(new Settings(topology, duration, seed, 4, 4, false, Sabotage.NONE))
                .steps();
    }

    @Test
    void theSameSeedIsTheSamePlan() {
        assertThat(plan(Duration.ofMinutes(1), 7)).isEqualTo(plan(Duration.ofMinutes(1), 7));
        assertThat(plan(Duration.ofMinutes(1), 7)).isNotEqualTo(plan(Duration.ofMinutes(1), 8));
    }

    @Test
    void aMinuteHasAllThatIsMandatory() {
        for (long seed = 0; seed < 1_000; seed++) {
            assertThat(plan(Duration.ofMinutes(1), seed))
                    .as("seed %d", seed)
                    .extracting(Step::fault)
                    .containsAll(Fault.mandatory(Topology.STANDALONE));
        }
    }

    @Test
    void fiveMinutesHaveEveryKind() {
        for (long seed = 0; seed < 100; seed++) {
            assertThat(plan(Duration.ofMinutes(5), seed))
                    .as("seed %d", seed)
                    .extracting(Step::fault)
                    .containsAll(Fault.of(Topology.STANDALONE));
        }
    }

    @Test
    void theFirstAndLastSecondsAreCalmAndNoTwoFaultsMeetTheSame() {
        for (long seed = 0; seed < 100; seed++) {
            List<Step> steps = plan(Duration.ofMinutes(2), seed);
            assertThat(steps).allSatisfy(step -> {
                assertThat(step.startMillis()).isGreaterThanOrEqualTo(4_000);
                assertThat(step.endMillis()).isLessThanOrEqualTo(108_000);
            });
            for (int i = 1; i < steps.size(); i++) {
                for (Step before : steps.subList(0, i)) {
                    Step step = steps.get(i);
                    assertThat(before.endMillis() < step.startMillis()
                                    || before.fault().domain() != step.fault().domain())
                            .as("seed %d: %s and %s", seed, before, step)
                            .isTrue();
                }
            }
        }
    }

    @Test
    void theShortestRunHasAFault() {
        assertThat(plan(Duration.ofSeconds(15), 1)).isNotEmpty();
    }

    /** A seed that somebody has written down means the same for ever. */
    @Test
    void theFaultsOfOneServerStayThoseOfTheirSeed() {
        assertThat(plan(Duration.ofSeconds(12), 2026))
                .extracting(step -> step.fault() + " at " + step.startMillis() + " for " + step.durationMillis()
                        + " at place " + step.slot() + ", seed " + step.seed())
                .containsExactly(
                        "Redis killed, back without data at 1500 for 165 at place 0, seed 84919909329844751",
                        "connection cut at a byte at 2596 for 508 at place 2, seed 3075572743229219040",
                        "network black hole at 3961 for 1428 at place 0, seed 5155740829041076766",
                        "push connections killed at 6339 for 0 at place 0, seed 241403835066666268");
        int all = 0;
        for (long seed = 0; seed < 100; seed++) {
            for (Step step : plan(Duration.ofMinutes(1), seed)) {
                all = 31 * all
                        + List.of(
                                        step.fault().name(),
                                        step.startMillis(),
                                        step.durationMillis(),
                                        step.slot(),
                                        step.seed())
                                .hashCode();
            }
        }
        assertThat(all).isEqualTo(-938_250_117);
    }

    @ParameterizedTest
    @EnumSource(
            value = Topology.class,
            names = {"SENTINEL", "CLUSTER"})
    void aLongerRunHasEveryFaultOfItsTopologyAndNoOther(Topology topology) {
        for (long seed = 0; seed < 100; seed++) {
            assertThat(plan(topology, Duration.ofMinutes(10), seed))
                    .as("seed %d", seed)
                    .extracting(Step::fault)
                    .containsAll(Fault.of(topology))
                    .allMatch(Fault.of(topology)::contains);
        }
    }

    @ParameterizedTest
    @EnumSource(Topology.class)
    void noTwoFaultsOfTheNetworkMeet(Topology topology) {
        for (long seed = 0; seed < 100; seed++) {
            List<Step> steps = plan(topology, Duration.ofMinutes(5), seed).stream()
                    .filter(step -> step.fault().meetsNetwork())
                    .toList();
            for (int i = 1; i < steps.size(); i++) {
                assertThat(steps.get(i).startMillis())
                        .as("seed %d: %s and %s", seed, steps.get(i - 1), steps.get(i))
                        .isGreaterThan(steps.get(i - 1).endMillis());
            }
        }
    }
}
