package io.distributedmutex.redis.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedRedisException;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisURI;
import io.lettuce.core.cluster.RedisClusterClient;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** Connecting to a cluster: what works, and what each thing that is wrong is called. */
@Timeout(180)
class ConnectingToClusterTest {

    private static EmbeddedCluster redis;
    private static EmbeddedRedis alone;

    @BeforeAll
    static void start() {
        redis = EmbeddedRedis.cluster(3, 0).password("data").start();
        alone = EmbeddedRedis.start();
    }

    @AfterAll
    static void stop() {
        redis.close();
        alone.close();
    }

    /** Whatever happened, no thread and so no connection is left. */
    @AfterEach
    void nothingIsLeftOpen() {
        Await.until(
                "no thread of a client is left",
                () -> Await.threads("dmutex-redis").isEmpty());
    }

    private static String hosts() {
        return Clusters.uri(redis).substring("redis-cluster://".length());
    }

    @Test
    void anyNodeNamesTheOthers() {
        String one =
                "redis-cluster://:data@127.0.0.1:" + redis.port(redis.nodes().get(1));
        try (DistributedMutex mutex = RedisMutex.connect(one)) {
            Set<EmbeddedRedis> masters = new HashSet<>();
            for (int i = 0; i < 30; i++) {
                try (Lease lease = mutex.acquire("k" + i)) {
                    EmbeddedRedis master = redis.masterOf(redis.slotOf("lock:k" + i));
                    assertThat(master.command("GET", "lock:k" + i)).isNotNull();
                    assertThat(lease.isValid()).isTrue();
                    masters.add(master);
                }
            }
            assertThat(masters).hasSize(3);
        }
    }

    @Test
    void severalHostsAreACluster() {
        try (DistributedMutex mutex = RedisMutex.connect("redis://:data@" + hosts())) {
            assertThat(mutex.tryAcquire("k")).isPresent();
        }
    }

    @Test
    void nodesByCode() {
        List<RedisURI> nodes = redis.uris().stream().map(RedisURI::create).toList();
        try (DistributedMutex mutex = RedisMutex.builder().nodes(nodes).connect()) {
            assertThat(mutex.tryAcquire("k")).isPresent();
        }
    }

    @Test
    void nodesOfWhichSomeAreDead() {
        try (DistributedMutex mutex = RedisMutex.connect("redis-cluster://:data@127.0.0.1:1," + hosts())) {
            assertThat(mutex.tryAcquire("k")).isPresent();
        }
    }

    /** As it seems to a process that loads its classes for longer than a handshake may last. */
    @Test
    void aNodeThatIsSilentAtFirstIsHeard() throws Exception {
        try (FaultyProxy proxy = FaultyProxy.to(redis.port(redis.nodes().get(0)))) {
            proxy.hold(FaultyProxy.Direction.TO_CLIENT);
            CompletableFuture<DistributedMutex> connecting = CompletableFuture.supplyAsync(
                    () -> RedisMutex.connect("redis-cluster://:data@127.0.0.1:" + proxy.port()), OwnThread.EACH);
            Await.until("it is tried again", () -> proxy.accepted() > 1);

            proxy.heal();

            try (DistributedMutex mutex = connecting.get(20, TimeUnit.SECONDS)) {
                assertThat(mutex.tryAcquire("k")).isPresent();
            }
        }
    }

    /** Two to each master that has our keys, none to the others. */
    @Test
    void connectionsAreFew() throws Exception {
        EmbeddedRedis master = redis.masters().get(0);
        String key = Clusters.keyOn(redis, master, "k");
        String uri = "redis-cluster://:data@" + hosts() + "?clientName=counted";
        try (DistributedMutex mutex = RedisMutex.builder()
                .uri(uri)
                .commandTimeout(Duration.ofSeconds(20))
                .connect()) {
            Await.until(
                    "those that were made for connecting have ended",
                    () -> redis.masters().stream()
                                    .mapToLong(ConnectingToClusterTest::connections)
                                    .sum()
                            == 1);
            Lease lease = mutex.acquire(key);
            try (DistributedMutex other = RedisMutex.connect("redis-cluster://:data@" + hosts())) {
                CompletableFuture<Lease> waiting = other.acquireAsync(key);
                lease.release();
                Lease theirs = waiting.get(20, TimeUnit.SECONDS);
                CompletableFuture<Lease> mine = mutex.acquireAsync(key);
                theirs.release();
                mine.get(20, TimeUnit.SECONDS).release();
            }

            assertThat(connections(master)).isLessThanOrEqualTo(2);
            assertThat(redis.masters().stream()
                            .mapToLong(ConnectingToClusterTest::connections)
                            .sum())
                    .isLessThanOrEqualTo(3);
        }
    }

    private static long connections(EmbeddedRedis node) {
        return String.valueOf(node.command("CLIENT", "LIST"))
                .lines()
                .filter(line -> line.contains(" name=counted "))
                .count();
    }

