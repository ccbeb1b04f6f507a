package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.failureOf;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Servers that are too old, or no Redis at all. */
class HostileServerTest {

    @ParameterizedTest
    @ValueSource(strings = {"6.0.16", "5.0.14", "2.8"})
    void aServerThatIsTooOldIsRefusedWithBothVersions(String version) throws IOException {
        try (FakeRedis server = new FakeRedis(command -> "+OK\r\n").version(version)) {
            Throwable refused = catchThrowable(() -> RedisLockStore.connect(server.uri()));

            assertThat(refused)
                    .isInstanceOfSatisfying(
                            StoreRefusedException.class,
                            e -> assertThat(e.reason()).isEqualTo(Reason.TOO_OLD))
                    .hasMessageContaining(version)
                    .hasMessageContaining("6.2");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"6.2.0", "7.2.4", "nonsense"})
    void aServerThatIsNotKnownToBeTooOldIsTaken(String version) throws IOException {
        try (FakeRedis server = new FakeRedis(command -> "+OK\r\n").version(version)) {
            RedisLockStore.connect(server.uri()).close();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "+OK\r\n",
                ":0\r\n",
                ":9\r\n",
                "$-1\r\n",
                "*-1\r\n",
                "*0\r\n",
                "$2\r\nhi\r\n",
                "*1\r\n*1\r\n:1\r\n",
                "*4\r\n:1\r\n$1\r\n7\r\n:64\r\n*0\r\n",
                "*4\r\n:1\r\n$3\r\nabc\r\n:64\r\n:0\r\n",
                "*5\r\n:0\r\n:1\r\n:2\r\n:0\r\n$1\r\n0\r\n",
            })
    void aReplyOfTheWrongShapeNamesTheOperation(String reply) throws IOException {
        try (FakeRedis server = new FakeRedis(command -> reply);
                StartedStore store = new StartedStore(RedisLockStore.connect(server.uri()), "label")) {
            assertThat(failureOf(store.tryAcquire("k", newToken())))
                    .isInstanceOfSatisfying(
                            StoreRefusedException.class,
                            e -> assertThat(e.reason()).isEqualTo(Reason.OTHER))
                    .hasMessageContaining("unexpected reply")
                    .hasMessageContaining("acquire of 'k'");
        }
    }

    @Test
    void aCursorThatGoesInACircleEndsTheListing() throws IOException {
        AtomicInteger asked = new AtomicInteger();
        try (FakeRedis server = new FakeRedis(
                        command -> "*2\r\n" + FakeRedis.bulk("" + asked.incrementAndGet() % 7 + 1) + "*0\r\n");
                StartedStore store = new StartedStore(RedisLockStore.connect(server.uri()), "label")) {
            assertThat(failureOf(store.store().keys("*", 10))).hasMessageContaining("unexpected reply to listing keys");
        }
    }

    @Test
    void aReplyThatAnnouncesMoreThanTheHeapHoldsTakesNoMemory() throws IOException {
        try (FakeRedis server = new FakeRedis(command -> "*2147483647\r\n");
                StartedStore store = new StartedStore(
                        RedisLockStore.builder()
                                .uri(server.uri())
                                .commandTimeout(Duration.ofMillis(200))
                                .connect(),
                        "label")) {
            // Before, the I/O thread ran out of memory, and so ended the connection at once.
            assertThat(failureOf(store.tryAcquire("k", newToken())))
                    .hasMessageContaining("within the command time-out");
        }
    }

    @Test
    void aWaiterForAKeyThatLastsForEverPollsNoMoreOftenThanForAnyOther() throws IOException {
        AtomicInteger asked = new AtomicInteger();
        try (FakeRedis server = new FakeRedis(command -> {
                    asked.incrementAndGet();
                    return command.size() < 10
                            ? ":3\r\n"
                            : "*5\r\n:0\r\n:9223372036854775807\r\n$1\r\nx\r\n:0\r\n$1\r\n0\r\n";
                });
                DistributedMutex mutex =
                        RedisMutex.connect(server.uri()).with(options -> options.waitTime(Duration.ofMillis(300)))) {
            assertThat(catchThrowable(() -> mutex.acquire("k"))).isInstanceOf(LockNotAcquiredException.class);
            // The first, a poll or two, and the cancel.
            assertThat(asked.get()).isLessThan(8);
        }
    }

    @Test
    void aServerThatNeverKnowsTheScriptIsAskedTwiceAndNoMore() throws IOException {
        java.util.Queue<String> asked = new java.util.concurrent.ConcurrentLinkedQueue<>();
        try (FakeRedis server = new FakeRedis(command -> {
                    asked.add(command.get(0));
                    return "-NOSCRIPT No matching script. Please use EVAL.\r\n";
                });
                StartedStore store = new StartedStore(
                        RedisLockStore.builder()
                                .uri(server.uri())
                                .startCheck(false)
                                .connect(),
                        "label")) {
            assertThat(failureOf(store.tryAcquire("k", newToken())))
                    .isInstanceOfSatisfying(
                            StoreRefusedException.class,
                            e -> assertThat(e.reason()).isEqualTo(Reason.OTHER));
            assertThat(asked).containsExactly("EVALSHA", "EVAL");
        }
    }

    @Test
    void aServerThatStaysReadOnlyIsLookedUpAnew() throws IOException {
        try (FakeRedis server = new FakeRedis(command -> "-READONLY You can't write against a read only replica.\r\n");
                StartedStore store = new StartedStore(RedisLockStore.connect(server.uri()), "label")) {
            long start = System.nanoTime();
            Await.until("reconnected", () -> {
                failureOf(store.tryAcquire("k", newToken()));
                return store.reconnections() >= 2;
            });
            assertThat(System.nanoTime() - start)
                    .as("a replica that is about to be promoted gets some time")
                    .isGreaterThan(Duration.ofSeconds(5).toNanos());
        }
    }

    @Test
    void garbageOnTheConnectionFailsWhatIsInFlight() throws IOException {
        try (FakeRedis server = new FakeRedis(command -> "GET / HTTP/1.1\r\n\r\n");
                StartedStore store = new StartedStore(RedisLockStore.connect(server.uri()), "label")) {
            assertThat(failureOf(store.tryAcquire("k", newToken()))).hasMessageContaining("acquire of 'k'");
        }
    }
}
