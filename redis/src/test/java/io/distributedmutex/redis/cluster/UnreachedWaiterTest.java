package io.distributedmutex.redis.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A waiter that the master of its key does not reach is passed over, and is told nothing: the next one gets the lock. */
@Timeout(120)
class UnreachedWaiterTest {

    private static final String HOLDER = "AAAAAAAAAAAholderholde";
    private static final String OTHER = "BBBBBBBBBBBwaiterwaite";
    private static final String UNREACHED = "CCCCCCCCCCCwaiterwaite";

    private final BlockingQueue<String> pushed = new LinkedBlockingQueue<>();

    /**
     * It subscribed there when that was the master, or had just been one. A push that the master publishes reaches it, though the
     * master counts nobody.
     */
    @ParameterizedTest
    @MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
    void whoIsSubscribedAtAReplicaIsToldNothing(RedisExecutable executable) throws Exception {
        try (EmbeddedCluster redis = EmbeddedRedis.cluster(2, 1)
                        .nodeTimeout(Duration.ofSeconds(15))
                        .executable(executable.path())
                        .start();
                Pair stores = new Pair(redis)) {
            EmbeddedRedis master = redis.masterOf(redis.slotOf("lock:k"));
            EmbeddedRedis replica = redis.replicasOf(master).get(0);
            boolean isSharded = Clusters.isSharded(master);
            String queue = queueOn(master);
            String name = (isSharded ? "shard-" : "nodes-") + "x".repeat(22);
            String channel =
                    "dmutex:grants:" + (isSharded ? queue.replaceAll("^dmutex:(\\{.*}):queue:.*$", "$1") : "") + name;

            RedisClient client = RedisClient.create(RedisURI.create(replica.host(), redis.port(replica)));
            try (StatefulRedisPubSubConnection<String, String> subscriber = client.connectPubSub()) {
                subscriber.addListener(new Receiver());
                if (isSharded) {
                    subscriber.async().ssubscribe(channel).get(60, TimeUnit.SECONDS);
                } else {
                    subscriber.async().subscribe(channel).get(60, TimeUnit.SECONDS);
                }
                waitedFirst(master, queue, name);
                stores.handOver();
                // What is published later comes later.
                master.command(isSharded ? "SPUBLISH" : "PUBLISH", channel, "last");
                assertThat(pushed.poll(60, TimeUnit.SECONDS)).isEqualTo("last");
            } finally {
                client.shutdown(0, 1, TimeUnit.SECONDS);
            }
        }
    }

    /** As of an instance that saw a newer node first, where this one is without sharded channels. */
    @ParameterizedTest
    @MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
    void whoCannotBeToldOnThisServerIsPassedOver(RedisExecutable executable) throws Exception {
        try (EmbeddedCluster redis = EmbeddedRedis.cluster(2, 0)
                        .executable(executable.path())
                        .start();
                Pair stores = new Pair(redis)) {
            EmbeddedRedis master = redis.masterOf(redis.slotOf("lock:k"));
            waitedFirst(master, queueOn(master), "shard-" + "x".repeat(22));
            stores.handOver();
        }
    }

    private static String queueOn(EmbeddedRedis master) {
        List<?> queues = (List<?>) master.command("KEYS", "dmutex:*:queue:lock:k");
        return String.valueOf(queues.get(0));
    }

    /** It came before all others, and lives for long; see grant.lua. */
    private static void waitedFirst(EmbeddedRedis master, String queue, String name) {
        String entry = UNREACHED + "|" + name + "|unreached";
        master.command("ZADD", queue, "0.5", entry);
        master.command("HSET", queue.replace(":queue:", ":waiters:"), entry, "9000000000000|2000");
    }

    /** One store that holds the lock, and another that waits for it. */
    private static final class Pair implements AutoCloseable {

        private final BlockingQueue<String> granted = new LinkedBlockingQueue<>();
        private final RedisLockStore holder;
        private final RedisLockStore other;

        Pair(EmbeddedCluster redis) throws Exception {
            holder = connect(redis);
            other = connect(redis);
            holder.start("holder", "A".repeat(11), events());
            other.start("other", "B".repeat(11), events());
            assertThat(acquire(holder, HOLDER, false)).isInstanceOf(AcquireReply.Granted.class);
            assertThat(acquire(other, OTHER, true)).isInstanceOf(AcquireReply.Refused.class);
        }

        private static RedisLockStore connect(EmbeddedCluster redis) {
            return RedisLockStore.builder()
                    .uri(Clusters.uri(redis))
                    .commandTimeout(Duration.ofSeconds(20))
                    .connect();
        }

        private static AcquireReply acquire(RedisLockStore store, String token, boolean queues) throws Exception {
            return store.acquire(new AcquireRequest("k", token, 60_000, queues, 2_000, 60_000, null))
                    .toCompletableFuture()
                    .get(60, TimeUnit.SECONDS);
        }

        private StoreEvents events() {
            return new StoreEvents() {
                @Override
                public void granted(String key, String token, long fencingToken, int fencingTokens) {
                    granted.add(token);
                }

                @Override
                public void message(String text) {}

                @Override
                public void reconnected() {}
            };
        }

        void handOver() throws Exception {
            assertThat(holder.release("k", HOLDER, 0).toCompletableFuture().get(60, TimeUnit.SECONDS))
                    .isEqualTo(Ownership.HELD);
            Await.until("the other waiter is granted the lock", () -> OTHER.equals(granted.peek()));
        }

        @Override
        public void close() {
            holder.close();
            other.close();
        }
    }

    private final class Receiver extends RedisPubSubAdapter<String, String> {

        @Override
        public void message(String channel, String message) {
            pushed.add(message);
        }

        @Override
        public void smessage(String channel, String message) {
            pushed.add(message);
        }
    }
}
