package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.failureOf;
import static io.distributedmutex.redis.store.StartedStore.get;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.spi.AcquireReply.Granted;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.RedisClient;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Connections that were lost: how soon they are back, how hard that is for the server, and what is told meanwhile. */
class ReconnectTest {

    private final EmbeddedRedis redis = EmbeddedRedis.start();
    private final FaultyProxy proxy = FaultyProxy.to(redis.port());

    @BeforeEach
    void addUser() {
        redis.command("ACL", "SETUSER", "app", "on", ">first", "~*", "&*", "+@all");
    }

    @AfterEach
    void stop() {
        proxy.close();
        redis.close();
    }

    @Test
    void afterAPasswordWasChangedThatIsWhatIsTold() {
        try (StartedStore store = started(asUser())) {
            redis.command("ACL", "SETUSER", "app", "resetpass", ">second");
            proxy.cut();

            Await.until("the refusal is told", () -> isRefused(store, Reason.AUTHENTICATION));
            for (int i = 0; i < 20; i++) {
                assertThat(failureOf(store.tryAcquire("k", newToken())))
                        .isInstanceOfSatisfying(
                                StoreRefusedException.class,
                                refused -> assertThat(refused.reason()).isEqualTo(Reason.AUTHENTICATION))
                        .hasMessageContaining("not connected to Redis at 127.0.0.1:" + proxy.port())
                        .hasMessageContaining("WRONGPASS")
                        .matches(StoreException::isSurelyNotSent);
            }

            redis.command("ACL", "SETUSER", "app", ">first");
            Await.until("it works again", () -> !failed(store.store().inspect("k")));
        }
    }

    @Test
    void whatIsReleasedWhileThePasswordIsWrongIsGivenBackOnceItIsRight() {
        try (DistributedMutex mutex = RedisMutex.connect(asUser())) {
            Lease lease = mutex.acquire("k");
            redis.command("ACL", "SETUSER", "app", "resetpass", ">second");
            proxy.cut();
            Await.until("the refusal is told", () -> {
                try {
                    mutex.inspect("other");
                    return false;
                } catch (StoreRefusedException e) {
                    return e.reason() == Reason.AUTHENTICATION;
                } catch (StoreException e) {
                    return false;
                }
            });

            lease.close();
            assertThat(redis.command("EXISTS", "lock:k")).isEqualTo(1L);
            redis.command("ACL", "SETUSER", "app", ">first");

            Await.until(
                    "the key is free", () -> redis.command("EXISTS", "lock:k").equals(0L));
            assertThat(lease.state()).isEqualTo(LeaseState.RELEASED);
        }
    }

    @Test
    void aServerThatIsFullSaysSo() throws IOException {
        try (Socket administrator = new Socket("127.0.0.1", redis.port());
                StartedStore store = started(proxy.uri())) {
            say(administrator, "CONFIG SET maxclients 1");
            proxy.cut();

            Await.until("the refusal is told", () -> isRefused(store, Reason.BUSY));
            assertThat(failureOf(store.store().inspect("k"))).hasMessageContaining("max number of clients reached");

            say(administrator, "CONFIG SET maxclients 100");
            Await.until("it works again", () -> !failed(store.store().inspect("k")));
        }
    }

    @Test
    void aRefusalIsNoReasonToKnockAllTheTime() {
        try (StartedStore store = started(asUser())) {
            redis.command("ACL", "SETUSER", "app", "resetpass", ">second");
            proxy.cut();
            Await.until("the refusal is told", () -> isRefused(store, Reason.AUTHENTICATION));
            int before = attemptsUntilTheyAreSlow();
            long start = System.nanoTime();
            Await.until("3 s of callers", () -> {
                failureOf(store.store().inspect("k"));
                return System.nanoTime() - start > Duration.ofSeconds(3).toNanos();
            });

            assertThat(proxy.accepted() - before).isBetween(4, mostAttemptsSince(start));
        }
    }

    @Test
    void withoutCallersAServerThatIsAwayIsLookedForAboutOnceASecond() {
        try (StartedStore store = started(proxy.uri())) {
            redis.kill();
            Await.until("the loss is noticed", () -> failed(store.store().inspect("k")));
            int before = attemptsUntilTheyAreSlow();
            long start = System.nanoTime();
            Await.until(
                    "3 s",
                    () -> System.nanoTime() - start > Duration.ofSeconds(3).toNanos());

            assertThat(proxy.accepted() - before).isBetween(4, mostAttemptsSince(start));
        }
    }

    /** Of two connections, at least half a second apart each: 14 in 3 s. */
    private static int mostAttemptsSince(long startNanos) {
        return (int) (14 * (System.nanoTime() - startNanos) / 3_000_000_000L) + 1;
    }

    @Test
    void whoWaitsForTheServerHasItBackSoon() {
        try (StartedStore store = started(proxy.uri())) {
            // Not once a second, but within 0.2 s of the last attempt. A slow machine may take longer, but not each
            // time.
            long soon = Duration.ofMillis(450).toNanos();
            long least = Long.MAX_VALUE;
            for (int round = 0; round < 5 && least >= soon; round++) {
                redis.kill();
                Await.until("the loss is noticed", () -> failed(store.store().inspect("k")));
                attemptsUntilTheyAreSlow();
                redis.restart();
                long start = System.nanoTime();
                Await.until("it works again", () -> !failed(store.store().inspect("k")));
                least = Math.min(least, System.nanoTime() - start);
            }
            assertThat(least).isLessThan(soon);
        }
    }