    @Test
    void allMastersAreListed() throws Exception {
        Set<String> keys = new HashSet<>();
        for (EmbeddedRedis master : redis.masters()) {
            keys.add(Clusters.keyOn(redis, master, "listed:"));
        }
        try (DistributedMutex mutex = RedisMutex.connect("redis://:data@" + hosts());
                RedisLockStore store = RedisLockStore.connect("redis://:data@" + hosts())) {
            keys.forEach(mutex::acquire);

            assertThat(store.keys("listed:*", 100).toCompletableFuture().get(20, TimeUnit.SECONDS))
                    .containsExactlyInAnyOrderElementsOf(keys);
            assertThat(store.keys("listed:*", 2).toCompletableFuture().get(20, TimeUnit.SECONDS))
                    .hasSize(2);
        }
    }

    @Test
    void aServerThatIsNoClusterIsToldApart() {
        assertThatThrownBy(() -> RedisMutex.connect("redis-cluster://127.0.0.1:" + alone.port()))
                .isInstanceOf(StoreRefusedException.class)
                .hasMessageContaining("Redis at 127.0.0.1:" + alone.port() + " is no Redis Cluster")
                .hasMessageContaining("connect to redis://host:port");
    }

    @Test
    void aNodeOfAClusterIsNoServerAlone() {
        assertThatThrownBy(() -> RedisMutex.connect(redis.uris().get(0)))
                .isInstanceOf(StoreRefusedException.class)
                .hasMessageContaining("is only a part of a Redis Cluster")
                .hasMessageContaining("connect to redis-cluster://");
    }

    @Test
    void aWrongPasswordIsRefused() {
        assertThatThrownBy(() -> RedisMutex.connect("redis-cluster://:wrong@" + hosts()))
                .isInstanceOfSatisfying(
                        StoreRefusedException.class,
                        refusal -> assertThat(refusal.reason()).isEqualTo(Reason.AUTHENTICATION))
                .hasMessageContaining("WRONGPASS");
    }

    /** Found when connecting, not by the first lock that is there. */
    @Test
    void credentialsThatOneNodeDoesNotTakeAreRefusedWithItsName() {
        EmbeddedRedis odd = redis.masters().get(2);
        for (EmbeddedRedis node : redis.nodes()) {
            node.command("ACL", "SETUSER", "app", "on", ">data", "~*", "&*", "+@all");
        }
        odd.command("ACL", "SETUSER", "app", "resetpass", ">another");

        assertThatThrownBy(() -> RedisMutex.connect("redis-cluster://app:data@127.0.0.1:"
                        + redis.port(redis.masters().get(0))))
                .isInstanceOf(StoreRefusedException.class)
                .hasMessageContaining("Redis at 127.0.0.1:" + redis.port(odd))
                .hasMessageContaining("WRONGPASS");
    }

    /** Named when connecting, not by the first slot that moves, or the first who waits. */
    @Test
    void whatTheUserLacksIsNamed() {
        String subscribe = Clusters.isSharded(redis.nodes().get(0)) ? "ssubscribe" : "subscribe";
        for (EmbeddedRedis node : redis.nodes()) {
            node.command("ACL", "SETUSER", "less", "on", ">data", "~*", "&*", "+@all", "-asking", "-" + subscribe);
        }
        assertThatThrownBy(() -> RedisMutex.connect("redis-cluster://less:data@" + hosts()))
                .isInstanceOfSatisfying(
                        StoreRefusedException.class,
                        refusal -> assertThat(refusal.reason()).isEqualTo(Reason.PERMISSION))
                .hasMessageContaining("the user lacks ")
                .hasMessageContaining("+asking")
                .hasMessageContaining("+" + subscribe);
    }

    @Test
    void slotsThatNobodyHasAreNamed() {
        EmbeddedRedis master = redis.masters().get(0);
        AtomicReference<StoreRefusedException> refusal = new AtomicReference<>();
        try {
            // A node may hear of the slot once more at any moment, from another one that had not forgotten it yet.
            Await.until("nobody has the slot, and so nobody connects", () -> {
                redis.nodes().forEach(node -> forget(node, "17"));
                try {
                    RedisMutex.connect("redis-cluster://:data@" + hosts()).close();
                    return false;
                } catch (StoreRefusedException e) {
                    refusal.set(e);
                    return true;
                }
            });
            assertThat(refusal.get())
                    .hasMessageContaining(
                            "the Redis Cluster at " + hosts() + " does not serve all slots: nobody has 17");
        } finally {
            master.command("CLUSTER", "ADDSLOTS", "17");
            Await.until(
                    "the cluster is complete",
                    () -> redis.nodes().stream()
                            .allMatch(node -> String.valueOf(node.command("CLUSTER", "INFO"))
                                    .contains("cluster_state:ok")));
        }
    }

