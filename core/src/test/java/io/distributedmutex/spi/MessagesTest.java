package io.distributedmutex.spi;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MessagesTest {

    @Test
    void anOrdinaryTextIsShownAsItIs() {
        String text = "tenant:{1} ü 🔒 \u00A0";
        assertThat(Messages.shown(text)).isSameAs(text);
    }

    @Test
    void aTextStaysOnItsLine() {
        assertThat(Messages.shown("a\r\nERROR forged\tb\0\u001B[31m\u007F\u0085\u2028\u2029🔒"))
                .isEqualTo("a\\u000D\\u000AERROR forged\\u0009b\\u0000\\u001B[31m\\u007F\\u0085\\u2028\\u2029🔒");
    }

    @Test
    void whatIsInvisibleOrTurnsTheDirectionOfWritingIsShown() {
        assertThat(Messages.shown("a\u202Eb\u200Bc\u2066d\u00ADe\uFEFF"))
                .isEqualTo("a\\u202Eb\\u200Bc\\u2066d\\u00ADe\\uFEFF");
        assertThat(Messages.shown("x\uDB40\uDC41y\uD800"))
                .as("a tag beyond the first plane, and half a character")
                .isEqualTo("x\\uDB40\\uDC41y\\uD800");
    }

    @ParameterizedTest
    @CsvSource({
        "PT0S, 0 ms",
        "PT0.0009S, 0 ms",
        "PT0.25S, 250 ms",
        "PT0.9999S, 999 ms",
        "PT1S, 1 s",
        "PT1.049S, 1 s",
        "PT1.05S, 1.1 s",
        "PT58.349S, 58.3 s",
        "PT1M, 60 s",
        "PT119.949S, 119.9 s",
        "PT119.95S, 2 min",
        "PT3M5.4S, 3 min 5 s",
        "PT1H59M59.499S, 119 min 59 s",
        "PT1H59M59.5S, 2 h",
        "PT2H5M29S, 2 h 5 min",
        "PT47H59M29S, 47 h 59 min",
        "PT48H, 2 days",
        "PT76H29M, 3 days 4 h",
        "P365D, 365 days",
        "PT2562047788015H12M55.807S, 53375995583 days 16 h",
        "PT2562047788015215H30M7.999999999S, 53375995583 days 16 h",
        "PT-1S, -1000 ms"
    })
    void aTimeIsShownAsPeopleSayIt(Duration time, String shown) {
        assertThat(Messages.about(time)).isEqualTo(shown);
    }
}
