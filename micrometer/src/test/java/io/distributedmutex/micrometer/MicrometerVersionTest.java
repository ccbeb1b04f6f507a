package io.distributedmutex.micrometer;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import org.junit.jupiter.api.Test;

/** The profile {@code deep} runs all tests with other versions of Micrometer, which it names in micrometer.expected. */
class MicrometerVersionTest {

    @Test
    void theOneOnTheClassPathIsTheOneThatIsMeant() {
        assertThat(MeterRegistry.class.getPackage().getImplementationVersion())
                .isEqualTo(System.getProperty("micrometer.expected"));
    }
}