    @Test
    void aRequestWaitsForAConnectionThatWasCutWhileIdle() {
        try (StartedStore store = started(proxy.uri())) {
            for (int i = 0; i < 10; i++) {
                cutAndSlowDown();
                assertThat(get(store.tryAcquire("k" + i, newToken()))).isInstanceOf(Granted.class);
                heal(store);
            }
        }
    }

    @Test
    void soItDoesWithAnApplicationsClient() {
        RedisClient client = RedisClient.create(proxy.uri());
        try (StartedStore store =
                new StartedStore(RedisLockStore.builder().client(client).connect(), "label")) {
            for (int i = 0; i < 5; i++) {
                cutAndSlowDown();
                assertThat(get(store.tryAcquire("k" + i, newToken()))).isInstanceOf(Granted.class);
                heal(store);
            }
        } finally {
            client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        }
    }

    @Test
    void tryAcquireOnAConnectionThatWasCutWhileIdleSucceeds() {
        try (DistributedMutex mutex = RedisMutex.connect(proxy.uri())) {
            cutAndSlowDown();

            assertThat(mutex.tryAcquire("k")).isPresent();
        }
    }

    @Test
    void aRequestThatWaitedInVainWasNotSent() {
        try (StartedStore store = started(proxy.uri())) {
            int before = proxy.accepted();
            proxy.hold(Direction.TO_CLIENT);
            proxy.cut();
            Await.until("the cut is noticed", () -> proxy.accepted() > before);
            CompletionStage<?> waiting = store.tryAcquire("k", newToken());

            // Sooner than the command time-out, which says something else.
            assertThat(failureOf(waiting))
                    .hasMessageStartingWith("not connected")
                    .matches(StoreException::isSurelyNotSent);
            proxy.pass(Direction.TO_CLIENT);
            Await.until("it works again", () -> !failed(store.store().inspect("k")));
            assertThat(redis.command("EXISTS", "lock:k")).isEqualTo(0L);
        }
    }

    @Test
    void aCutOfBothConnectionsIsToldOnceWhenCommandsWork() {
        try (StartedStore store = started(proxy.uri())) {
            List<Integer> told = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                int before = store.reconnections();
                int accepted = proxy.accepted();
                proxy.cut();
                Await.until("both are back", () -> proxy.accepted() >= accepted + 2 && proxy.connections() == 2);
                Await.until("it is told", () -> store.reconnections() > before);
                heal(store);
                told.add(store.reconnections() - before);
            }
            // A machine that stands still may separate the two now and then.
            assertThat(told).contains(1).allMatch(times -> times <= 2);
        }
    }

    /** So that requests come before the connection is back. */
    private void cutAndSlowDown() {
        int before = proxy.accepted();
        proxy.delay(Direction.TO_CLIENT, Duration.ofMillis(50));
        proxy.cut();
        // By the connections for commands and for pushes: what is sent before may be lost on its way.
        Await.until("the cut is noticed", () -> proxy.accepted() >= before + 2);
    }

    private void heal(StartedStore store) {
        proxy.delay(Direction.TO_CLIENT, Duration.ZERO);
        String key = newToken();
        String holder = newToken();
        String waiter = newToken();
        try (StartedStore other = StartedStore.on(redis)) {
            get(other.tryAcquire(key, holder));
            Await.until("it works again", () -> !failed(store.queue(key, waiter)));
            get(other.store().release(key, holder, 0));
            Await.until("it works again", () -> !failed(store.store().cancel(key, waiter)));
        }
    }

    /** Attempts come further and further apart: until there was none for longer than the first four pauses. */
    private int attemptsUntilTheyAreSlow() {
        int[] last = {proxy.accepted()};
        long[] since = {System.nanoTime()};
        Await.until("attempts to reconnect are slow", () -> {
            int now = proxy.accepted();
            if (now > last[0]) {
                last[0] = now;
                since[0] = System.nanoTime();
            }
            return System.nanoTime() - since[0] > Duration.ofMillis(250).toNanos();
        });
        return proxy.accepted();
    }

    private String asUser() {
        return "redis://app:first@127.0.0.1:" + proxy.port();
    }

    private static StartedStore started(String uri) {
        return new StartedStore(RedisLockStore.builder().uri(uri).connect(), "label");
    }

    private static boolean isRefused(StartedStore store, Reason reason) {
        return store.store()
                                .inspect("k")
                                .handle((info, error) -> error)
                                .toCompletableFuture()
                                .join()
                        instanceof StoreRefusedException refused
                && refused.reason() == reason;
    }

    private static void say(Socket administrator, String command) throws IOException {
        administrator.getOutputStream().write((command + "\r\n").getBytes(StandardCharsets.US_ASCII));
        assertThat(administrator.getInputStream().readNBytes(5)).asString().isEqualTo("+OK\r\n");
    }

    private static boolean failed(CompletionStage<?> stage) {
        return stage.toCompletableFuture()
                .handle((value, error) -> error != null)
                .join();
    }
}
