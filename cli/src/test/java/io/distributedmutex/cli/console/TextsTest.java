package io.distributedmutex.cli.console;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Texts for a terminal. */
class TextsTest {

    @Test
    void aKeyStaysOnItsLine() {
        assertThat(Texts.shown("a\nb\rc\td\u001b[31m\u2028e")).isEqualTo("a\\nb\\rc\\td\\u001B[31m\\u2028e");
        assertThat(Texts.shown("tenant:{1} \ud83d\ude00")).isEqualTo("tenant:{1} \ud83d\ude00");
    }

    @Test
    void whatIsInvisibleOrTurnsTheDirectionOfWritingIsShown() {
        assertThat(Texts.shown("a\u202Eb\u200Bc\u2066d\u00ADe\uFEFF"))
                .isEqualTo("a\\u202Eb\\u200Bc\\u2066d\\u00ADe\\uFEFF");
        assertThat(Texts.shown("x\uDB40\uDC41y\uD800"))
                .as("a tag beyond the first plane, and half a character")
                .isEqualTo("x\\uDB40\\uDC41y\\uD800");
    }

    @ParameterizedTest
    @CsvSource({
        "PT0S, 0 ms",
        "PT0.25S, 250 ms",
        "PT0.999999S, 999 ms",
        "PT1S, 1 s",
        "PT58.35S, 58.3 s",
        "PT1M59.95S, 119.9 s",
        "PT2M, 2 min",
        "PT3M5S, 3 min 5 s",
        "PT2H5M30S, 2 h 5 min",
        "PT76H, 3 d 4 h"
    })
    void durationsForPeopleAreOfOneStyle(Duration duration, String shown) {
        assertThat(Texts.duration(duration)).isEqualTo(shown);
    }

    @Test
    void passwordsInUrisAreReplaced() {
        assertThat(Texts.withoutPasswords("at redis://user:secret@host:1/0, 'rediss://:p@ss@h'"))
                .isEqualTo("at redis://***@host:1/0, 'rediss://***@h'");
        assertThat(Texts.withoutPasswords("use redis://[[user]:password@]host[:port]"))
                .isEqualTo("use redis://[[user]:password@]host[:port]");
    }

    @Test
    void columnsAreAlignedByCharactersNotBytes() {
        assertThat(Table.of(List.of(List.of("K", "V"), List.of("\ud83d\ude00\u00fc", "1"), List.of("abc", "22"))))
                .isEqualTo("K    V\n\ud83d\ude00\u00fc   1\nabc  22\n");
    }
}
