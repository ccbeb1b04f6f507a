package io.distributedmutex.cli.console;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FailuresTest {

    @Test
    void passwordsInUrisAreReplaced() {
        assertThat(Failures.withoutPasswords("at redis://user:secret@host:1/0, 'rediss://:p@ss@h'"))
                .isEqualTo("at redis://***@host:1/0, 'rediss://***@h'");
        assertThat(Failures.withoutPasswords("use redis://[[user]:password@]host[:port]"))
                .isEqualTo("use redis://[[user]:password@]host[:port]");
    }
}
