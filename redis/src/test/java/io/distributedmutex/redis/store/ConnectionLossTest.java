package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.failureOf;
import static io.distributedmutex.redis.store.StartedStore.get;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireReply.Granted;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class ConnectionLossTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private final EmbeddedRedis redis = EmbeddedRedis.start();

    @AfterEach
    void stop() {
        redis.close();
    }

    @Test
    void nobodyThereIsSaidAtOnce() throws IOException {
        int port;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        long start = System.nanoTime();

        Throwable absent = catchThrowable(() -> RedisLockStore.connect("redis://127.0.0.1:" + port));

        assertThat(absent).isInstanceOf(StoreUnreachableException.class).hasMessageContaining("127.0.0.1:" + port);
        assertThat(Stalls.millisSince(start)).isLessThan(3_000 + stalls.allowanceMillis());
    }

    @Test
    void anUnknownHostIsUnreachable() {
        assertThat(catchThrowable(() -> RedisLockStore.connect("redis://no-such-host.invalid")))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContaining("no-such-host.invalid");
    }

    @Test
    void aServerThatSaysNothingIsGivenUpAfterTenSeconds() {
        redis.pause();
        long start = System.nanoTime();

        Throwable silent = catchThrowable(() -> RedisLockStore.connect(redis.uri()));

        assertThat(silent)
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContaining("127.0.0.1:" + redis.port());
        assertThat(Stalls.millisSince(start)).isBetween(9_900L, 12_000L + stalls.allowanceMillis());
    }

    @Test
    void commandsTimeOut() {
        try (StartedStore store = StartedStore.on(redis, Duration.ofMillis(200))) {
            redis.pause();
            long start = System.nanoTime();
            StoreException failure = failureOf(store.tryAcquire("k", newToken()));
            long elapsedMillis = (System.nanoTime() - start) / 1_000_000;
            redis.resume();

            assertThat(failure)
                    .isInstanceOf(StoreUnreachableException.class)
                    .hasMessageContaining("127.0.0.1:" + redis.port())
                    .hasMessageContaining("acquire")
                    .hasMessageContaining("'k'")
                    .hasMessageContaining("200 ms");
            assertThat(elapsedMillis).isBetween(199L, 1_200L + stalls.allowanceMillis());
        }
    }

    @Test
    void anAnswerAfterTheTimeOutConfusesNobody() {
        try (StartedStore store = StartedStore.on(redis, Duration.ofSeconds(2))) {
            String late = newToken();
            redis.pause();
            failureOf(store.tryAcquire("late", late));
            redis.resume();

            // The late answer comes first on the connection, and must not be taken for one of these.
            String token = newToken();
            Await.until("an answer", () -> !failed(store.tryAcquire("other", token)));
            assertThat(get(store.store().release("other", token, 0))).isEqualTo(Ownership.HELD);
            assertThat(get(store.tryAcquire("late", late))).isInstanceOf(Granted.class);
            assertThat(get(store.store().release("late", late, 0))).isEqualTo(Ownership.HELD);
        }
    }

    @Test
    void manyCommandsTimeOutTogether() {
        try (StartedStore store = StartedStore.on(redis, Duration.ofSeconds(3))) {
            redis.pause();
            List<CompletionStage<AcquireReply>> all = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                all.add(store.tryAcquire("k" + i, newToken()));
            }
            all.forEach(each -> assertThat(failureOf(each)).isInstanceOf(StoreUnreachableException.class));
            redis.resume();

            Await.until("an answer", () -> !failed(store.store().inspect("k")));
            assertThat(store.reconnections())
                    .as("calls sent together are one silence, not two")
                    .isZero();
        }
    }

    @Test
    void operationsFailAtOnceWhileTheServerIsDownAndWorkSoonAfterItsReturn() {
        try (StartedStore store = StartedStore.on(redis)) {
            redis.kill();
            Await.until(
                    "the loss is noticed",
                    () -> failureOf(store.store().inspect("k")).getMessage().startsWith("not connected"));
            long start = System.nanoTime();
            for (int i = 0; i < 100; i++) {
                assertThat(failureOf(store.store().inspect("k")))
                        .isInstanceOfSatisfying(
                                StoreUnreachableException.class,
                                rejected ->
                                        assertThat(rejected.isSurelyNotSent()).isTrue())
                        .hasMessageContaining("not connected");
            }
            assertThat(Stalls.millisSince(start)).isLessThan(1_000 + stalls.allowanceMillis());
            int before = store.reconnections();

            redis.restart();

            Await.until("it works again", () -> !failed(store.store().inspect("k")));
            Await.until("the instance is told", () -> store.reconnections() > before);
            assertPushWorks(store);
        }
    }

    @Test
    void whatIsInFlightWhenTheConnectionIsLostFailsAtOnceAndIsNotSentAgain() {
        try (FaultyProxy proxy = FaultyProxy.to(redis.port());
                StartedStore store = new StartedStore(
                        RedisLockStore.builder()
                                .uri(proxy.uri())
                                .commandTimeout(Duration.ofMinutes(1))
                                .connect(),
                        "label")) {
            redis.pause();
            long before = proxy.passed(FaultyProxy.Direction.TO_SERVER);
            CompletionStage<AcquireReply> lost = store.tryAcquire("k", newToken());
            Await.until("it is on its way", () -> proxy.passed(FaultyProxy.Direction.TO_SERVER) > before);
            redis.kill();

            assertThat(failureOf(lost))
                    .isInstanceOfSatisfying(
                            StoreUnreachableException.class,
                            failure -> assertThat(failure.isSurelyNotSent()).isFalse())
                    .hasMessageContaining("lost");
            redis.restart();
            Await.until("it works again", () -> !failed(store.store().inspect("k")));
            assertThat(redis.command("EXISTS", "lock:k")).isEqualTo(0L);
        }
    }

    @Test
    void aConnectionThatIsABlackHoleIsReplaced() {
        try (FaultyProxy proxy = FaultyProxy.to(redis.port());
                StartedStore store = new StartedStore(
                        RedisLockStore.builder()
                                .uri(proxy.uri())
                                .commandTimeout(Duration.ofMillis(200))
                                .connect(),
                        "label")) {
            int before = proxy.accepted();
            proxy.swallow();

            assertThat(failureOf(store.store().inspect("k"))).hasMessageContaining("did not answer");
            assertThat(store.reconnections()).isZero();
            assertThat(failureOf(store.store().inspect("k"))).hasMessageContaining("did not answer");

            Await.until("it works again", () -> !failed(store.store().inspect("k")));
            // More than once where the machine stands still for two time-outs more.
            Await.until("both connections were replaced", () -> proxy.accepted() >= before + 2);
            Await.until("the instance is told", () -> store.reconnections() >= 1);
            assertPushWorks(store);
        }
    }

    @Test
    void aReplyBetweenTimeOutsKeepsTheConnection() {
        try (StartedStore store = StartedStore.on(redis, Duration.ofMillis(1_500))) {
            for (int i = 0; i < 3; i++) {
                redis.pause();
                failureOf(store.store().inspect("k"));
                redis.resume();
                Await.until("an answer", () -> !failed(store.store().inspect("k")));
            }
            assertThat(store.reconnections()).isZero();
        }
    }

    @Test
    void aKilledPushConnectionSubscribesAgainAndTellsSo() {
        try (StartedStore store = StartedStore.on(redis)) {
            redis.command("CLIENT", "KILL", "TYPE", "pubsub");

            Await.until("reconnected", () -> store.reconnections() == 1);
            assertPushWorks(store);
            assertThat(get(store.store().inspect("k"))).isEmpty();
        }
    }

    @Test
    void aKilledCommandConnectionIsReplacedAndTellsSo() {
        try (StartedStore store = StartedStore.on(redis)) {
            redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");

            Await.until("reconnected", () -> store.reconnections() == 1);
            Await.until("it works again", () -> !failed(store.store().inspect("k")));
        }
    }

    @Test
    void aRestartWithoutDataIsToldFromAnExpiry() {
        try (StartedStore store = StartedStore.on(redis)) {
            String token = newToken();
            get(store.tryAcquire("k", token));
            redis.restartEmpty();
            Await.until("it works again", () -> !failed(store.store().inspect("k")));

            assertThat(get(store.store().renew("k", token, 1_000))).isEqualTo(Ownership.STORE_LOST);
        }
    }

    private void assertPushWorks(StartedStore waiter) {
        String holder = newToken();
        String token = newToken();
        try (StartedStore other = StartedStore.on(redis)) {
            get(other.tryAcquire("pushed", holder));
            Await.until("it waits", () -> !failed(waiter.queue("pushed", token)));
            get(other.store().release("pushed", holder, 0));
            assertThat(waiter.nextGrant()).isNotNull();
        }
    }

    private static boolean failed(CompletionStage<?> stage) {
        return stage.toCompletableFuture()
                .handle((value, error) -> error != null)
                .join();
    }
}
