package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A lease ends while the acquire's reply is on the way. All packets are lost, on the way to the server,
 * on the way back, or on both; connections stay open. ({@code SilentRedisTest} has a server that stands still instead.)
 */
@WithRedis
@LeavesNothing(warnings = {"LOST hole\\d* \\(EXPIRED", "has been silent", "AT RISK", "OUTAGE"})
class BlackHoleTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private static final String KEY = "hole";

    private final EmbeddedRedis redis;
    private FaultyProxy proxy;
    private Instances instances;

    BlackHoleTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void start() {
        proxy = FaultyProxy.to(redis.port());
        instances = new Instances(redis);
    }

    @AfterEach
    void stop() {
        proxy.heal();
        instances.close();
        proxy.close();
        RedisContents.assertNothingLeft(redis);
    }

    static Stream<Set<Direction>> ways() {
        return Stream.of(
                EnumSet.of(Direction.TO_SERVER), EnumSet.of(Direction.TO_CLIENT), EnumSet.allOf(Direction.class));
    }

    /** For leases that are renewed. */
    @ParameterizedTest
    @MethodSource("ways")
    void aHolderIsToldNoLaterThanTheTrueExpiry(Set<Direction> ways) throws Exception {
        DistributedMutex mutex = behindTheProxy(LockOptions.builder()
                .leaseTime(Duration.ofSeconds(6))
                .autoRenew(Duration.ofMinutes(1))
                .build());
        List<Held> all = new ArrayList<>();
        for (int i = 0; i < 7; i++) {
            all.add(new Held(mutex.acquire(KEY + i)));
        }
        Await.until("a renewal of each", () -> all.stream().allMatch(Held::isRenewed));
        ways.forEach(proxy::hold);
        // Renewals that had passed the proxy are done by now. Where they still arrive, the keys live longer than that.
        for (Held held : all) {
            held.expiry = System.nanoTime() + RedisContents.pttl(redis, held.lockKey()) * 1_000_000;
        }

        Await.until("all to be told", () -> {
            for (Held held : all) {
                long looked = System.nanoTime();
                if (held.lease.isValid()) {
                    assertThat(looked).as("when %s was believed in", held.lease).isLessThan(held.expiry);
                }
            }
            return all.stream().allMatch(held -> held.listener.isDone() && held.future.isDone());
        });
        Figures early = new Figures("told before the true expiry, nothing passing " + ways);
        for (Held held : all) {
            assertThat(held.lease.state()).isEqualTo(LeaseState.LOST);
            assertThat(held.lease.lossReason()).contains(LossReason.EXPIRED);
            early.addNanos(held.expiry - Math.max(held.listener.get(), held.future.get()));
        }
        early.print();
        // The deadline is 62 ms before the end of such a lease. That nobody believed in a lease after its end was
        // looked at above.
        assertThat(early.median()).isGreaterThan(-stalls.allowanceMillis());
        assertThat(early.minimum()).isGreaterThan(-150 - stalls.allowanceMillis());

        proxy.heal();
        // Also what arrives late now keeps no key.
        RedisContents.assertNothingLeft(redis, Duration.ofMillis(3_000 + stalls.allowanceMillis()));
        Await.until("an answer", () -> catchThrowable(() -> mutex.inspect(KEY)) == null);
        try (Lease next = mutex.acquire(KEY + 0)) {
            assertThat(next.fencingToken()).isGreaterThan(all.get(0).lease.fencingToken());
        }
    }

    /** For one who waits: the late grant is not given, but another that is valid. */
    @Test
    void aLeaseThatEndsWhileItsGrantIsOnTheWayIsAskedForAnew() throws Exception {
        DistributedMutex mutex = behindTheProxy(lease300());
        // So that the server knows the script: else its answer that it does not would be held.
        mutex.acquire(KEY).release();
        long fenceBefore = RedisContents.lastFence(redis, "lock:" + KEY);
        proxy.hold(Direction.TO_CLIENT);
        CompletableFuture<Lease> asked = mutex.acquireAsync(KEY);
        long lateFence = fenceOfTheGrantAfter(fenceBefore);
        Await.until("its end", () -> RedisContents.pttl(redis, "lock:" + KEY) == -2);
        assertThat(asked).isNotDone();
        proxy.pass(Direction.TO_CLIENT);

        try (Lease lease = asked.get(20, TimeUnit.SECONDS)) {
            assertThat(lease.fencingToken()).isGreaterThan(lateFence);
            long before = System.nanoTime();
            long believed = lease.remaining().toNanos();
            long left = RedisContents.pttl(redis, "lock:" + KEY);
            // The server said so at the latest now. The key may have ended before it was asked.
            long expiry = System.nanoTime() + Math.max(0, left + 1) * 1_000_000;
            assertThat(before + believed).isLessThanOrEqualTo(expiry);
        }
    }

    /** For one who only tries: it is told, and nothing is left. */
    @Test
    void aTryWhoseLeaseEndsWhileItsGrantIsOnTheWayFailsAndLeavesNothing() throws Exception {
        DistributedMutex mutex = behindTheProxy(lease300());
        // So that the server knows the script: else its answer that it does not would be held.
        mutex.acquire(KEY).release();
        long fenceBefore = RedisContents.lastFence(redis, "lock:" + KEY);
        proxy.hold(Direction.TO_CLIENT);
        CompletableFuture<Throwable> tried =
                CompletableFuture.supplyAsync(() -> catchThrowable(() -> mutex.tryAcquire(KEY)), OwnThread.EACH);
        fenceOfTheGrantAfter(fenceBefore);
        Await.until("its end", () -> RedisContents.pttl(redis, "lock:" + KEY) == -2);
        assertThat(tried).isNotDone();
        proxy.pass(Direction.TO_CLIENT);

        assertThat(tried.get(20, TimeUnit.SECONDS))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContaining("when the lease time of 300 ms was over");
        assertThat(RedisContents.leftovers(redis)).isEmpty();
    }

    private DistributedMutex behindTheProxy(LockOptions options) {
        // No time-out of a request is to be over before its answer is let through.
        return instances.add(builder -> builder.uri(proxy.uri())
                .commandTimeout(Duration.ofSeconds(20))
                .options(options.toBuilder().waitTime(Duration.ofSeconds(30)).build()));
    }

    private static LockOptions lease300() {
        return LockOptions.builder().leaseTime(Duration.ofMillis(300)).build();
    }

    /** Waits until the server has granted the key, and returns the fencing token of that. */
    private long fenceOfTheGrantAfter(long fence) {
        Await.until("the grant", () -> RedisContents.lastFence(redis, "lock:" + KEY) > fence);
        return RedisContents.lastFence(redis, "lock:" + KEY);
    }

    /** A lease, and when its holder was told of its loss. */
    private static final class Held {
        private final Lease lease;
        private final CompletableFuture<Long> listener = new CompletableFuture<>();
        private final CompletableFuture<Long> future;
        private final long firstDeadline;
        /** The earliest time at which the server may expire it. */
        private long expiry;

        Held(Lease lease) {
            this.lease = lease;
            this.firstDeadline = deadline();
            lease.onLost(lost -> listener.complete(System.nanoTime()));
            future = lease.lost().toCompletableFuture().thenApply(reason -> System.nanoTime());
        }

        boolean isRenewed() {
            return deadline() - firstDeadline > 100_000_000;
        }

        private long deadline() {
            return System.nanoTime() + lease.remaining().toNanos();
        }

        String lockKey() {
            return "lock:" + lease.key();
        }
    }
}
