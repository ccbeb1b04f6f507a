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
        for (int i = 1; i < calls.size(); i++) {
            // A call is noted a moment after its grant, and that moment differs.
            assertThat(calls.get(i) - calls.get(i - 1))
                    .as("ns before call %s", i + 1)
                    .isGreaterThan(400_000_000L);
        }
    }
}
