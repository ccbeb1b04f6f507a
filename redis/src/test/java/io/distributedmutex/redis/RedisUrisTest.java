package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lettuce.core.RedisURI;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RedisUrisTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "redis://user:s3cret@",
                "redis://:s3cret@host:port",
                "redis://:s3cret@ho_st:99999",
                "redis://:s3cret@ho_st:s3cret",
                "redis://:s3cret@host/notanumber",
                "redis://:s3cret with spaces@host",
                "redis://:s3cret%zz@host",
                "http://:s3cret@host",
                "s3cret@host",
                "redis:s3cret",
                "redis://:1#s3cret@host",
                "redis://user:1?s3cret@host",
                "redis://user:1/s3cret@host",
                "s3cret",
                "redis://:s3cret@ho[st",
                "redis-sentinel://:s3cret@host:26379",
                "redis://:s3cret@host?verifyPeer=s3cret",
                ""
            })
    void aBadUriIsRefusedWithoutShowingThePassword(String uri) {
        IllegalArgumentException refused =
                catchThrowableOfType(IllegalArgumentException.class, () -> RedisUris.parse(uri));

        assertThat(refused).isNotNull();
        StringWriter everything = new StringWriter();
        refused.printStackTrace(new PrintWriter(everything, true));
        assertThat(everything.toString()).doesNotContain("s3cret").contains("redis://[[user]:password@]host");
    }

    @Test
    void aServerIsDescribedWithoutCredentials() {
        assertThat(RedisUris.describe(RedisUris.parse("redis://user:s3cret@localhost:6380/2")))
                .isEqualTo("localhost:6380");
        assertThat(RedisUris.describe(RedisUris.parse("rediss://:s3cret@cache.example.com")))
                .isEqualTo("cache.example.com:6379");
        assertThat(RedisUris.describe(RedisUris.parse("redis-sentinel://:s3cret@a,b:26380#primary")))
                .isEqualTo("'primary' of the Sentinels a:26379,b:26380");
        assertThat(RedisUris.describe(RedisUris.parse("redis-socket:///tmp/redis.sock")))
                .isEqualTo("/tmp/redis.sock");
    }

    @Test
    void aHostNameMayHaveAnUnderscore() {
        RedisURI uri = RedisUris.parse("redis://:s3cret@my_redis:6380/2");

        assertThat(uri.getHost()).isEqualTo("my_redis");
        assertThat(uri.getPort()).isEqualTo(6380);
        assertThat(RedisUris.parse("redis://my_redis").getPort()).isEqualTo(6379);
        assertThat(RedisUris.parse("redis://[::1]:6380").getPort()).isEqualTo(6380);
    }

    @Test
    void aGoodUriKeepsItsParts() {
        RedisURI uri = RedisUris.parse("rediss://user:s3cret@localhost:6380/2");

        assertThat(uri.isSsl()).isTrue();
        assertThat(uri.getDatabase()).isEqualTo(2);
        assertThat(uri.getPort()).isEqualTo(6380);
    }
}
