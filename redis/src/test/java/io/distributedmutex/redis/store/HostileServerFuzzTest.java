package io.distributedmutex.redis.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.StoreException;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Fuzz;
import io.distributedmutex.testing.LoggedLines;
import io.distributedmutex.testing.OddInput;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever a server says: an outcome that is documented, in time, and a store that works as soon as the server does. */
class HostileServerFuzzTest {

    private static final Duration TIMEOUT = Duration.ofMillis(60);
    private static final long LARGEST = (1L << 53) - 1;

    private final LoggedLines log = new LoggedLines();
    private volatile String reply = ":1\r\n";

    @AfterEach
    void stop() {
        log.close();
    }

    private FakeRedis server(boolean resp3) {
        return new FakeRedis(command -> reply).resp3(resp3).natives(true);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anyReplyEndsTheOperationInTimeAndAsDocumented(boolean resp3) throws Exception {
        try (FakeRedis server = server(resp3);
                StartedStore store = new StartedStore(
                        RedisLockStore.builder()
                                .uri(server.uri())
                                .commandTimeout(TIMEOUT)
                                .connect(),
                        "label")) {
            long threads = threads();
            Fuzz.rounds(60, input -> {
                reply = OddReply.any(input, resp3);
                checkOutcome(operation(input, store.store()));

                reply = ":1\r\n";
                Await.until("the store to work again", () -> works(store));
            });
            assertThat(threads()).isEqualTo(threads);
        }
        log.check();
    }

    private static CompletionStage<?> operation(OddInput input, RedisLockStore store) {
        String token = StartedStore.newToken();
        return switch (input.below(8)) {
            case 0 -> store.acquire(new AcquireRequest("k", token, 10_000, false, 2_000, 1_000, null));
            case 1 ->
                store.acquire(new AcquireRequest("k", token, 10_000, true, 2_000, 1_000, StartedStore.newToken()));
            case 2 -> store.release("k", token, 0);
            case 3 -> store.renew("k", token, 10_000);
            case 4 -> store.cancel("k", token);
            case 5 -> store.inspect("k");
            case 6 -> store.forceRelease("k");
            default -> store.keys("*", 10);
        };
    }

    private static void checkOutcome(CompletionStage<?> operation) throws Exception {
        try {
            Object answer = operation.toCompletableFuture().get(Await.BOUND.toSeconds(), TimeUnit.SECONDS);
            if (answer instanceof AcquireReply.Granted granted) {
                assertThat(granted.fencingToken()).isBetween(1L, LARGEST);
                assertThat(granted.fencingTokens()).isPositive();
            } else if (answer instanceof AcquireReply.Refused refused) {
                assertThat(refused.lastFencingToken()).isBetween(0L, LARGEST);
                assertThat(refused.remainingMillis()).isGreaterThanOrEqualTo(-1);
            }
        } catch (ExecutionException e) {
            assertThat(e.getCause()).isInstanceOf(StoreException.class);
            assertThat(e.getCause().getMessage()).matches(LoggedLines::isOneLine, "one line");
        }
    }

    private static boolean works(StartedStore store) {
        try {
            store.store()
                    .release("k", StartedStore.newToken(), 0)
                    .toCompletableFuture()
                    .get(5, TimeUnit.SECONDS);
            return true;
        } catch (ExecutionException e) {
            return false;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("dmutex-redis-"))
                .count();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anyPushIsIgnoredUnlessItIsAGrant(boolean resp3) throws Exception {
        try (FakeRedis server = server(resp3);
                StartedStore store = new StartedStore(RedisLockStore.connect(server.uri()), "label")) {
            Fuzz.rounds(150, input -> {
                String raw = push(input, resp3);
                server.push(raw);
                String token = StartedStore.newToken();
                String grant = message(resp3, "any", "7|64|" + token + "|lock:k");
                StartedStore.Grant told = null;
                for (int tries = 0; tries < 3 && (told == null || !told.token().equals(token)); tries++) {
                    server.push(grant);
                    told = store.nextGrant();
                    while (told != null && !told.token().equals(token)) {
                        assertThat(told.fencingToken()).isBetween(1L, LARGEST);
                        assertThat(told.fencingTokens()).isBetween(1, 1_000_000);
                        told = store.nextGrant();
                    }
                }
                assertThat(told).isNotNull();
                assertThat(store.hasGrants()).isFalse();
            });
        }
        log.check();
    }

    private static String push(OddInput input, boolean resp3) {
        String payload = input.oneIn(2)
                ? input.text(0, 100)
                : input.number() + "|" + input.number() + "|" + input.token() + "|lock:" + input.text(0, 20);
        return input.note(
                switch (input.below(4)) {
                    case 0 -> OddReply.wellFormed(input, resp3, 1);
                    case 1 ->
                        (resp3 ? ">3\r\n" : "*3\r\n")
                                + FakeRedis.bulk(input.oneOf(
                                        List.of("pmessage", "smessage", "subscribe", "unsubscribe", "invalidate", "x")))
                                + FakeRedis.bulk(input.text(0, 20)) + ":1\r\n";
                    default -> message(resp3, input.text(0, 40), payload);
                });
    }

    private static String message(boolean resp3, String channel, String payload) {
        return (resp3 ? ">3\r\n" : "*3\r\n")
                + FakeRedis.bulk("message")
                + FakeRedis.bulk(channel)
                + FakeRedis.bulk(payload);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aMutexSaysWhatIsDocumentedWhateverTheServerSays(boolean resp3) throws Exception {
        AtomicInteger asked = new AtomicInteger();
        try (FakeRedis server = new FakeRedis(command -> {
                            asked.incrementAndGet();
                            return reply;
                        })
                        .resp3(resp3);
                DistributedMutex mutex = RedisMutex.builder()
                        .uri(server.uri())
                        .commandTimeout(TIMEOUT)
                        .connect()
                        .with(options -> options.waitTime(Duration.ofMillis(50)).leaseTime(Duration.ofMillis(100)))) {
            Fuzz.rounds(60, input -> {
                reply = OddReply.any(input, resp3);
                int before = asked.get();
                String key = "k" + input.below(1_000_000);
                Throwable failure = catchThrowable(() -> {
                    switch (input.below(4)) {
                        case 0 -> mutex.acquire(key).release();
                        case 1 -> mutex.tryAcquire(key).ifPresent(lease -> lease.extend(Duration.ofSeconds(1)));
                        case 2 -> mutex.inspect(key);
                        default -> mutex.forceRelease(key);
                    }
                });
                if (failure != null) {
                    assertThat(failure)
                            .isInstanceOfAny(
                                    StoreException.class, LockNotAcquiredException.class, LeaseLostException.class);
                    assertThat(failure.getMessage()).matches(LoggedLines::isOneLine, "one line");
                }
                assertThat(asked.get() - before).as("requests").isLessThan(100);
            });
        }
        log.check();
    }
}
