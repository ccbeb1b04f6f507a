package io.distributedmutex.cli.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How people write durations, and read them. */
class DurationsTest {

    @ParameterizedTest
    @CsvSource({
        "500ms, PT0.5S",
        "10s, PT10S",
        "1.5s, PT1.5S",
        "0.25s, PT0.25S",
        "1.2345s, PT1.2345S",
        "PT0.0001S, PT0.0001S",
        "1m30s, PT1M30S",
        "2h, PT2H",
        "1d, PT24H",
        "1d2h3m4s5ms, PT26H3M4.005S",
        "PT10S, PT10S",
        "pt1m, PT1M",
        "' 3s ', PT3S",
        "0, PT0S",
        "0s, PT0S",
        "90m, PT1H30M"
    })
    void commonFormsAreUnderstood(String text, Duration expected) {
        assertThat(Durations.parse(text)).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "s",
                "ten seconds",
                "10 s",
                "5s1m",
                "1.5m",
                "1,5s",
                "10sec",
                "P",
                "PT",
                "1h-2m",
                "99999999999999999999s"
            })
    void anythingElseIsRefusedWithExamples(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Durations.parse(text))
                .withMessageContaining("'" + text + "'")
                .withMessageContaining("500ms, 10s, 1m30s, 2h");
    }

    @ParameterizedTest
    @CsvSource({
        "10, has no unit",
        "-5, has no unit",
        "PT-5S, is negative",
        "1.0123456789s, is not a duration",
        "9999999999999d, is too long"
    })
    void theMessageSaysWhatIsWrong(String text, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Durations.parse(text))
                .withMessageContaining("'" + text + "' " + message);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0ms",
        "430, 430ms",
        "1000, 1s",
        "43250, 43.2s",
        "60000, 1m",
        "750000, 12m30s",
        "7500000, 2h5m",
        "273600000, 3d4h",
        "86400000, 1d"
    })
    void durationsAreShownWithTheDetailThatMatters(long millis, String expected) {
        assertThat(Durations.format(Duration.ofMillis(millis))).isEqualTo(expected);
    }

    @Test
    void whatIsShownIsUnderstoodAndNotLongerThanWhatItShows() {
        Long replayed = Long.getLong("fuzz.seed");
        for (int round = 0; round < (replayed != null ? 1 : 20_000); round++) {
            long seed = replayed != null ? replayed : Long.getLong("seeds.from", 1) + round;
            SplittableRandom random = new SplittableRandom(seed);
            // Within the bound of what is read, most of them short.
            Duration duration = Duration.ofMillis(random.nextLong(8_640_000_000_000L) >> random.nextInt(40));
            Duration read = Durations.parse(Durations.format(duration));
            assertThat(read).as("-Dfuzz.seed=%d: %s", seed, duration).isLessThanOrEqualTo(duration);
            // A tenth of a second of seconds, a second of minutes, a minute of hours, an hour of days.
            Duration detail = duration.toDays() > 0
                    ? Duration.ofHours(1)
                    : duration.toHours() > 0
                            ? Duration.ofMinutes(1)
                            : duration.toMinutes() > 0 ? Duration.ofSeconds(1) : Duration.ofMillis(100);
            assertThat(duration.minus(read))
                    .as("-Dfuzz.seed=%d: %s", seed, duration)
                    .isLessThan(detail);
        }
    }
}
