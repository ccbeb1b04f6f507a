package io.distributedmutex.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a store may rely on. */
class AcquireRequestTest {

    @Test
    void timesOfOneMillisecondAreTheShortest() {
        AcquireRequest shortest = new AcquireRequest("k", "token", 1, true, 1, 1, null);
        assertThat(shortest.leaseMillis() + shortest.claimMillis() + shortest.aliveMillis())
                .isEqualTo(3);
    }

    @ParameterizedTest
    @CsvSource({"0, 1, 1", "1, 0, 1", "1, 1, 0"})
    void shorterTimesAreRefused(long leaseMillis, long claimMillis, long aliveMillis) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new AcquireRequest("k", "token", leaseMillis, true, claimMillis, aliveMillis, null))
                .withMessage("times must be at least 1 ms, but lease is " + leaseMillis + ", claim is " + claimMillis
                        + ", alive is " + aliveMillis);
    }
}
