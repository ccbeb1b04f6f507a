package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class KeySearchTest {

    @Test
    void aPrefixIsTakenLiterally() {
        assertThat(KeySearch.escape("lock:")).isEqualTo("lock:");
        assertThat(KeySearch.escape("a*b?c[d]e\\f^g-h")).isEqualTo("a\\*b\\?c\\[d\\]e\\\\f\\^g\\-h");
    }
}
