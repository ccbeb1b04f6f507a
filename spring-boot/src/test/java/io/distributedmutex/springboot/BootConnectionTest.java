package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.redis.RedisMutex;
import io.lettuce.core.RedisCredentials;
import io.lettuce.core.RedisURI;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails.Node;
import org.springframework.boot.ssl.SslBundle;

/** Where the connection details of Boot lead. */
class BootConnectionTest {

    /** With a password; each test says what there is. */
    private static class Details implements DataRedisConnectionDetails {
        private final @Nullable String username;
        private final boolean tls;

        Details(@Nullable String username, boolean tls) {
            this.username = username;
            this.tls = tls;
        }

        @Override
        public @Nullable String getUsername() {
            return username;
        }

        @Override
        public String getPassword() {
            return "opensesame";
        }

        @Override
        public @Nullable SslBundle getSslBundle() {
            return tls ? SslBundle.systemDefault() : null;
        }
    }

    @Test
    void aSingleServerWithItsDatabaseAndUser() {
        RedisServer server = new BootConnection(new Details("locks", false) {
                    @Override
                    public Standalone getStandalone() {
                        return Standalone.of("redis.example", 6380, 3);
                    }
                })
                .server();

        assertThat(place(server)).isEqualTo("redis.example:6380");
        assertThat(server.ssl()).isNull();
        assertThat(server.uri().getDatabase()).isEqualTo(3);
        assertThat(server.uri().isSsl()).isFalse();
        assertThat(credentials(server.uri())).isEqualTo("locks:opensesame");
    }

    @Test
    void aPasswordWithoutAUserIsThatOfTheDefaultUser() {
        RedisServer server = new BootConnection(new Details(null, false) {
                    @Override
                    public Standalone getStandalone() {
                        return Standalone.of("redis.example", 6379);
                    }
                })
                .server();

        assertThat(credentials(server.uri())).isEqualTo("null:opensesame");
    }

    @Test
    void sentinelsWithPasswordsOfTheirOwnAndTls() {
        RedisServer server = new BootConnection(new Details(null, true) {
                    @Override
                    public Standalone getStandalone() {
                        return Standalone.of("unused", 1);
                    }

                    @Override
                    public Sentinel getSentinel() {
                        return new Sentinels();
                    }
                })
                .server();

        assertThat(place(server)).isEqualTo("'primary' of the Sentinels s1:26379,s2:26380");
        assertThat(server.uri().getDatabase()).isEqualTo(2);
        assertThat(credentials(server.uri())).isEqualTo("null:opensesame");
        assertThat(server.uri().isSsl()).isTrue();
        assertThat(server.ssl()).isNotNull();
        assertThat(server.uri().getSentinels()).hasSize(2).allSatisfy(sentinel -> {
            assertThat(credentials(sentinel)).isEqualTo("watcher:look");
            assertThat(sentinel.isSsl()).isTrue();
        });
    }

    private static final class Sentinels implements DataRedisConnectionDetails.Sentinel {
        @Override
        public int getDatabase() {
            return 2;
        }

        @Override
        public String getMaster() {
            return "primary";
        }

        @Override
        public List<Node> getNodes() {
            return List.of(new Node("s1", 26379), new Node("s2", 26380));
        }

        @Override
        public String getUsername() {
            return "watcher";
        }

        @Override
        public String getPassword() {
            return "look";
        }
    }

    @Test
    void theNodesOfAClusterWithTls() {
        RedisServer server = new BootConnection(new Details("locks", true) {
                    @Override
                    public Cluster getCluster() {
                        return () -> List.of(new Node("c1", 7000), new Node("c2", 7001));
                    }
                })
                .server();

        assertThat(place(server)).isEqualTo("the Redis Cluster at c1:7000,c2:7001");
        assertThat(server.nodes()).hasSize(2).allSatisfy(node -> {
            assertThat(credentials(node)).isEqualTo("locks:opensesame");
            assertThat(node.isSsl()).isTrue();
        });
    }

    @Test
    void detailsThatNameNothingAreRefused() {
        assertThatThrownBy(() -> new BootConnection(new DataRedisConnectionDetails() {}).server())
                .isInstanceOf(MutexStartException.class)
                .hasMessageContaining("name no server");
    }

    @Test
    void withoutDetailsAndUriItIsTheRedisOfThisMachine() {
        assertThat(chosen(null)).isEqualTo("localhost:6379");
        assertThat(chosen("rediss://redis.example:6380")).isEqualTo("redis.example:6380");
        assertThat(chosen("REDIS://redis.example")).isEqualTo("redis.example:6379");
    }

    private static String chosen(@Nullable String uri) {
        RedisMutex.Builder builder = RedisMutex.builder();
        RedisServer.choose(
                new DistributedMutexProperties.Redis(uri, false, "lock:", Duration.ofSeconds(2), true), null, builder);
        return builder.server();
    }

    private static String place(RedisServer server) {
        RedisMutex.Builder builder = RedisMutex.builder();
        server.giveTo(builder);
        return builder.server();
    }

    private static String credentials(RedisURI uri) {
        RedisCredentials found =
                uri.getCredentialsProvider().resolveCredentials().block();
        return found.getUsername() + ":" + new String(found.getPassword());
    }
}
