package io.distributedmutex.cli.console;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class TableTest {

    @Test
    void columnsAreAlignedByCharactersNotBytes() {
        assertThat(Table.of(List.of(List.of("K", "V"), List.of("\ud83d\ude00\u00fc", "1"), List.of("abc", "22"))))
                .isEqualTo("K    V\n\ud83d\ude00\u00fc   1\nabc  22\n");
    }
}
