package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class RedisMutexBuilderTest {

    private final RedisMutex.Builder builder = RedisMutex.builder();

    @Test
    void refusesNullAtOnce() {
        assertThatNullPointerException()
                .isThrownBy(() -> RedisMutex.connect(null))
                .withMessage("uri");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.uri((String) null))
                .withMessage("uri");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.uri((RedisURI) null))
                .withMessage("uri");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.client((RedisClient) null))
                .withMessage("client");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.keyPrefix(null))
                .withMessage("keyPrefix");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.commandTimeout(null))
                .withMessage("commandTimeout");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.holderLabel(null))
                .withMessage("holderLabel");
        assertThatNullPointerException().isThrownBy(() -> builder.options(null)).withMessage("options");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.listener(null))
                .withMessage("listener");
    }

    @Test
    void needsExactlyOneOfUriAndClient() {
        assertThatIllegalStateException().isThrownBy(builder::connect).withMessageContaining("neither was");

        RedisClient client = RedisClient.create("redis://localhost:1");
        try {
            builder.uri("redis://localhost:1").client(client);
            assertThatIllegalStateException().isThrownBy(builder::connect).withMessageContaining("both was");
        } finally {
            client.shutdown();
        }
    }

    @Test
    void saysWhereItLeadsWithoutCredentials() {
        assertThatIllegalStateException().isThrownBy(builder::server).withMessageContaining("neither was");
        assertThat(builder.uri("REDIS://user:opensesame@redis.example/3").server())
                .isEqualTo("redis.example:6379");
        assertThat(builder.uri("redis-sentinel://opensesame@s1,s2:26380#primary")
                        .server())
                .isEqualTo("'primary' of the Sentinels s1:26379,s2:26380");
        assertThat(builder.uri(RedisURI.create("redis-socket:///run/redis.sock"))
                        .server())
                .isEqualTo("/run/redis.sock");

        RedisClient client = RedisClient.create("redis://localhost:1");
        try {
            assertThatIllegalStateException()
                    .isThrownBy(builder.client(client)::server)
                    .withMessageContaining("both was");
            assertThat(RedisMutex.builder().client(client).server()).isEqualTo("the application's client");
        } finally {
            client.shutdown();
        }
    }

    @Test
    void sslOptionsAreForAUriWithTls() {
        assertThatNullPointerException()
                .isThrownBy(() -> builder.sslOptions(null))
                .withMessage("sslOptions");

        builder.sslOptions(SslOptions.create()).uri("redis://localhost:1");
        assertThatIllegalStateException().isThrownBy(builder::connect).withMessageContaining("the URI is without it");

        RedisClient client = RedisClient.create("redis://localhost:1");
        try {
            RedisMutex.Builder withClient =
                    RedisMutex.builder().sslOptions(SslOptions.create()).client(client);
            assertThatIllegalStateException()
                    .isThrownBy(withClient::connect)
                    .withMessageContaining("a client was given");
        } finally {
            client.shutdown();
        }
    }

    @Test
    void boundsTheCommandTimeout() {
        builder.commandTimeout(Duration.ofMillis(10)).commandTimeout(Duration.ofMinutes(1));

        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.commandTimeout(Duration.ofMillis(9)))
                .withMessageContaining("commandTimeout must be from 10 ms to 60000 ms, but is ");
        assertThatIllegalArgumentException().isThrownBy(() -> builder.commandTimeout(Duration.ofMillis(60_001)));
        assertThatIllegalArgumentException().isThrownBy(() -> builder.commandTimeout(Duration.ofSeconds(-1)));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.commandTimeout(Duration.ofSeconds(Long.MAX_VALUE)));
        builder.commandTimeout(Duration.ofNanos(10_500_000));
    }

    @Test
    void boundsPrefixAndLabel() {
        builder.keyPrefix("").keyPrefix("x".repeat(128)).holderLabel("x").holderLabel("x".repeat(128));

        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.keyPrefix("x".repeat(129)))
                .withMessageContaining("128")
                .withMessageContaining("129");
        assertThatIllegalArgumentException().isThrownBy(() -> builder.keyPrefix("\uD83D"));
        builder.keyPrefix("dmutex:").keyPrefix("{dmutex:{");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.keyPrefix("dmutex:{0}:"))
                .withMessageContaining("must not begin with dmutex:{")
                .withMessageContaining("'dmutex:{0}:'");
        assertThatIllegalArgumentException().isThrownBy(() -> builder.holderLabel(""));
        assertThatIllegalArgumentException().isThrownBy(() -> builder.holderLabel("x".repeat(129)));
        assertThatIllegalArgumentException().isThrownBy(() -> builder.holderLabel("\uDD11x"));
    }
}
