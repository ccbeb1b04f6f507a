package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Seeds;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The connection is cut at a byte of each request and each reply, before its first and after its last byte
 * too. Whatever was cut, the promise is kept after the reconnection: one holder, whose one release frees the key,
 * tokens that rise, nothing left in Redis.
 *
 * <p>Cut is every {@value #STRIDE}th byte, beginning at one that a seed decides, and the last: {@code -Dcuts.seed=N} begins at
 * another, {@code -Dcuts.stride=1} cuts at each byte, which takes some minutes.
 */
@WithRedis
@LeavesNothing(warnings = {"AT RISK", "OUTAGE"})
class CutRequestsTest {

    private static final String KEY = "cut";
    private static final String LOCK = "lock:" + KEY;
    private static final Pattern VALUE = Pattern.compile("[A-Za-z0-9_-]{22}(?:\\||!|\\|(\\d+))\\|.*");
    private static final int STRIDE = 41;
    private static final LockOptions PATIENT = LockOptions.builder()
            .waitTime(Duration.ofSeconds(20))
            .retryInterval(Duration.ofMillis(20))
            .build();
    /** No poll takes the cut that is meant for something else. */
    private static final LockOptions QUIET =
            PATIENT.toBuilder().retryInterval(Duration.ofMinutes(1)).build();
    /**
     * What was cut is repeated when the connection is back, which is tried at once; a busy machine needs a moment for
     * that. It is far below the lease time of a minute, so that nothing passes by expiring.
     */
    private static final Duration SOON = Duration.ofSeconds(20);

    private final EmbeddedRedis redis;
    private FaultyProxy proxy;
    private Instances instances;
    private int subscribers;
    private long lastFence;

    CutRequestsTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void start() {
        proxy = FaultyProxy.to(redis.port());
        instances = new Instances(redis);
    }

    @AfterEach
    void stop() {
        instances.close();
        proxy.close();
        RedisContents.assertNothingLeft(redis);
    }

    @ParameterizedTest
    @EnumSource
    void anAcquireIsGrantedOnce(Direction direction) {
        DistributedMutex mutex = behindTheProxy(PATIENT);
        cutEverywhere(direction, cut -> releaseOnce(cut.at(mutex, () -> mutex.acquire(KEY))));
    }

    @ParameterizedTest
    @EnumSource
    void aTryIsGrantedOnceOrFailsAndLeavesNothing(Direction direction) {
        DistributedMutex mutex = behindTheProxy(PATIENT);
        cutEverywhere(direction, cut -> {
            Optional<Lease> lease;
            try {
                lease = cut.at(mutex, () -> mutex.tryAcquire(KEY));
            } catch (StoreUnreachableException notKnown) {
                // If it was granted all the same, that is given back.
                RedisContents.assertNothingLeft(redis, SOON);
                awaitConnections(mutex);
                lease = mutex.tryAcquire(KEY);
            }
            releaseOnce(lease.orElseThrow());
        });
    }

    @ParameterizedTest
    @EnumSource
    void anExtendHappensOrNotButNothingIsLost(Direction direction) {
        DistributedMutex mutex = behindTheProxy(PATIENT);
        cutEverywhere(direction, cut -> {
            Lease lease = mutex.acquire(KEY);
            Throwable outcome = cut.at(mutex, () -> catchThrowable(() -> lease.extend(Duration.ofMinutes(3))));
            if (outcome == null) {
                assertThat(RedisContents.pttl(redis, LOCK)).isGreaterThan(170_000);
            } else {
                assertThat(outcome).isInstanceOf(StoreUnreachableException.class);
                assertThat(lease.remaining()).isLessThanOrEqualTo(Duration.ofMillis(RedisContents.pttl(redis, LOCK)));
            }
            releaseOnce(lease);
        });
    }

    @ParameterizedTest
    @EnumSource
    void aReleaseFreesTheKeySoonAndSaysThatItWasHeld(Direction direction) {
        DistributedMutex mutex = behindTheProxy(PATIENT);
        cutEverywhere(direction, cut -> {
            Lease lease = mutex.acquire(KEY);
            assertThat(cut.at(mutex, lease::release)).isTrue();
            assertThat(RedisContents.leftovers(redis)).isEmpty();
        });
    }

    @ParameterizedTest
    @EnumSource
    void aWaiterThatGivesUpLeavesTheQueueSoon(Direction direction) {
        DistributedMutex mutex = behindTheProxy(QUIET);
        DistributedMutex holder = direct();
        cutEverywhere(direction, cut -> {
            Lease held = holder.acquire(KEY);
            CompletableFuture<Lease> waiting = mutex.acquireAsync(KEY);
            Await.until("it to queue", () -> RedisContents.waiters(redis, LOCK) == 1);
            cut.at(mutex, () -> waiting.cancel(true));
            Await.until("it to leave the queue", SOON, () -> RedisContents.waiters(redis, LOCK) == 0);
            releaseOnce(held);
        });
    }

    @ParameterizedTest
    @EnumSource
    void aGrantThatIsPushedIsClaimedOnce(Direction direction) {
        DistributedMutex mutex = behindTheProxy(PATIENT);
        DistributedMutex holder = direct();
        cutEverywhere(direction, cut -> {
            Lease held = holder.acquire(KEY);
            CompletableFuture<Lease> waiting = mutex.acquireAsync(KEY);
            Await.until("it to queue", () -> RedisContents.waiters(redis, LOCK) == 1);
            Lease lease = cut.at(mutex, () -> {
                held.release();
                return get(waiting);
            });
            Await.until("the claim", SOON, () -> RedisContents.pttl(redis, LOCK) > 50_000);
            releaseOnce(lease);
        });
    }

    @ParameterizedTest
    @EnumSource
    void givingBackAndAskingAnewIsGrantedOnce(Direction direction) {
        DistributedMutex mutex = behindTheProxy(QUIET);
        cutEverywhere(direction, cut -> {
            Lease first = mutex.acquire(KEY);
            CompletableFuture<Lease> second = mutex.acquireAsync(KEY);
            Await.until("the second to queue in Redis", () -> RedisContents.waiters(redis, LOCK) == 1);
            releaseOnce(cut.at(mutex, () -> {
                first.close();
                return get(second);
            }));
            assertThat(first.state()).isEqualTo(LeaseState.RELEASED);
        });
    }

    @ParameterizedTest
    @EnumSource
    void givingBackAndAskingAnewLetsAnotherInBetween(Direction direction) {
        DistributedMutex mutex = behindTheProxy(QUIET);
        DistributedMutex other = direct();
        cutEverywhere(direction, cut -> {
            Lease first = mutex.acquire(KEY);
            CompletableFuture<Lease> between = other.acquireAsync(KEY);
            Await.until("the other to queue", () -> RedisContents.waiters(redis, LOCK) == 1);
            CompletableFuture<Lease> second = mutex.acquireAsync(KEY);
            Await.until("the second to queue", () -> RedisContents.waiters(redis, LOCK) == 2);
            Lease granted = cut.at(mutex, () -> {
                first.close();
                return get(between);
            });
            assertThat(second).isNotDone();
            assertThat(granted.fencingToken()).isGreaterThan(first.fencingToken());
            assertThat(granted.release()).isTrue();
            releaseOnce(get(second));
        });
    }

    /** What a test does with each cut. */
    @FunctionalInterface
    private interface Round {
        void play(Cut cut);
    }

    /** An action, during which the connection is cut. */
    @FunctionalInterface
    private interface Action<T> {
        T perform();
    }

    /** One cut, or none, to count the bytes. */
    private final class Cut {
        private final Direction direction;
        private final long position;
        private long bytes;

        Cut(Direction direction, long position) {
            this.direction = direction;
            this.position = position;
        }

        <T> T at(DistributedMutex mutex, Action<T> action) {
            awaitConnections(mutex);
            long before = proxy.passed(direction);
            int accepted = proxy.accepted();
            if (position >= 0) {
                proxy.cutAfter(direction, position);
            }
            try {
                return action.perform();
            } finally {
                if (position >= 0) {
                    // A stall of the machine may have added a poll to what was counted, so something is said until the
                    // cut comes.
                    Await.until("the connection to be back", () -> {
                        Throwable unusedOutcome = catchThrowable(() -> mutex.inspect("another"));
                        return proxy.accepted() > accepted;
                    });
                } else {
                    // So that the last reply is counted too.
                    Await.pass(Duration.ofMillis(100));
                    bytes = proxy.passed(direction) - before;
                }
            }
        }
    }

    private void cutEverywhere(Direction direction, Round round) {
        // The first time each script is sent as a whole, which is not what is counted.
        round.play(new Cut(direction, -1));
        Cut uncut = new Cut(direction, -1);
        round.play(uncut);
        for (int again = 0; again < 5 && uncut.bytes == 0; again++) {
            // A stall of the machine kept back what is sent within 100 ms otherwise.
            uncut = new Cut(direction, -1);
            round.play(uncut);
        }
        assertThat(uncut.bytes).isPositive();
        long seed = Long.getLong("cuts.seed", Seeds.first());
        int stride = Integer.getInteger("cuts.stride", STRIDE);
        System.out.printf("cut at one byte of %d of %d %s, -Dcuts.seed=%d%n", stride, uncut.bytes, direction, seed);
        for (long position = new Random(seed).nextInt(stride); position < uncut.bytes; position += stride) {
            play(round, direction, position);
        }
        play(round, direction, uncut.bytes);
    }

    private void play(Round round, Direction direction, long position) {
        try {
            round.play(new Cut(direction, position));
            assertThat(RedisContents.leftovers(redis)).isEmpty();
        } catch (RuntimeException | AssertionError failure) {
            throw new AssertionError("cut after byte " + position + " " + direction, failure);
        }
    }

    private void releaseOnce(Lease lease) {
        assertThat(lease.isValid()).isTrue();
        assertThat(lease.fencingToken()).isGreaterThan(lastFence);
        lastFence = fenceInRedis(lease.fencingToken());
        assertThat(lease.release()).isTrue();
        assertThat(RedisContents.leftovers(redis)).isEmpty();
    }

    /**
     * The fencing token in the lock's value, or else the lease's. The commands that take a lock write none. Where the machine is
     * so slow that a poll goes out before their answer, the poll draws a later one and writes that.
     */
    private long fenceInRedis(long ofTheLease) {
        Matcher value = VALUE.matcher((String) redis.command("GET", LOCK));
        assertThat(value.matches()).as(value.toString()).isTrue();
        long fence = value.group(1) == null ? ofTheLease : Long.parseLong(value.group(1));
        assertThat(fence).isGreaterThanOrEqualTo(ofTheLease);
        return fence;
    }

    /** What was said before, and what is said when a connection is made, is not to take the cut. */
    private void awaitConnections(DistributedMutex mutex) {
        Await.until(
                "connections and subscriptions",
                () -> proxy.connections() == 2
                        && ((List<?>) redis.command("PUBSUB", "CHANNELS", "dmutex:grants:*")).size() == subscribers);
        Await.until("an answer", () -> catchThrowable(() -> mutex.inspect("another")) == null);
    }

    private DistributedMutex behindTheProxy(LockOptions options) {
        subscribers++;
        return instances.add(builder -> builder.uri(proxy.uri()).options(options));
    }

    private DistributedMutex direct() {
        subscribers++;
        return instances.add("direct", PATIENT);
    }

    private static Lease get(CompletableFuture<Lease> asked) {
        try {
            return asked.get(20, TimeUnit.SECONDS);
        } catch (Exception failure) {
            throw new AssertionError("not granted", failure);
        }
    }
}
