package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** With an empty prefix, one key is one lock for us and for everyone who sets it by SET NX PX. */
@WithRedis
@LeavesNothing(
        warnings = {
            "LOST shared with others \\(TAKEN",
            "FORCED release of shared with others by ours: taken from a foreign client",
            "AT RISK"
        })
class InteropTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private static final String KEY = "shared with others";

    /** How bsm/redislock, redsync, redis-py and the Redis manual release. */
    private static final String THEIR_RELEASE =
            "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

    private static final String THEIR_EXTEND =
            "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return"
                    + " 0 end";

    private final EmbeddedRedis redis;
    private Instances instances;
    private DistributedMutex mutex;

    InteropTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void start() {
        instances = new Instances(redis);
        mutex = instances.add(builder -> builder.holderLabel("ours").keyPrefix(""));
    }

    @AfterEach
    void stop() {
        instances.close();
        RedisContents.assertNothingLeft(redis);
    }

    private boolean theyAcquire(String value, long millis) {
        return "OK".equals(redis.command("SET", KEY, value, "NX", "PX", Long.toString(millis)));
    }

    private boolean theyRelease(String value) {
        return Long.valueOf(1).equals(redis.command("EVAL", THEIR_RELEASE, "1", KEY, value));
    }

    @Test
    void theirLockExcludesUsAndIsOursWhenTheirsEnds() throws Exception {
        assertThat(theyAcquire("their value", 6_000)).isTrue();
        long theirEnd = System.nanoTime() + RedisContents.pttl(redis, KEY) * 1_000_000;

        assertThat(mutex.tryAcquire(KEY)).isEmpty();
        assertThat(answered(mutex.with(o -> o.waitTime(Duration.ofMillis(20)))))
                .isInstanceOfSatisfying(LockNotAcquiredException.class, e -> {
                    assertThat(e.holder()).isEmpty();
                    assertThat(e.remaining().orElseThrow()).isBetween(Duration.ZERO, Duration.ofSeconds(6));
                })
                .hasMessageMatching("'shared with others' not acquired within 20 ms:"
                        + " held by another client that is not of this library for [\\d.]+ m?s still");
        assertThat(mutex.inspect(KEY).orElseThrow()).satisfies(info -> {
            assertThat(info.holder()).isEmpty();
            assertThat(info.fencingToken()).isEmpty();
        });
        try (Lease lease = mutex.acquire(KEY, Duration.ofSeconds(30))) {
            double millis = (System.nanoTime() - theirEnd) / 1e6;
            Figures.say("ours %.1f ms after the end of their lock", millis);
            // Never before; and their end is known to a millisecond, ours to a poll that is due one after it.
            assertThat(millis).isBetween(-1.0, 150.0 + stalls.allowanceMillis());
            assertThat(lease.isValid()).isTrue();
        }
    }

    /** What an acquire fails with. Where the machine is busy, the first answer may come after a short wait. */
    private static Throwable answered(DistributedMutex mutex) {
        return Await.value(
                "an answer",
                Await.BOUND,
                () -> Optional.of(catchThrowable(() -> mutex.acquire(KEY)))
                        .filter(failure -> !(failure instanceof StoreUnreachableException)));
    }

    @Test
    void ourLockExcludesThemAndTheirReleaseAndExtensionDoNotTouchIt() {
        try (Lease lease = mutex.acquire(KEY)) {
            assertThat(theyAcquire("their value", 60_000)).isFalse();
            assertThat(theyRelease("their value")).isFalse();
            assertThat(redis.command("EVAL", THEIR_EXTEND, "1", KEY, "their value", "10"))
                    .isEqualTo(0L);
            assertThat(lease.isValid()).isTrue();
            assertThat(lease.release()).isTrue();
        }
        assertThat(theyAcquire("their value", 60_000)).isTrue();
        assertThat(theyRelease("their value")).isTrue();
    }

    @Test
    void ourLateReleaseDoesNotTouchTheirLock() {
        Lease lease = mutex.acquire(KEY);
        redis.command("DEL", KEY);
        assertThat(theyAcquire("their value", 60_000)).isTrue();

        assertThat(lease.release()).isFalse();

        assertThat(lease.state()).isEqualTo(LeaseState.LOST);
        assertThat(lease.lossReason()).contains(LossReason.TAKEN);
        assertThat(redis.command("GET", KEY)).isEqualTo("their value");
        assertThat(theyRelease("their value")).isTrue();
    }

    @Test
    void aKeyThatTheyReleaseIsOursByTheNextPoll() throws Exception {
        Figures delays = new Figures("from their release, which pushes nothing, to our grant");
        for (int round = 0; round < 5; round++) {
            assertThat(theyAcquire("their value", 60_000)).isTrue();
            CompletableFuture<Long> granted = mutex.acquireAsync(KEY).thenApply(lease -> {
                try (lease) {
                    return System.nanoTime();
                }
            });
            Await.until("us to queue", () -> RedisContents.waiters(redis, KEY) == 1);
            assertThat(theyRelease("their value")).isTrue();
            long released = System.nanoTime();
            delays.addNanos(granted.get(5, TimeUnit.SECONDS) - released);
            Await.until("our release", () -> RedisContents.leftovers(redis).isEmpty());
        }
        delays.print();
        assertThat(delays.median()).isLessThan(250 + 30 + stalls.allowanceMillis());
        assertThat(delays.maximum()).isLessThan(250 + 150 + stalls.allowanceMillis());
    }

    @Test
    void aKeyOfTheirsWithoutAnExpiryIsRespectedForEverUnlessForced() {
        redis.command("SET", KEY, "no expiry");

        assertThat(mutex.tryAcquire(KEY)).isEmpty();
        assertThat(answered(mutex.with(o -> o.waitTime(Duration.ofMillis(600)))))
                .isInstanceOfSatisfying(LockNotAcquiredException.class, e -> {
                    assertThat(e.holder()).isEmpty();
                    assertThat(e.remaining()).isEmpty();
                })
                .hasMessage("'shared with others' not acquired within 600 ms:"
                        + " held by another client that is not of this library, without an expiry");
        assertThat(mutex.inspect(KEY).orElseThrow().remaining()).isEmpty();
        assertThat(RedisContents.pttl(redis, KEY)).isEqualTo(-1);

        assertThat(mutex.forceRelease(KEY).orElseThrow().holder()).isEmpty();
        try (Lease lease = mutex.acquire(KEY)) {
            assertThat(lease.isValid()).isTrue();
        }
    }

    @Test
    void theirValueMayLookLikeAnything() {
        LockOptions once = LockOptions.builder().waitTime(Duration.ZERO).build();
        for (String value :
                new String[] {"", "|", "a|b|c", "-|1|x", "x".repeat(22) + "|12|label", "\u0000", "x".repeat(10_000)}) {
            assertThat(theyAcquire(value, 60_000)).isTrue();
            assertThat(catchThrowable(() -> mutex.with(o -> once.toBuilder()).acquire(KEY)))
                    .as(value)
                    .isInstanceOf(LockNotAcquiredException.class);
            assertThat(mutex.inspect(KEY)).isPresent();
            assertThat(redis.command("GET", KEY)).isEqualTo(value);
            assertThat(theyRelease(value)).isTrue();
        }
    }
}
