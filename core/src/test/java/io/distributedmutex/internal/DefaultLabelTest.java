package io.distributedmutex.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What an instance is called that nobody has named. */
class DefaultLabelTest {

    private static final String PID = ":" + ProcessHandle.current().pid();

    @Test
    void itIsTheHostAndTheProcess() {
        assertThat(DefaultLabel.of(null)).endsWith(PID).doesNotContain("@").hasSizeBetween(PID.length() + 1, 128);
    }

    @Test
    void anApplicationStandsBeforeThem() {
        assertThat(DefaultLabel.of("orders")).startsWith("orders@").endsWith(PID);
    }

    @Test
    void aLongApplicationIsCut() {
        assertThat(DefaultLabel.of("long".repeat(50)))
                .hasSize(128)
                .startsWith("longlong")
                .contains("@")
                .endsWith(PID);
    }

    /** Wherever the cut falls: half of a pair is no text that Redis can keep. */
    @Test
    void noCharacterIsCutInTwo() {
        IntStream.range(0, 2).forEach(first -> {
            String label = DefaultLabel.of("a".repeat(first) + "\uD83D\uDD12".repeat(100));
            String rest = label.replace("\uD83D\uDD12", "");
            assertThat(rest).startsWith("a".repeat(first) + "@");
            assertThat(label.length()).isBetween(127, 128);
        });
    }
}
