package io.distributedmutex.examples.plain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** That the examples do what they say. */
class ExamplesTest {

    private static final String[] EMBEDDED = {};

    @Test
    void eachOrderIsChargedOnce() throws Exception {
        assertThat(new NoDuplicateProcessing().run(EMBEDDED)).hasSize(20).doesNotHaveDuplicates();
    }

    @Test
    void noVisitIsLost() throws Exception {
        assertThat(CoordinatedUpdate.run(EMBEDDED)).isEqualTo(150);
    }

    @Test
    void noCallComesTooEarly() throws Exception {
        List<Long> calls = new RateLimit().run(EMBEDDED);
        assertThat(calls).hasSize(6);
        // Five periods of 500 ms; the first call may have been noted late.
        assertThat(calls.get(5) - calls.get(0))
                .as("ns from the first call to the last")
                .isGreaterThan(2_000_000_000L);
    }
}