    private static void forget(EmbeddedRedis node, String slot) {
        try {
            node.command("CLUSTER", "DELSLOTS", slot);
        } catch (EmbeddedRedisException e) {
            assertThat(e).hasMessageContaining("already unassigned");
        }
    }

    /** It is tried for 3 s, as a failover may be on; that is no silence. */
    @Test
    void nobodyIsThere() {
        try (Stalls stalls = Stalls.watchMachine()) {
            long begun = System.nanoTime();
            assertThatThrownBy(() -> RedisMutex.connect("redis-cluster://127.0.0.1:1,127.0.0.1:2"))
                    .isInstanceOf(StoreUnreachableException.class)
                    .hasMessageContaining("127.0.0.1:")
                    .hasMessageContaining("Connection refused");
            assertThat(Stalls.millisSince(begun)).isBetween(2_900L, 4_500L + stalls.allowanceMillis());
        }
    }

    @Test
    void aMasterThatIsSilentIsNamedAloneAndTheOthersServe() {
        EmbeddedRedis silent = redis.masters().get(1);
        String uri =
                "redis-cluster://:data@127.0.0.1:" + redis.port(redis.masters().get(0));
        String key = Clusters.keyOn(redis, redis.masters().get(2), "k");
        Logger logger = (Logger) LoggerFactory.getLogger(RedisLockStore.class);
        ListAppender<ILoggingEvent> lines = new ListAppender<>();
        lines.start();
        logger.addAppender(lines);
        silent.pause();
        try (DistributedMutex mutex = RedisMutex.builder()
                .uri(uri)
                .commandTimeout(Duration.ofSeconds(4))
                .connect()) {
            assertThat(lines.list)
                    .filteredOn(line -> line.getFormattedMessage().startsWith("a master of the cluster cannot be used"))
                    .singleElement()
                    .asString()
                    .contains("127.0.0.1:" + redis.port(silent));
            assertThat(mutex.tryAcquire(key)).isPresent();
        } finally {
            silent.resume();
            logger.detachAppender(lines);
        }
    }

    @Test
    void contradictionsAreNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RedisMutex.builder().uri("redis-cluster://127.0.0.1:1,127.0.0.1:2/3"))
                .withMessageContaining("database 3 of a Redis Cluster at 127.0.0.1:1, which has only 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RedisMutex.builder().uri("redis-cluster://127.0.0.1:1,,127.0.0.1:2"))
                .withMessageContaining("a host is missing beside a comma");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RedisMutex.builder().uri("redis-cluster://"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RedisMutex.builder()
                        .uri("redis-cluster://127.0.0.1:1#primary")
                        .connect());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RedisMutex.builder().nodes(List.of()))
                .withMessageContaining("none was given");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RedisMutex.builder()
                        .nodes(List.of(RedisURI.create("redis://a:1"), RedisURI.create("rediss://b:1"))))
                .withMessage(
                        "the nodes of a Redis Cluster are all reached with TLS, or none, but a:1 is without it and b:1 is"
                                + " not so");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RedisMutex.builder().nodes(List.of(RedisURI.create("redis-sentinel://a:1#primary"))))
                .withMessageContaining("a node of a Redis Cluster has a host and a port");
    }

    /** As one of a later Lettuce may be. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anApplicationsClientThatDoesNotTellItsUriIsRefusedWithWhatToDo(boolean throwing) {
        RedisClusterClient client = new Secretive(RedisURI.create(redis.uris().get(0)), throwing);
        try {
            assertThatIllegalStateException()
                    .isThrownBy(() -> RedisMutex.builder().client(client).connect())
                    .withMessageContaining("does not tell its URI")
                    .withMessageContaining("give the URIs of some nodes instead (nodes)");
        } finally {
            client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        }
    }

    private static final class Secretive extends RedisClusterClient {

        private final boolean throwing;

        /** Some versions of Lettuce ask in the constructor. */
        private final boolean isMade;

        Secretive(RedisURI uri, boolean throwing) {
            super(null, List.of(uri));
            this.throwing = throwing;
            this.isMade = true;
        }

        @Override
        protected RedisURI getFirstUri() {
            if (!isMade) {
                return super.getFirstUri();
            }
            if (throwing) {
                throw new UnsupportedOperationException("not told");
            }
            return null;
        }
    }

    @Test
    void theApplicationsClientIsNeitherChangedNorClosed() {
        RedisClusterClient client = RedisClusterClient.create(redis.uris().get(0));
        try {
            ClientOptions options = client.getOptions();
            try (DistributedMutex mutex = RedisMutex.builder().client(client).connect()) {
                assertThat(mutex.tryAcquire("k")).isPresent();
            }
            assertThat(client.getOptions()).isSameAs(options);
            assertThat(client.connect().sync().set("data", "x")).isEqualTo("OK");
        } finally {
            client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        }
    }
}
