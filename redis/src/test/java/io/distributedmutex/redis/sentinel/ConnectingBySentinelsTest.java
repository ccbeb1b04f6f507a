package io.distributedmutex.redis.sentinel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedSentinel;
import io.lettuce.core.RedisURI;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Connecting where Sentinels name the primary: what works, and what each thing that is wrong is called. */
@Timeout(180)
class ConnectingBySentinelsTest {

    private static EmbeddedSentinel redis;

    @BeforeAll
    static void start() {
        redis = EmbeddedRedis.sentinel(1, 3)
                .downAfter(Duration.ofMillis(500))
                .password("data")
                .sentinelPassword("watch")
                .start();
    }

    @AfterAll
    static void stop() {
        redis.close();
    }

    /** Whatever happened, no thread and so no connection is left. */
    @AfterEach
    void nothingIsLeftOpen() {
        Await.until(
                "no thread of a client is left",
                () -> Await.threads("dmutex-redis").isEmpty());
    }

    private static RedisURI.Builder uri(String name) {
        return RedisURI.Builder.sentinel("127.0.0.1", 1, name).withPassword("data".toCharArray());
    }

    private static RedisURI.Builder withSentinels(RedisURI.Builder uri, String password) {
        redis.sentinels().forEach(sentinel -> uri.withSentinel(sentinel.host(), sentinel.port(), password));
        return uri;
    }

    private static DistributedMutex connect(RedisURI.Builder uri) {
        return RedisMutex.builder().uri(uri.build()).connect();
    }

    /** The first of its Sentinels, on port 1, is dead throughout. */
    @Test
    void takesSentinelsWithAPasswordOfTheirOwnOfWhichSomeAreDead() {
        try (DistributedMutex mutex = connect(withSentinels(uri(redis.name()), "watch"))) {
            mutex.acquire("k").close();

            assertThat(redis.primary().command("CLIENT", "LIST")).asString().contains("cmd=subscribe");
        }
    }

    @Test
    void takesThePasswordOfTheSentinelsFromTheUri() {
        try (DistributedMutex mutex = RedisMutex.connect(redis.uri())) {
            mutex.acquire("k").close();
        }
    }

    @Test
    void aNameThatNoSentinelKnowsIsNamedWithThoseTheyKnow() {
        assertThatThrownBy(() -> connect(withSentinels(uri("mymaster"), "watch")))
                .isInstanceOf(StoreRefusedException.class)
                .hasMessageContaining(
                        "could not connect to Redis at 'mymaster' of the Sentinels 127.0.0.1:1,127.0.0.1:")
                .hasMessageContaining("they know no primary 'mymaster'; they know 'primary'");
    }

    @Test
    void aWrongPasswordOfTheSentinelsIsSaidOfTheSentinels() {
        assertThatThrownBy(() -> connect(withSentinels(uri(redis.name()), "wrong")))
                .isInstanceOfSatisfying(
                        StoreRefusedException.class,
                        refusal -> assertThat(refusal.reason()).isEqualTo(Reason.AUTHENTICATION))
                .hasMessageContaining("no Sentinel says where the primary is: 127.0.0.1:1: ")
                .hasMessageContaining("WRONGPASS")
                .hasMessageNotContaining("wrong");
    }

    @Test
    void aWrongPasswordOfThePrimaryIsRefused() {
        RedisURI.Builder uri = withSentinels(
                RedisURI.Builder.sentinel("127.0.0.1", 1, redis.name()).withPassword("wrong".toCharArray()), "watch");
        assertThatThrownBy(() -> connect(uri))
                .isInstanceOf(StoreRefusedException.class)
                .hasMessageContaining("WRONGPASS");
    }

    @Test
    void sentinelsThatAreAllDeadAreAllNamed() {
        String uri = "redis-sentinel://127.0.0.1:1,127.0.0.1:2#primary";
        assertThatThrownBy(() -> RedisMutex.connect(uri))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContaining("127.0.0.1:1: ")
                .hasMessageContaining("127.0.0.1:2: ")
                .hasMessageContaining("Connection refused");
    }

    @Test
    void aServerThatIsNoSentinelIsSaidToBeNone() {
        try (EmbeddedRedis server = EmbeddedRedis.start()) {
            assertThatThrownBy(() -> RedisMutex.connect("redis-sentinel://127.0.0.1:" + server.port() + "#primary"))
                    .isInstanceOf(StoreRefusedException.class)
                    .hasMessageContaining("127.0.0.1:" + server.port())
                    .hasMessageContaining(": it is no Sentinel (redis:// is for a server without Sentinels)");
        }
    }

