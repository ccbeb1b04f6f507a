package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.failureOf;
import static io.distributedmutex.redis.store.StartedStore.get;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireReply.Granted;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.failover.MultiDbClient;
import io.lettuce.core.failover.api.DatabaseConfig;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** A client of the application, with whatever options it has. */
class ApplicationClientTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

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
            assertThat(Stalls.millisSince(start)).isLessThan(2_000 + stalls.allowanceMillis());
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
            assertThat(Stalls.millisSince(start)).isLessThan(1_000 + stalls.allowanceMillis());

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
                redis.pause();
                long before = proxy.passed(FaultyProxy.Direction.TO_SERVER);
                CompletionStage<AcquireReply> lost = store.tryAcquire("k", newToken());
                Await.until("it is on its way", () -> proxy.passed(FaultyProxy.Direction.TO_SERVER) > before);
                redis.kill();

                assertThat(failureOf(lost)).hasMessageContaining("lost");
                redis.restart();
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
                String token = newToken();
                Await.until("a lock", () -> !failed(store.tryAcquire("k", token)));
                assertThat(get(store.tryAcquire("k", token))).isInstanceOf(Granted.class);
            } finally {
                proxied.shutdown(Duration.ZERO, Duration.ofSeconds(2));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void thatIsShutDownBeforeTheMutexIsWarnedOfOnce(boolean lostBefore) {
        RedisClient early = RedisClient.create(redis.uri());
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        Logger logger = (Logger) LoggerFactory.getLogger(RedisLockStore.class);
        log.start();
        logger.addAppender(log);
        try {
            DistributedMutex mutex = RedisMutex.builder().client(early).connect();
            Lease lease = mutex.acquire("k");
            if (lostBefore) {
                redis.kill();
                Await.until(
                        "the loss is noticed",
                        () -> failure(() -> mutex.inspect("k")).contains("not connected"));
            }
            early.shutdown(Duration.ZERO, Duration.ofSeconds(2));

            Await.until(
                    "the end of the client is noticed",
                    () -> failure(() -> mutex.inspect("k"))
                            .contains(
                                    "was shut down, so inspect of 'k' was not sent; close the mutex before the client"));
            lease.close();
            mutex.close();
        } finally {
            logger.detachAppender(log);
        }
        assertThat(log.list)
                .filteredOn(event -> event.getLevel() == Level.WARN)
                .extracting(ILoggingEvent::getFormattedMessage)
                .filteredOn(line -> line.contains("client of Redis at "))
                .singleElement()
                .asString()
                .contains("was shut down before the mutex")
                .contains("stays taken until its lease ends");
    }

    @Test
    void thatIsShutDownAfterTheMutexIsNotWarnedOf() {
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        Logger logger = (Logger) LoggerFactory.getLogger(RedisLockStore.class);
        log.start();
        logger.addAppender(log);
        try {
            DistributedMutex mutex = RedisMutex.builder().client(client).connect();
            assertThat(mutex.acquire("k").release()).isTrue();
            mutex.close();
            client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        } finally {
            logger.detachAppender(log);
        }
        assertThat(log.list).filteredOn(event -> event.getLevel() == Level.WARN).isEmpty();
    }

    /** Where there are such: by the oldest Lettuce that has one, and the newest (profile deep). */
    @Test
    void thatMovesToAnotherDatabaseIsRefused() throws Exception {
        if (RedisClient.class.getPackage().getImplementationVersion().startsWith("6.")) {
            assertThatThrownBy(() -> Class.forName("io.lettuce.core.failover.MultiDbClient"))
                    .isInstanceOf(ClassNotFoundException.class);
            return;
        }
        RedisClient moving = MovingClient.of(redis.uri());
        try {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> RedisMutex.builder().client(moving))
                    .withMessageContaining("a MultiDbClient cannot serve locks")
                    .withMessageContaining("give a RedisClient of one of the databases");
        } finally {
            moving.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        }
    }

    /** Loaded only with a Lettuce that has it. */
    private static final class MovingClient {

        static RedisClient of(String uri) {
            DatabaseConfig one = DatabaseConfig.builder(RedisURI.create(uri)).build();
            DatabaseConfig other = DatabaseConfig.builder(RedisURI.create("redis://127.0.0.1:1"))
                    .build();
            return (RedisClient) MultiDbClient.create(List.of(one, other));
        }
    }

    private static String failure(Runnable operation) {
        return String.valueOf(catchThrowable(operation::run));
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
