package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.failureOf;
import static io.distributedmutex.redis.store.StartedStore.get;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireReply.Granted;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a store takes, and that it gives all of it back. */
class ClosingTest {

    private static final String GLOBAL = "globalEventExecutor";

    /** Threads that the JVM shares among all its code, and which outlive their work by up to a minute; and those of {@link Stalls}. */
    private static final Pattern OTHERS = Pattern.compile(
            "process reaper.*|ForkJoinPool.*|VirtualThread-.*|CompletableFutureDelayScheduler|stalls.*");

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private final EmbeddedRedis redis = EmbeddedRedis.start();
    private Set<Thread> before = Set.of();

    @BeforeEach
    void countThreads() {
        // Lettuce and Netty start threads of the whole JVM at their first use.
        StartedStore.on(redis).close();
        Await.until(
                "Netty's global thread has ended",
                () -> threads().stream().noneMatch(thread -> thread.getName().startsWith(GLOBAL)));
        before = threads();
    }

    @AfterEach
    void stop() {
        redis.close();
    }

    @Test
    void aStoreHasTwoThreadsAndTwoConnections() {
        try (StartedStore store = StartedStore.on(redis)) {
            get(store.tryAcquire("k", newToken()));

            assertThat(newThreads())
                    .hasSizeBetween(1, 2)
                    .allMatch(thread -> thread.getName().startsWith("dmutex-redis-"))
                    .allMatch(Thread::isDaemon);
            assertThat(connections()).isEqualTo(2);
        }
    }

    @Test
    void closingLeavesNoThreadAndNoConnection() {
        StartedStore store = StartedStore.on(redis);
        get(store.tryAcquire("k", newToken()));
        long start = System.nanoTime();

        store.close();

        assertThat(Stalls.millisSince(start)).isLessThan(2_000 + stalls.allowanceMillis());
        assertThat(newThreads()).noneMatch(thread -> !thread.getName().startsWith(GLOBAL));
        Await.until("no connections", () -> connections() == 0);
        awaitNoNewThreads();
    }

    @Test
    void closingWhileTheServerIsSilentOrGoneLeavesNothingEither() {
        StartedStore silent = StartedStore.on(redis);
        redis.pause();
        CompletionStage<AcquireReply> pending = silent.tryAcquire("k", newToken());
        long start = System.nanoTime();
        silent.close();
        assertThat(Stalls.millisSince(start)).isLessThan(2_000 + stalls.allowanceMillis());
        assertClosed(failureOf(pending));
        redis.resume();

        StartedStore lonely = StartedStore.on(redis);
        redis.kill();
        Await.until("the loss is noticed", () -> !isOpen(lonely));
        start = System.nanoTime();
        lonely.close();
        assertThat(Stalls.millisSince(start)).isLessThan(2_000 + stalls.allowanceMillis());

        awaitNoNewThreads();
    }

    @Test
    void aClosedStoreSaysSoAndClosingTwiceIsNoError() {
        StartedStore store = StartedStore.on(redis);
        store.close();
        store.close();

        assertClosed(failureOf(store.tryAcquire("k", newToken())));
        assertClosed(failureOf(store.store().release("k", newToken(), 0)));
        assertClosed(failureOf(store.store().keys("*", 1)));
    }

    @Test
    void aStoreMayBeClosedFromItsOwnThread() {
        StartedStore store = StartedStore.on(redis);
        CompletableFuture<Long> closed = new CompletableFuture<>();
        store.store().inspect("k").whenComplete((value, error) -> {
            long start = System.nanoTime();
            store.close();
            closed.complete(Stalls.millisSince(start));
        });

        assertThat(get(closed)).isLessThan(1_000 + stalls.allowanceMillis());
        awaitNoNewThreads();
    }

    @Test
    void failingToConnectLeavesNoThread() {
        assertThat(catchThrowable(() -> RedisLockStore.connect("redis://127.0.0.1:1")))
                .isInstanceOf(StoreUnreachableException.class);
        assertThat(catchThrowable(() -> RedisLockStore.connect("redis://:wrong@127.0.0.1:" + redis.port() + "/99")))
                .isInstanceOf(StoreException.class);

        awaitNoNewThreads();
        Await.until("no connections", () -> connections() == 0);
    }

    @Test
    void aMutexClosesItsStore() {
        try (DistributedMutex mutex = RedisMutex.connect(redis.uri())) {
            assertThat(mutex.tryAcquire("k")).isPresent();
        }

        awaitNoNewThreads();
        Await.until("no connections", () -> connections() == 0);
    }

    @Test
    void storesCanBeOpenedAndClosedOverAndOver() {
        for (int i = 0; i < 20; i++) {
            try (StartedStore store = StartedStore.on(redis)) {
                assertThat(get(store.tryAcquire("k" + i, newToken()))).isInstanceOf(Granted.class);
            }
        }

        awaitNoNewThreads();
        Await.until("no connections", () -> connections() == 0);
    }

    private static boolean isOpen(StartedStore store) {
        return store.store()
                .inspect("k")
                .toCompletableFuture()
                .handle((value, error) -> error == null)
                .join();
    }

    private static void assertClosed(StoreException failure) {
        assertThat(failure).isInstanceOf(StoreUnreachableException.class).hasMessageContaining("closed");
    }

    /** Those of Lettuce, not the one that asks. */
    private long connections() {
        return ((String) redis.command("CLIENT", "LIST"))
                .lines()
                .filter(line -> !line.contains("cmd=client"))
                .count();
    }

    private void awaitNoNewThreads() {
        Await.until(
                () -> "no new thread, but there is " + newThreads(),
                () -> newThreads().isEmpty());
    }

    private Set<Thread> newThreads() {
        return threads().stream().filter(thread -> !before.contains(thread)).collect(Collectors.toSet());
    }

    private static Set<Thread> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> !OTHERS.matcher(thread.getName()).matches())
                .collect(Collectors.toSet());
    }
}