    @Test
    void aUriThatContradictsItselfIsRefusedAtOnce() {
        RedisURI both = withSentinels(uri(redis.name()), "watch").build();
        both.setHost("elsewhere");
        assertThatThrownBy(() -> RedisMutex.builder().uri(both))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("names a server, elsewhere")
                .hasMessageContaining("and Sentinels");
        RedisURI nameless = withSentinels(uri(redis.name()), "watch").build();
        nameless.setSentinelMasterId(null);
        assertThatThrownBy(() -> RedisMutex.builder().uri(nameless))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("does not say by what name they know the primary");
        RedisURI alone = RedisURI.create("redis://localhost");
        alone.setSentinelMasterId("primary");
        assertThatThrownBy(() -> RedisMutex.builder().uri(alone))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("names the primary 'primary' of Sentinels, but no Sentinel");
    }

    /** As it seems to a process that loads its classes for longer than a handshake may last. */
    @Test
    void aSentinelThatIsSilentAtFirstIsHeard() throws Exception {
        try (FaultyProxy proxy = FaultyProxy.to(redis.sentinels().get(0).port())) {
            proxy.hold(FaultyProxy.Direction.TO_CLIENT);
            CompletableFuture<DistributedMutex> connecting =
                    CompletableFuture.supplyAsync(() -> connect(silentOne(proxy, redis.name())), OwnThread.EACH);
            Await.until("it is tried again", () -> proxy.accepted() > 2);

            proxy.heal();

            try (DistributedMutex mutex = connecting.get(20, TimeUnit.SECONDS)) {
                mutex.acquire("k").close();
            }
        }
    }

    private static RedisURI.Builder silentOne(FaultyProxy proxy, String name) {
        return RedisURI.Builder.sentinel("127.0.0.1", proxy.port(), name, "watch")
                .withPassword("data".toCharArray());
    }

    /** Both questions to it were answered too late; nothing rings for a third. */
    @Test
    void aSentinelThatWasSlowToAnswerIsAskedAgain() throws Exception {
        try (FaultyProxy proxy = FaultyProxy.to(redis.sentinels().get(0).port())) {
            proxy.delay(FaultyProxy.Direction.TO_CLIENT, Duration.ofMillis(1_300));
            CompletableFuture<DistributedMutex> connecting = CompletableFuture.supplyAsync(
                    () -> RedisMutex.builder()
                            .uri(silentOne(proxy, redis.name()).build())
                            .commandTimeout(Duration.ofSeconds(20)) // which bounds the handshakes
                            .connect(),
                    OwnThread.EACH);
            Await.until("it is asked a third time", () -> proxy.accepted() > 3);

            proxy.heal();

            try (DistributedMutex mutex = connecting.get(20, TimeUnit.SECONDS)) {
                mutex.acquire("k").close();
            }
        }
    }

    /** What the others say is said without waiting for 10 s. */
    @Test
    void aSilentSentinelDoesNotHoldBackWhatTheOthersSay() {
        try (Stalls stalls = Stalls.watchMachine();
                FaultyProxy proxy = FaultyProxy.to(redis.sentinels().get(0).port())) {
            proxy.hold(FaultyProxy.Direction.TO_CLIENT);
            long begun = System.nanoTime();

            assertThatThrownBy(() -> connect(withSentinels(silentOne(proxy, "mymaster"), "watch")))
                    .isInstanceOf(StoreRefusedException.class)
                    .hasMessageContaining("they know no primary 'mymaster'; they know 'primary'");

            assertThat(Stalls.millisSince(begun)).isLessThan(6_000 + stalls.allowanceMillis());
        }
    }

    /** The Sentinels name a primary that has just died; a second and a half later they name another. */
    @Test
    void connectsWhileAFailoverIsOn() throws Exception {
        try (EmbeddedSentinel failing =
                EmbeddedRedis.sentinel(1, 3).downAfter(Duration.ofMillis(200)).start()) {
            failing.primary().kill();

            CompletableFuture<DistributedMutex> connecting = CompletableFuture.supplyAsync(
                    () -> RedisMutex.builder()
                            .uri(failing.uri())
                            .commandTimeout(Duration.ofSeconds(20))
                            .connect(),
                    OwnThread.EACH);

            try (DistributedMutex mutex = connecting.get(30, TimeUnit.SECONDS)) {
                mutex.acquire("k").close();
            }
        }
    }
}
