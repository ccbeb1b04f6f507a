package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ServerVersionTest {

    @Test
    void isReadFromWhereRedisAndValkeySayIt() {
        assertThat(ServerVersion.parse("# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:00000000\r\n"))
                .isEqualTo(new ServerVersion(7, 0, "7.0.15"));
        assertThat(ServerVersion.parse(
                        "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n"))
                .isEqualTo(new ServerVersion(7, 2, "7.2.4"));
        assertThat(ServerVersion.parse("redis_version:255.255.255"))
                .isEqualTo(new ServerVersion(255, 255, "255.255.255"));
    }

    @Test
    void isNullWhereItIsNotSaid() {
        assertThat(ServerVersion.parse("")).isNull();
        assertThat(ServerVersion.parse("redis_version:nonsense")).isNull();
        assertThat(ServerVersion.parse("OK")).isNull();
    }

    @Test
    void isComparedNumberByNumber() {
        assertThat(ServerVersion.parse("redis_version:6.0.16").isOlderThan(6, 2))
                .isTrue();
        assertThat(ServerVersion.parse("redis_version:5.10.0").isOlderThan(6, 2))
                .isTrue();
        assertThat(ServerVersion.parse("redis_version:6.2.0").isOlderThan(6, 2)).isFalse();
        assertThat(ServerVersion.parse("redis_version:6.10.0").isOlderThan(6, 2))
                .isFalse();
        assertThat(ServerVersion.parse("redis_version:7.0.0").isOlderThan(6, 2)).isFalse();
        assertThat(ServerVersion.parse("redis_version:10.0.0").isOlderThan(6, 2))
                .isFalse();
    }
}
