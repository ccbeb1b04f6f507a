package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** {@code RedisMutexBuilderTest} has the bounds. */
class KeyPrefixTest {

    private final KeyPrefix prefix = KeyPrefix.of("lock:");
    private final KeyPrefix empty = KeyPrefix.of("");

    @Test
    void aKeyInRedisIsALockIfAPrefixAndAKeyMakeIt() {
        assertThat(prefix.keyOf("lock:a")).isEqualTo("a");
        assertThat(prefix.keyOf("lock:lock:")).isEqualTo("lock:");
        assertThat(empty.keyOf("lock:a")).isEqualTo("lock:a");
        assertThat(prefix.keyOf("lock:")).isNull();
        assertThat(prefix.keyOf("other:a")).isNull();
        assertThat(empty.keyOf("")).isNull();
    }

    @Test
    void whatIsTooLongForAKeyIsNoLock() {
        assertThat(prefix.keyOf("lock:" + "k".repeat(512))).hasSize(512);
        assertThat(prefix.keyOf("lock:" + "k".repeat(513))).isNull();
    }

    @Test
    void companionsAreNeverLocks() {
        assertThat(empty.keyOf("dmutex:{bar}:fence")).isNull();
        assertThat(empty.isReserved("dmutex:{bar}:fence")).isTrue();
        assertThat(KeyPrefix.of("dmutex:").isReserved("{bar}:fence")).isTrue();
        assertThat(KeyPrefix.of("dmutex:").isReserved("bar")).isFalse();
        assertThat(prefix.isReserved("dmutex:{bar}:fence")).isFalse();
        assertThat(prefix.keyOf("lock:dmutex:{bar}:fence")).isEqualTo("dmutex:{bar}:fence");
    }
}
