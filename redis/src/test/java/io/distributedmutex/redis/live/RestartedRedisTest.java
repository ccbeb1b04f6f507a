package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The server is killed, comes back empty, or forgets its scripts. */
@WithRedis
@LeavesNothing(
        warnings = {
            "LOST \\w+ \\((STORE_LOST|TAKEN|CLOSED)",
            "release of held .* was not confirmed",
            "AT RISK",
            "OUTAGE"
        })
class RestartedRedisTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private static final String KEY = "restarted";

    private final EmbeddedRedis redis;
    private Instances instances;

    RestartedRedisTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void start() {
        instances = new Instances(redis);
    }

    @AfterEach
    void stop() {
        instances.close();
    }

    @Test
    void aServerThatIsGoneIsAnErrorWithinBounds() {
        DistributedMutex mutex = instances.add("A");
        DistributedMutex noticed = instances.add("B");
        Lease held = mutex.acquire("held");
        redis.kill();

        Figures tries = new Figures("tryAcquire with a server that is gone ended after");
        for (DistributedMutex each : new DistributedMutex[] {mutex, noticed, mutex, noticed}) {
            long begun = System.nanoTime();
            Throwable outcome = catchThrowable(() -> each.tryAcquire(KEY));
            tries.addNanos(System.nanoTime() - begun);
            assertThat(outcome)
                    .isInstanceOf(StoreUnreachableException.class)
                    .hasMessageStartingWith("'restarted' not acquired: ")
                    .hasMessageContaining("Redis at 127.0.0.1:" + redis.port());
        }
        tries.print();
        // It is refused at once, not after the command time-out of 2 s.
        assertThat(tries.maximum()).isLessThan(500 + stalls.allowanceMillis());

        long begun = System.nanoTime();
        Throwable outcome = catchThrowable(
                () -> mutex.with(o -> o.waitTime(Duration.ofMillis(600))).acquire(KEY));
        double millis = (System.nanoTime() - begun) / 1e6;
        Figures.say("acquire with a wait time of 600 ms ended after %.0f ms", millis);
        assertThat(outcome)
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageStartingWith("'restarted' not acquired within 600 ms: not connected to Redis at");
        assertThat(millis).isBetween(600.0, 750.0 + stalls.allowanceMillis());

        assertThat(catchThrowable(() -> mutex.inspect(KEY)))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageStartingWith("'restarted' not inspected: not connected to Redis at");
        assertThat(catchThrowable(() -> mutex.forceRelease(KEY)))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageStartingWith("'restarted' not released: not connected to Redis at");
        assertThat(catchThrowable(() -> RedisMutex.connect(redis.uri())))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContaining("127.0.0.1:" + redis.port())
                .hasMessageContaining("Connection refused");
        assertThat(held.isValid()).as("decided by the holder's own clock").isTrue();
    }

    @Test
    void aRestartWithoutDataIsALossAndTheNextLeaseWorksAndIsRenewed() {
        LockOptions renewed = LockOptions.builder()
                .leaseTime(Duration.ofSeconds(6))
                .autoRenew(Duration.ofMinutes(1))
                .build();
        DistributedMutex mutex = instances.add("A");
        Lease released = mutex.acquire(KEY);
        Lease extended = mutex.acquire("extended");
        Lease renewing = mutex.with(o -> renewed.toBuilder().leaseTime(Duration.ofSeconds(30)))
                .acquire("renewing");
        long tokenBefore = released.fencingToken();

        redis.restartEmpty();
        long back = System.nanoTime();

        assertThat(released.release()).isFalse();
        Figures.say("release() said \"lost\" %.0f ms after the server was back", (System.nanoTime() - back) / 1e6);
        assertThat(released.state()).isEqualTo(LeaseState.LOST);
        assertThat(released.lossReason()).contains(LossReason.STORE_LOST);
        assertThat(catchThrowable(() -> extended.extend(Duration.ofSeconds(5))))
                .isInstanceOf(LeaseLostException.class)
                // Whichever learns of it first: this call, or the look at all leases when the connection is back.
                .hasMessageMatching(
                        "the lease on 'extended' (was not|cannot be) extended: it was lost \\(STORE_LOST\\)");
        Await.until("the renewal to learn of it", () -> renewing.state() == LeaseState.LOST);
        assertThat(renewing.lossReason()).contains(LossReason.STORE_LOST);

        try (Lease next = mutex.with(o -> renewed.toBuilder()).acquire(KEY)) {
            assertThat(next.fencingToken()).isGreaterThan(tokenBefore);
            Await.pass(Duration.ofMillis(6_500));
            assertThat(next.isValid()).isTrue();
            Await.until("a renewal that is answered", () -> next.state() == LeaseState.HELD);
            assertThat(RedisContents.pttl(redis, "lock:" + KEY)).isBetween(1L, 6_000L);
        }
        RedisContents.assertNothingLeft(redis);
    }

    @Test
    void aFlushOfAllDataIsALossOnlyToWhoHeld() throws Exception {
        DistributedMutex holder = instances.add("holder");
        DistributedMutex waiter = instances.add("waiter");
        Lease held = holder.acquire(KEY);
        CompletableFuture<Lease> waiting = waiter.acquireAsync(KEY);
        Await.until("the waiter to queue", () -> RedisContents.waiters(redis, "lock:" + KEY) == 1);

        redis.command("FLUSHALL");
        long flushed = System.nanoTime();

        try (Lease next = waiting.get(5, TimeUnit.SECONDS)) {
            double millis = (System.nanoTime() - flushed) / 1e6;
            Figures.say("a waiter took the flushed key after %.0f ms", millis);
            assertThat(millis).isLessThan(250 + 150 + stalls.allowanceMillis());
            assertThat(next.fencingToken()).isGreaterThan(held.fencingToken());
            assertThat(held.release()).isFalse();
            assertThat(held.lossReason()).contains(LossReason.TAKEN);
            assertThat(next.isValid()).isTrue();
            assertThat(holder.inspect(KEY).orElseThrow().holder()).contains("waiter");
        }
        RedisContents.assertNothingLeft(redis);
    }

    @Test
    void flushedScriptsAreLoadedAgainOnceAndNothingElseIsNoticed() {
        DistributedMutex mutex = instances.add("A");
        mutex.acquire(KEY).release();
        try (CommandLog log = CommandLog.of(redis)) {
            redis.command("SCRIPT", "FLUSH");
            log.take();

            mutex.acquire(KEY).release();
            mutex.acquire(KEY).release();

            assertThat(CommandLog.counts(log.take()))
                    .isEqualTo(Map.of("SET", 2, "XADD", 2, "EXISTS", 2, "GETRANGE", 2, "free", 2, "EVAL", 1));
        }
        RedisContents.assertNothingLeft(redis);
    }
}
