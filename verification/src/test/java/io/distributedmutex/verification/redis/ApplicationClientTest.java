package io.distributedmutex.verification.redis;

import static io.distributedmutex.verification.redis.StartedStore.failureOf;
import static io.distributedmutex.verification.redis.StartedStore.get;
import static io.distributedmutex.verification.redis.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireReply.Granted;
import io.distributedmutex.testkit.EmbeddedRedis;
import io.distributedmutex.testkit.FaultyProxy;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A client of the application, with whatever options it has. */
class ApplicationClientTest {

    private final EmbeddedRedis redis = EmbeddedRedis.start();
    private final RedisClient client = RedisClient.create(redis.uri());

    @AfterEach
    void stop() {
        client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        redis.close();
    }

    @Test
    void isNeitherChangedNorClosed() {
        ClientOptions options = client.getOptions();
        StatefulRedisConnection<String, String> own = client.connect();

        try (DistributedMutex mutex = RedisMutex.builder().client(client).connect()) {
            assertThat(mutex.tryAcquire("k")).isPresent();
        }

        assertThat(client.getOptions()).isSameAs(options);
        assertThat(own.sync().ping()).isEqualTo("PONG");
        assertThat(client.connect().sync().ping()).isEqualTo("PONG");
        Await.until(
                "the store's connections are closed",
                () -> ((String) redis.command("CLIENT", "LIST"))
                                .lines()
                                .filter(line -> !line.contains("cmd=client"))
                                .count()
                        == 2);
    }

    @Test
    void isNamedByItsAddress() {
        try (StartedStore store = started(Duration.ofMillis(100))) {
            redis.pause();
            assertThat(failureOf(store.tryAcquire("k", newToken()))).hasMessageContaining(":" + redis.port());
            redis.resume();
        }
    }

    @Test
    void itsOwnTimeOutIsNotOurs() {
        client.setOptions(ClientOptions.builder()
                .timeoutOptions(TimeoutOptions.enabled(Duration.ofMinutes(5)))
                .build());
        try (StartedStore store = started(Duration.ofMillis(100))) {
            redis.pause();
            long start = System.nanoTime();
            assertThat(failureOf(store.tryAcquire("k", newToken()))).isInstanceOf(StoreUnreachableException.class);
            assertThat(System.nanoTime() - start)
                    .isLessThan(Duration.ofSeconds(2).toNanos());
            redis.resume();
        }
    }

    @Test
    void operationsFailAtOnceWhileItIsDisconnectedAndAreNotSentLater() {
        try (StartedStore store = started(Duration.ofMinutes(1))) {
            redis.kill();
            Await.until(
                    "the loss is noticed",
                    () -> failureOf(store.store().inspect("k")).getMessage().startsWith("not connected"));
            long start = System.nanoTime();
            assertThat(failureOf(store.tryAcquire("k", newToken())))
                    .isInstanceOf(StoreUnreachableException.class)
                    .hasMessageContaining("not connected");
            assertThat(System.nanoTime() - start)
                    .isLessThan(Duration.ofSeconds(1).toNanos());

            redis.restart();

            Await.until("it works again", () -> !failed(store.store().inspect("k")));
            assertThat(redis.command("EXISTS", "lock:k")).isEqualTo(0L);
            Await.until("the instance is told", () -> store.reconnections() >= 1);
        }
    }

    @Test
    void whatIsInFlightWhenItsConnectionIsLostFailsAndIsNotSentAgain() {
        try (FaultyProxy proxy = FaultyProxy.to(redis.port())) {
            RedisClient proxied = RedisClient.create(proxy.uri());
            try (StartedStore store = new StartedStore(
                    RedisLockStore.builder()
                            .client(proxied)
                            .commandTimeout(Duration.ofMinutes(1))
                            .connect(),
                    "label")) {
                proxy.swallow();
                CompletionStage<AcquireReply> lost = store.tryAcquire("k", newToken());
                proxy.cut();

                assertThat(failureOf(lost)).hasMessageContaining("lost");
                Await.until("it works again", () -> !failed(store.store().inspect("k")));
                assertThat(redis.command("EXISTS", "lock:k")).isEqualTo(0L);
            } finally {
                proxied.shutdown(Duration.ZERO, Duration.ofSeconds(2));
            }
        }
    }

    @Test
    void aBlackHoleIsReplacedAlso() {
        try (FaultyProxy proxy = FaultyProxy.to(redis.port())) {
            RedisClient proxied = RedisClient.create(proxy.uri());
            try (StartedStore store = new StartedStore(
                    RedisLockStore.builder()
                            .client(proxied)
                            .commandTimeout(Duration.ofMillis(200))
                            .connect(),
                    "label")) {
                proxy.swallow();
                Await.until("it works again", () -> !failed(store.store().inspect("k")));
                assertThat(get(store.tryAcquire("k", newToken()))).isInstanceOf(Granted.class);
            } finally {
                proxied.shutdown(Duration.ZERO, Duration.ofSeconds(2));
            }
        }
    }

    @Test
    void thatCannotConnectIsSaidToBeUnusable() {
        RedisClient homeless = RedisClient.create();
        try {
            assertThatIllegalStateException()
                    .isThrownBy(() -> RedisLockStore.builder().client(homeless).connect());
        } finally {
            homeless.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        }
        redis.kill();
        assertThat(catchThrowable(() -> RedisLockStore.builder().client(client).connect()))
                .isInstanceOf(StoreUnreachableException.class);
    }

    private StartedStore started(Duration commandTimeout) {
        return new StartedStore(
                RedisLockStore.builder()
                        .client(client)
                        .commandTimeout(commandTimeout)
                        .connect(),
                "label");
    }

    private static boolean failed(CompletionStage<?> stage) {
        return stage.toCompletableFuture()
                .handle((value, error) -> error != null)
                .join();
    }
}
