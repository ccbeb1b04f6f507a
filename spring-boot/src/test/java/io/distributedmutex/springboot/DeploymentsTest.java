package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedSentinel;
import java.time.Duration;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.data.redis.autoconfigure.DataRedisAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** The starter goes where Boot's own connections go: here to a real cluster, and to the primary of real Sentinels. */
class DeploymentsTest {

    /** Nobody is to be replaced here, also where the machine stalls. */
    private static final Duration CALM = Duration.ofSeconds(30);

    private final ApplicationContextRunner application = new ApplicationContextRunner()
            .withConfiguration(
                    AutoConfigurations.of(DataRedisAutoConfiguration.class, DistributedMutexAutoConfiguration.class))
            .withPropertyValues("distributed-mutex.redis.command-timeout=30s");

    @Test
    void aCluster() {
        try (EmbeddedCluster redis = EmbeddedRedis.cluster(3, 0)
                .password("opensesame")
                .nodeTimeout(CALM)
                .start()) {
            String nodes = redis.nodes().stream()
                    .map(node -> node.host() + ":" + redis.port(node))
                    .collect(Collectors.joining(","));
            application
                    .withPropertyValues(
                            "spring.data.redis.cluster.nodes=" + nodes, "spring.data.redis.password=opensesame")
                    .run(context -> {
                        DistributedMutex mutex = context.getBean(DistributedMutex.class);
                        for (int i = 0; i < 10; i++) {
                            String key = "lock:k" + i;
                            try (Lease lease = mutex.acquire("k" + i)) {
                                assertThat(lease.isValid()).isTrue();
                                assertThat(redis.masterOf(redis.slotOf(key)).command("EXISTS", key))
                                        .isEqualTo(1L);
                            }
                        }
                    });
        }
    }

    @Test
    void thePrimaryOfSentinels() {
        try (EmbeddedSentinel redis = EmbeddedRedis.sentinel(1, 3)
                .password("opensesame")
                .downAfter(CALM)
                .start()) {
            String nodes = redis.sentinels().stream()
                    .map(node -> node.host() + ":" + node.port())
                    .collect(Collectors.joining(","));
            application
                    .withPropertyValues(
                            "spring.data.redis.sentinel.nodes=" + nodes,
                            "spring.data.redis.sentinel.master=" + redis.name(),
                            "spring.data.redis.password=opensesame")
                    .run(context -> {
                        try (Lease lease =
                                context.getBean(DistributedMutex.class).acquire("k")) {
                            assertThat(lease.isValid()).isTrue();
                            assertThat(redis.primary().command("EXISTS", "lock:k"))
                                    .isEqualTo(1L);
                        }
                    });
        }
    }
}
