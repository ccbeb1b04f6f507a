package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lettuce.core.RedisCredentials;
import io.lettuce.core.RedisURI;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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
                "redis://:s3cret@host?database=s3cret",
                "redis://user:1?s3cret&clientName=x@host",
                "redis://user:1?password=s3cret@host",
                "redis://:s3cret@host:",
                "redis://:s3cret@host:0",
                "redis://:s3cret@host:99999999999",
                "redis://:s3cret@[::1]:s3cret",
                "redis://:s3cret@:6379",
                "redis-sentinel://:s3cret@a:0,b#primary",
                "redis-sentinel://:s3cret@a,b:#primary",
                "redis-sentinel://a,b?sentinelUser=s3cret#primary",
                "redis-sentinel://a,b?sentinelPassword=#primary",
                "redis-sentinel://a,b?sentinelPassword=s3cret@x#primary",
                "redis://a?sentinelPassword=s3cret",
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
    void whatIsWrongWithAPortIsSaid() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RedisUris.parse("redis://host:0/2"))
                .withMessageContaining("the port must be a number from 1 to 65535, but is 0;");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RedisUris.parse("redis://host:65536"))
                .withMessageContaining("the port must be a number from 1 to 65535;");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RedisUris.parse("redis://host:/2"))
                .withMessageContaining("no port follows the colon behind the host;");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RedisUris.parse("redis-sentinel://a:1,b:0#primary"))
                .withMessageContaining("but is 0;");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RedisUris.parse("redis://host?database=two"))
                .withMessageContaining("the database must be a number;");
        assertThat(RedisUris.parse("redis://host:65535?database=2").getPort()).isEqualTo(65_535);
    }

    @Test
    void theSchemeMayBeInCapitals() {
        assertThat(RedisUris.parse("REDIS://host").getHost()).isEqualTo("host");
        assertThat(RedisUris.parse("Rediss://Host").isSsl()).isTrue();
        assertThat(RedisUris.parse("REDIS-SENTINEL://a#primary").getSentinels()).hasSize(1);
    }

    @Test
    void aClientNameMayHaveAnAt() {
        RedisURI uri = RedisUris.parse("redis://:s3cret@host?clientName=me@host&database=2");

        assertThat(uri.getClientName()).isEqualTo("me@host");
        assertThat(uri.getDatabase()).isEqualTo(2);
        assertThat(uri.getHost()).isEqualTo("host");
        assertThat(RedisUris.parse("redis://host?clientName=me%40host").getClientName())
                .isEqualTo("me@host");
    }

    @ParameterizedTest
    @CsvSource({
        "redis://s3cret@host,,s3cret",
        "redis://:s3cret@host,,s3cret",
        "redis://user:s3cret@host,user,s3cret",
        "redis://s3%3Acret@host,,s3:cret",
        "redis://:s3%3Acret@my_host:6380,,s3:cret",
        "redis://s3:cr:et@host,s3,cr:et",
        "redis://us%3Aer:s3%40+%25cret@host,us:er,s3@+%cret",
        "redis://user:@host,user,''",
        "redis-sentinel://s3%3Acret@a:26380#primary,,s3:cret",
        "redis-socket://s3%3Acret@/tmp/redis.sock,,s3:cret",
    })
    void userAndPasswordAreToldApartBeforeTheyAreDecoded(String uri, String user, String password) {
        RedisCredentials credentials = RedisUris.parse(uri)
                .getCredentialsProvider()
                .resolveCredentials()
                .block();

        assertThat(credentials.getUsername()).isEqualTo(user);
        assertThat(credentials.getPassword()).isEqualTo(password.toCharArray());
    }

    @Test
    void withoutThemThereAreNone() {
        for (String uri : List.of("redis://host", "redis://@host", "redis://:@host")) {
            RedisCredentials credentials = RedisUris.parse(uri)
                    .getCredentialsProvider()
                    .resolveCredentials()
                    .block();
            assertThat(credentials.hasUsername() || credentials.hasPassword())
                    .as(uri)
                    .isFalse();
        }
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
    void sentinelsMayHaveCredentialsOfTheirOwn() {
        RedisURI uri = RedisUris.parse("redis-sentinel://data@a,b?sentinelUser=u&sentinelPassword=s3%40cret+#primary");

        assertThat(uri.getSentinels()).hasSize(2).allSatisfy(sentinel -> {
            RedisCredentials credentials =
                    sentinel.getCredentialsProvider().resolveCredentials().block();
            assertThat(credentials.getUsername()).isEqualTo("u");
            assertThat(credentials.getPassword()).containsExactly("s3@cret+".toCharArray());
        });
        assertThat(uri.getCredentialsProvider().resolveCredentials().block().getPassword())
                .containsExactly("data".toCharArray());
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
