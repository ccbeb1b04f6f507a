package io.distributedmutex.testkit.junit;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.platform.engine.TestEngine;

/** All tests run on the oldest JUnit, and in the profile {@code deep} on the newest as well: here is seen that they do. */
class JUnitVersionTest {

    @Test
    void runsOnTheVersionThatIsMeant() {
        String expected = System.getProperty("junit.expected", "5.12.");
        assertThat(Test.class.getPackage().getImplementationVersion()).startsWith(expected);
        // The platform counts anew with 6.
        assertThat(TestEngine.class.getPackage().getImplementationVersion())
                .startsWith(expected.replaceFirst("^5", "1"));
    }
}
