package io.distributedmutex.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.testing.CommandLineTool;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Every command on a Redis Cluster. */
class ClusterCommandsTest {

    private static EmbeddedCluster redis;
    private static String uri;

    @BeforeAll
    static void start() {
        redis = EmbeddedRedis.cluster(3, 0).nodeTimeout(Duration.ofSeconds(30)).start();
        uri = "redis-cluster://"
                + redis.nodes().stream()
                        .map(node -> node.host() + ":" + redis.port(node))
                        .collect(Collectors.joining(","));
    }

    @AfterAll
    static void stop() {
        redis.close();
    }

    private static CommandLineTool.Result run(String command, String... arguments) {
        return Tool.run(Tool.on(uri, command, arguments));
    }

    private static String shardOf(String key) {
        EmbeddedRedis master = redis.masterOf(redis.slotOf("lock:" + key));
        return master.host() + ":" + redis.port(master);
    }

    @Test
    void theyLookAtAllMastersAndSayWhichHasAKey() {
        try (DistributedMutex mutex = Tool.connect(uri)) {
            for (int i = 0; i < 10; i++) {
                mutex.acquire("k" + i);
            }

            CommandLineTool.Result listed = run("list", "k*");
            assertThat(listed.exitCode()).isZero();
            assertThat(listed.out().lines()).hasSize(11);
            assertThat(listed.out()).startsWith("KEY");
            for (int i = 0; i < 10; i++) {
                assertThat(listed.out()).containsPattern("k" + i + " +" + shardOf("k" + i) + " +tester");
            }
            assertThat(run("inspect", "k1").out()).contains("shard          " + shardOf("k1") + "\n");
            assertThat(run("inspect", "k1", "--json").out()).contains("\"shard\":\"" + shardOf("k1") + "\"");
            assertThat(run("release", "--force", "k1").exitCode()).isZero();
            assertThat(run("inspect", "k1").exitCode()).isEqualTo(1);
            assertThat(run("exec", "k2", "--wait", "100ms", "--", "true").exitCode())
                    .isNotZero();
            assertThat(run("exec", "free", "--", "true").exitCode()).isZero();
        }
    }
}
