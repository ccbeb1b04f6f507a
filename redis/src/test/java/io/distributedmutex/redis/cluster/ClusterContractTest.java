package io.distributedmutex.redis.cluster;

import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.testkit.contract.LockStoreContract;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.cluster.RedisClusterClient;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** The store keeps the contract on a cluster of three masters, with sharded pushes and without, with the least rights. */
class ClusterContractTest {

    @Nested
    class OnTheEmbeddedServer extends ClusterContract {

        private static EmbeddedCluster started;

        OnTheEmbeddedServer() {
            super(started);
        }

        @BeforeAll
        static void start() {
            started = Clusters.withUser(EmbeddedRedis.cluster(3, 0).start());
        }

        @AfterAll
        static void stop() {
            started.close();
        }
    }

    @Nested
    @Tag("deep")
    class OnTheInstalledServer extends ClusterContract {

        private static EmbeddedCluster started;

        OnTheInstalledServer() {
            super(started);
        }

        @BeforeAll
        static void start() {
            started = Clusters.withUser(EmbeddedRedis.cluster(3, 0)
                    .executable(Clusters.installed().path())
                    .start());
        }

        @AfterAll
        static void stop() {
            started.close();
        }
    }

    @Nested
    @Tag("deep")
    class WithTheApplicationsClient extends ClusterContract {

        private static EmbeddedCluster started;
        private static RedisClusterClient client;

        WithTheApplicationsClient() {
            super(started);
        }

        @BeforeAll
        static void start() {
            started = Clusters.withUser(EmbeddedRedis.cluster(3, 0)
                    .executable(Clusters.installed().path())
                    .start());
            client = RedisClusterClient.create(started.uris().get(0));
        }

        @AfterAll
        static void stop() {
            client.shutdown();
            started.close();
        }

        @Override
        protected LockStore newStore() {
            return RedisLockStore.builder()
                    .client(client)
                    .commandTimeout(PATIENT)
                    .connect();
        }
    }

    abstract static class ClusterContract extends LockStoreContract {

        private static final String PREFIX = "lock:";

        /** The first requests of a process do much for the first time, beside other tests. */
        static final Duration PATIENT = Duration.ofSeconds(10);

        private final EmbeddedCluster redis;

        ClusterContract(EmbeddedCluster redis) {
            this.redis = redis;
        }

        @Override
        protected LockStore newStore() {
            return RedisLockStore.builder()
                    .uri(Clusters.leastUri(redis))
                    .commandTimeout(PATIENT)
                    .connect();
        }

        @Override
        protected void elapse(Duration duration) {
            long end = System.nanoTime() + duration.toNanos();
            while (System.nanoTime() - end < 0) {
                LockSupport.parkNanos(end - System.nanoTime());
            }
        }

        private EmbeddedRedis masterOf(String key) {
            return redis.masterOf(redis.slotOf(PREFIX + key));
        }

        @Override
        protected void deleteKey(String key) {
            masterOf(key).command("DEL", PREFIX + key);
        }

        @Override
        protected void loseAllData() {
            redis.nodes().forEach(node -> node.command("FLUSHALL"));
        }

        @Override
        protected void putForeignValue(String key, @Nullable Duration remaining) {
            if (remaining == null) {
                masterOf(key).command("SET", PREFIX + key, "somebody else's");
            } else {
                masterOf(key)
                        .command("SET", PREFIX + key, "somebody else's", "PX", Long.toString(remaining.toMillis()));
            }
        }

        @Override
        protected boolean putWrongType(String key) {
            masterOf(key).command("DEL", PREFIX + key);
            masterOf(key).command("HSET", PREFIX + key, "field", "value");
            return true;
        }

        @Override
        protected Set<String> leftovers() {
            Set<String> left = new TreeSet<>();
            for (EmbeddedRedis node : redis.nodes()) {
                if (node.command("KEYS", "*") instanceof List<?> keys) {
                    keys.forEach(key -> left.add(String.valueOf(key)));
                }
            }
            left.removeIf(key -> key.startsWith("dmutex:{") && key.endsWith("}:fence"));
            return left;
        }
    }
}
