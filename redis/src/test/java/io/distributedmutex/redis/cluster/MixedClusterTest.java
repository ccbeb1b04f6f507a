package io.distributedmutex.redis.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.StoreException;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.redis.live.Contenders;
import io.distributedmutex.redis.live.Holds;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A cluster half way through an upgrade: two masters of Redis 6.2, which has no sharded channels, one of an installed server that
 * has, and replicas of the latter. Instances that saw an old node first and others that saw a new one wait for the same keys. A
 * poll would come after half a minute, so whoever misses a push is noticed.
 */
@Timeout(120)
@Tag("deep")
@LeavesNothing(warnings = Contenders.WARNINGS)
class MixedClusterTest {

    private static final long POLL_MILLIS = 30_000;

    private static final LockOptions PATIENT = LockOptions.builder()
            .leaseTime(Duration.ofSeconds(6))
            .waitTime(Duration.ofSeconds(60))
            .retryInterval(Duration.ofMillis(POLL_MILLIS))
            .autoRenew(Duration.ofMinutes(5))
            .build();

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private final List<DistributedMutex> mutexes = new ArrayList<>();

    /** A key of each master. */
    private final Map<EmbeddedRedis, String> keys = new LinkedHashMap<>();

    private EmbeddedCluster redis;

    @BeforeEach
    void start() {
        Path old = EmbeddedRedis.executables().get(0).path();
        RedisExecutable installed = Clusters.installed();
        Path current = installed.path();
        assumeTrue(!current.equals(old), "no server but the embedded one is there");
        redis = EmbeddedRedis.cluster(3, 1)
                .config("cluster-require-full-coverage", "no")
                .executables(List.of(old, current, old, current, current, current))
                .start();
        for (EmbeddedRedis master : redis.masters()) {
            keys.put(master, Clusters.keyOn(redis, master, "k"));
        }
    }

    @AfterEach
    void stop() {
        mutexes.forEach(DistributedMutex::close);
        redis.close();
    }

    private EmbeddedRedis oldMaster() {
        return redis.nodes().get(0);
    }

    /** Of two pairs of instances, one finds the cluster by an old node, the other by a new one. */
    private List<DistributedMutex> connectAll() {
        List<EmbeddedRedis> nodes = new ArrayList<>(redis.nodes());
        for (int i = 0; i < 4; i++) {
            Collections.rotate(nodes, 1);
            mutexes.add(RedisMutex.builder()
                    .uri("redis-cluster://" + nodes.get(0).host() + ":"
                            + nodes.get(0).port() + "," + nodes.get(1).host() + ":"
                            + nodes.get(1).port())
                    .options(PATIENT)
                    .connect());
        }
        return mutexes;
    }

    /** It takes that node for one that has sharded channels, and waits under such a name, until the node refuses the channel. */
    @Test
    void whoSawANewNodeAndFirstWaitsAtAnOldOneIsTold() throws Exception {
        EmbeddedRedis current = redis.nodes().get(1);
        DistributedMutex waiter = RedisMutex.builder()
                .uri("redis-cluster://" + current.host() + ":" + current.port())
                .options(PATIENT)
                .connect();
        DistributedMutex holder = connectAll().get(0);
        mutexes.add(waiter);
        for (String key : keys.values()) {
            Lease lease = holder.acquire(key);
            CompletableFuture<Lease> waiting = waiter.acquireAsync(key);
            Await.until("it waits", () -> holder.inspect(key).orElseThrow().waiters() == 1);
            assertThat(lease.release()).isTrue();
            assertThat(waiting.get(POLL_MILLIS / 6, TimeUnit.MILLISECONDS).release())
                    .isTrue();
        }
    }

    @Test
    void waitersOfEachShardAreToldWhicheverNodeTheirInstanceSawFirst() throws Exception {
        Load load = new Load(connectAll());
        load.awaitHolds(100);
        load.end();
        load.print("at rest");
        load.assertSound(0, 1_000);
    }

    /** As an upgrade does it: the new replica takes over, and the old master is switched off. */
    @Test
    void anOldMasterHandsOverToANewReplicaUnderLoad() throws Exception {
        Load load = new Load(connectAll());
        load.awaitHolds(20);
        EmbeddedRedis old = oldMaster();
        redis.failOver(redis.replicasOf(old).get(0));
        old.kill();
        load.awaitHolds(50);
        load.end();
        load.print("by plan");
        load.assertSound(0, 6_000);
    }

    @Test
    void anOldMasterIsKilledAndANewReplicaTakesItsPlaceUnderLoad() throws Exception {
        Load load = new Load(connectAll());
        load.awaitHolds(20);
        EmbeddedRedis old = oldMaster();
        redis.killMaster(old);
        load.awaitHolds(50);
        load.end();
        load.print("by kill");
        load.assertSound(1_000, 6_000);
        load.assertOthersDidNotNotice(old);
    }

    /** Each instance takes each key, again and again. */
    private final class Load {

        private final Map<String, Holds> holds = new LinkedHashMap<>();
        private final AtomicBoolean over = new AtomicBoolean();
        private final List<CompletableFuture<Void>> contenders = new ArrayList<>();

        Load(List<DistributedMutex> instances) {
            for (String key : keys.values()) {
                Holds ofKey = new Holds();
                holds.put(key, ofKey);
                for (DistributedMutex mutex : instances) {
                    contenders.add(CompletableFuture.runAsync(() -> contend(mutex, key, ofKey), OwnThread.EACH));
                }
            }
        }

        private void contend(DistributedMutex mutex, String key, Holds ofKey) {
            while (!over.get()) {
                try (Lease lease = mutex.acquire(key)) {
                    long granted = System.nanoTime();
                    Await.pass(Duration.ofMillis(2));
                    if (lease.isValid()) {
                        ofKey.add(lease.fencingToken(), granted);
                    }
                } catch (StoreException e) {
                    // The next attempt says whether that was the failover.
                    Await.pass(Duration.ofMillis(10));
                }
            }
        }

        /** So many more of each key. */
        void awaitHolds(int more) {
            Map<Holds, Integer> before = new LinkedHashMap<>();
            holds.values().forEach(each -> before.put(each, each.count()));
            Await.until(
                    "each key is handed on",
                    () -> before.entrySet().stream()
                            .allMatch(each -> each.getKey().count() >= each.getValue() + more));
        }

        void end() throws Exception {
            over.set(true);
            for (CompletableFuture<Void> contender : contenders) {
                contender.get(60, TimeUnit.SECONDS);
            }
        }

        void print(String name) {
            holds.forEach((key, ofKey) -> System.out.println("figures: " + name + ": " + key + ": " + ofKey));
        }

        /** Those of other masters. */
        void assertOthersDidNotNotice(EmbeddedRedis lost) {
            holds.forEach((key, ofKey) -> {
                if (!key.equals(keys.get(lost))) {
                    assertThat(ofKey.longestGapMillis()).isLessThan(1_000 + stalls.allowanceMillis());
                }
            });
        }

        void assertSound(long mostOverlapMillis, long longestGapMillis) {
            for (Holds ofKey : holds.values()) {
                ofKey.assertTokensRise(stalls.allowanceMillis());
                assertThat(ofKey.overlapMillis()).isLessThanOrEqualTo(mostOverlapMillis);
                assertThat(ofKey.longestGapMillis()).isLessThan(longestGapMillis + stalls.allowanceMillis());
            }
        }
    }
}
