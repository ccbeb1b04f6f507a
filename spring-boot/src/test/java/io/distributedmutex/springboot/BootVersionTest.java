package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.springframework.boot.SpringBootVersion;

/** The tests run on the Boot that they are said to run on. */
class BootVersionTest {

    @Test
    void itIsTheExpectedOne() {
        assertThat(SpringBootVersion.getVersion()).isEqualTo(System.getProperty("boot.expected"));
    }
}
