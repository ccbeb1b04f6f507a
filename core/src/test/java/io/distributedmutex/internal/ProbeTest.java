package io.distributedmutex.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Deadlock;
import io.distributedmutex.internal.Probe.Edge;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProbeTest {

    private static final String ID = "AZaz09-_AA";
    private static final String TOKEN = "AZaz09-_AAAAAAAAAAAAAA";

    private static Edge edge(String id, String label, String owner, String key) {
        return new Edge(id, label, owner, key, 1_500, TOKEN, 7, 3_000);
    }

    private static Edge edge(int number) {
        return edge(ID + (char) ('0' + number % 10), "label", "owner", "key" + number);
    }

    private static Probe of(Edge... edges) {
        return new Probe(false, 3, 1_795_000_000_000L, edges.length - 1, List.of(edges));
    }

    @Test
    void aProbeIsReadAsItWasWritten() {
        for (String text : List.of("", "a", "1:2|3", "\n\u0000", "\u00e9 \u6F22 \uD83D\uDD12", "x".repeat(128))) {
            Probe probe = of(edge(0), edge(ID + "z", text, text, text.isEmpty() ? "k" : text));
            assertThat(Probe.parse(probe.text())).isEqualTo(probe);
            assertThat(Probe.parse(probe.confirming(0).text())).isEqualTo(probe.confirming(0));
        }
        Probe longest = of(edge(0), edge(ID + "z", "l", "o", "k".repeat(512)));
        assertThat(Probe.parse(longest.text())).isEqualTo(longest);
    }

    @Test
    void theLongestPathFitsIntoAMessage() {
        Probe probe = of(edge(0));
        for (int i = 1; i < Probe.MAXIMUM_PATH; i++) {
            String id = String.format("%011d", i);
            probe = probe.with(edge(id, "l".repeat(128), "o".repeat(128), "k".repeat(512)));
        }
        assertThat(probe.text()).hasSizeLessThan(Probe.MAXIMUM_TEXT);
        assertThat(Probe.parse(probe.text())).isEqualTo(probe);
        assertThat(Probe.parse(probe.with(edge("01234567890", "l", "o", "k")).text()))
                .isNull();
    }

    @Test
    void namesOfThreadsAreCutToTheirBound() {
        assertThat(edge(ID + "a", "l", "t".repeat(1_000), "k").owner()).isEqualTo("t".repeat(128));
    }

    @Test
    void whatHasNoFormOfAProbeIsNone() {
        String good = of(edge(0), edge(1)).text();
        assertThat(Probe.parse(good)).isNotNull();
        for (int length = 0; length < good.length(); length++) {
            assertThat(Probe.parse(good.substring(0, length))).isNull();
        }
        assertThat(Probe.parse(good + "x")).isNull();
        assertThat(Probe.parse("probe2|" + good.substring(7)))
                .as("another version")
                .isNull();
        assertThat(Probe.parse(good + "x".repeat(Probe.MAXIMUM_TEXT))).isNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "probe1|1:0",
                "probe1|1:01:11:11:01:0",
                "probe1|-1:0",
                "probe1|+1:0",
                "probe1|0001:0",
                "probe1|99999999999:0",
                "probe1|1:9",
                "probe1|1:-",
                "probe1|1:\u0661"
            })
    void numbersAndLengthsAreChecked(String text) {
        assertThat(Probe.parse(text)).isNull();
    }

    @Test
    void aWaitStandsInAPathOnce() {
        assertThat(Probe.parse(of(edge(0), edge(0)).text())).isNull();
    }

    @Test
    void idsAndTokensAreBase64Url() {
        assertThat(Probe.parse(of(edge("AZaz09-_A.0", "l", "o", "k")).text())).isNull();
        assertThat(Probe.parse(of(edge("short", "l", "o", "k")).text())).isNull();
        Edge badToken = new Edge(ID + "a", "l", "o", "k", 1, "T".repeat(21) + "|", 1, 1);
        assertThat(Probe.parse(of(badToken).text())).isNull();
    }

    @Test
    void aPositionIsWithinThePath() {
        Probe probe = of(edge(0), edge(1));
        assertThat(Probe.parse(new Probe(true, 1, 1, 2, probe.path()).text())).isNull();
        assertThat(Probe.parse(new Probe(true, 1, 1, 0, probe.path()).text())).isNotNull();
        assertThat(Probe.parse(new Probe(false, 1, 1, 0, probe.path()).text()))
                .as("what is not confirmed is looked at from its end")
                .isNull();
    }

    /** Any text is a probe or none, and one that is can be written again. */
    @Test
    void noTextIsTooOdd() {
        Random random = new Random(1);
        String good = of(edge(0), edge(1), edge(2)).text();
        int read = 0;
        for (int i = 0; i < 20_000; i++) {
            StringBuilder odd = new StringBuilder(good);
            for (int changes = random.nextInt(3); changes >= 0; changes--) {
                int at = random.nextInt(odd.length());
                switch (random.nextInt(3)) {
                    case 0 -> odd.setCharAt(at, (char) random.nextInt(random.nextBoolean() ? 128 : 65_536));
                    case 1 -> odd.deleteCharAt(at);
                    default -> odd.insert(at, (char) ('0' + random.nextInt(11)));
                }
            }
            Probe probe = Probe.parse(odd.toString());
            if (probe != null) {
                read++;
                assertThat(Probe.parse(probe.text())).isEqualTo(probe);
                assertThat(probe.circle().toString()).doesNotContain("\n");
            }
        }
        assertThat(read).as("some of them are probes still").isPositive();
    }

    @Test
    void aCircleSaysWhoWaitsForWhatInOneLine() {
        List<Edge> edges = new ArrayList<>();
        edges.add(new Edge(ID + "a", "one\n", "main", "a", 1_500, TOKEN, 7, 3_000));
        edges.add(new Edge(ID + "b", "two", "worker", "b\u202e", 900, TOKEN, 8, 65_000));
        Deadlock circle = of(edges.toArray(Edge[]::new)).circle();
        assertThat(circle)
                .hasToString("one\\u000A (main) has waited 1.5 s for 'a', held by two (worker) for 3 s;"
                        + " two (worker) has waited 900 ms for 'b\\u202E', held by one\\u000A (main) for 65 s");
        assertThat(circle.keys()).containsExactly("a", "b\u202e");
        assertThat(circle.waits().get(1).held()).isEqualTo(Duration.ofSeconds(65));
        assertThat(IntStream.range(0, 2).mapToObj(i -> circle.waits().get(i).fencingToken()))
                .containsExactly(7L, 8L);
    }
}
