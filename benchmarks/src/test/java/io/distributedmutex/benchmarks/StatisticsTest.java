package io.distributedmutex.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class StatisticsTest {

    private static final Offset<Double> NEARLY = Offset.offset(1e-9);

    @Test
    void theMedianIsTheMiddleOrBetweenTheTwoInTheMiddle() {
        assertThat(Statistics.median(List.of(5.0, 1.0, 3.0))).isEqualTo(3);
        assertThat(Statistics.median(List.of(4.0, 1.0, 3.0, 2.0))).isEqualTo(2.5);
        assertThat(Statistics.median(List.of())).isNaN();
    }

    @Test
    void fairnessIsOneForEqualSharesAndOneOfManyIfOneGotAll() {
        assertThat(Statistics.jain(List.of(7L, 7L, 7L, 7L))).isCloseTo(1, NEARLY);
        assertThat(Statistics.jain(List.of(28L, 0L, 0L, 0L))).isCloseTo(0.25, NEARLY);
        assertThat(Statistics.jain(List.of(0L, 0L))).isZero();
    }

    @Test
    void inversionsAreTheShareOfPairsOutOfOrder() {
        assertThat(Statistics.inversions(List.of(1L, 2L, 3L))).isZero();
        assertThat(Statistics.inversions(List.of(3L, 2L, 1L))).isCloseTo(1, NEARLY);
        assertThat(Statistics.inversions(List.of(1L, 3L, 2L))).isCloseTo(1 / 3.0, NEARLY);
    }
}
