package io.distributedmutex.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Texts for a terminal. */
class TextsTest {

    @Test
    void aKeyStaysOnItsLine() {
        assertThat(Texts.shown("a\nb\rc\td\u001b[31m\u2028e")).isEqualTo("a\\nb\\rc\\td\\u001B[31m\\u2028e");
        assertThat(Texts.shown("tenant:{1} \ud83d\ude00")).isEqualTo("tenant:{1} \ud83d\ude00");
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
