package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.lettuce.core.DriverInfo;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.SslVerifyMode;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The versions of Lettuce. That they work is tested in profile deep. */
class LettuceTest {

    @ParameterizedTest
    @ValueSource(strings = {"5.3", "6.5", "6.1.10.RELEASE"})
    void oneThatIsTooOldIsRefusedAndTheLeastVersionNamed(String version) {
        assertThatIllegalStateException()
                .isThrownBy(() -> Lettuce.checkVersion(version))
                .withMessageContaining("Lettuce " + version)
                .withMessageContaining("6.6 or later is needed");
    }

    @ParameterizedTest
    @NullSource
    @ValueSource(strings = {"6.6", "6.8.2.RELEASE", "7.0", "7.7", "10.1", "", "unknown"})
    void anyOtherIsNot(String version) {
        Lettuce.checkVersion(version);
    }

    @Test
    void theOneThatIsHereIsNot() {
        Lettuce.checkVersion();
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void silentConnectionsAreProbedAtOurTimes() {
        assertThat(Lettuce.withKeepAlive(SocketOptions.builder()).build())
                .extracting("extendedKeepAlive")
                .isEqualTo(true);
    }

    @Test
    void ofTwoThatDoNotGoTogetherTheErrorNamesTheMissing() {
        assertThat(Lettuce.doesNotFit(new NoClassDefFoundError("io/netty/channel/MultiThreadIoEventLoopGroup")))
                .hasMessageContaining("io/netty/channel/MultiThreadIoEventLoopGroup")
                .hasMessageContaining("Lettuce 7 needs Netty 4.2");
    }

    /** Of everything that a URI may have, whichever Lettuce it is from. */
    @Test
    void theCopyOfAUriIsWhole() {
        RedisURI sentinel = RedisURI.builder()
                .withHost("a")
                .withPort(26380)
                .withPassword("of a Sentinel".toCharArray())
                .build();
        RedisURI source = RedisURI.builder()
                .withSentinelMasterId("primary")
                .withSentinel(sentinel)
                .withAuthentication("user", "s3cret".toCharArray())
                .withDatabase(3)
                .withClientName("client")
                .withLibraryName("library")
                .withLibraryVersion("1.2")
                .withSsl(true)
                .withStartTls(true)
                .withVerifyPeer(SslVerifyMode.CA)
                .build();
        source.setDriverInfo(DriverInfo.builder()
                .name("driver")
                .addUpstreamDriver("spring-data-redis", "4.1.2")
                .build());

        RedisURI copy = OwnClient.copy(source, Duration.ofMillis(1234));

        assertThat(copy)
                .usingRecursiveComparison()
                .ignoringFields("timeout", "sentinels", "driverInfo")
                .isEqualTo(source);
        assertThat(copy.getLibraryName()).isEqualTo(source.getLibraryName());
        assertThat(copy.getTimeout()).isEqualTo(Duration.ofMillis(1234));
        assertThat(copy.getSentinels()).hasSize(1);
        assertThat(copy.getSentinels().get(0))
                .usingRecursiveComparison()
                .ignoringFields("timeout")
                .isEqualTo(sentinel);
        assertThat(copy.getSentinels().get(0)).isNotSameAs(sentinel);
        assertThat(copy.getSentinels().get(0).getTimeout()).isEqualTo(Duration.ofMillis(1234));
        RedisURI socket = RedisURI.create("redis-socket:///tmp/redis.sock");
        assertThat(OwnClient.copy(socket, Duration.ofSeconds(1)).getSocket()).isEqualTo("/tmp/redis.sock");
    }
}
