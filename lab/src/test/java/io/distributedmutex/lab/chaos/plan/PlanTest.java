package io.distributedmutex.lab.chaos.plan;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.lab.chaos.plan.Plan.Step;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The schedule of a chaos run. */
class PlanTest {

    private static List<Step> plan(Duration duration, long seed) {
        return Plan.of(new Settings(duration, seed, 4, 4, false, Sabotage.NONE)).steps();
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
                    .containsAll(Fault.mandatory());
        }
    }

    @Test
    void fiveMinutesHaveEveryKind() {
        for (long seed = 0; seed < 100; seed++) {
            assertThat(plan(Duration.ofMinutes(5), seed))
                    .as("seed %d", seed)
                    .extracting(Step::fault)
                    .containsAll(Arrays.asList(Fault.values()));
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
}
