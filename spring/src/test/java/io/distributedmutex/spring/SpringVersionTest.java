package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.springframework.core.SpringVersion;

class SpringVersionTest {

    @Test
    void theTestsRunOnTheVersionThatTheyAreMeantToRunOn() {
        assertThat(SpringVersion.getVersion()).startsWith(System.getProperty("spring.expected", "7.0."));
    }
}
