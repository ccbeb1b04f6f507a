package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexListener;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A server that answers nothing for a while, and then all at once. */
@WithRedis
@LeavesNothing(warnings = {"LOST (silent\\d*|renewed) \\(EXPIRED", "has been silent", "AT RISK", "OUTAGE"})
class SilentRedisTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private static final String KEY = "silent";

    private final EmbeddedRedis redis;
    private Instances instances;

    SilentRedisTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void start() {
        instances = new Instances(redis);
    }

    @AfterEach
    void stop() {
        redis.resume();
        instances.close();
        RedisContents.assertNothingLeft(redis);
    }

    private static LockOptions lease(long millis) {
        return LockOptions.builder().leaseTime(Duration.ofMillis(millis)).build();
    }

    @Test
    void aHolderIsToldNoLaterThanTheTrueExpiry() throws Exception {
        CompletableFuture<Long> risk = new CompletableFuture<>();
        DistributedMutex plain = instances.add("plain");
        DistributedMutex renewing = instances.add(builder -> builder.options(lease(6_000).toBuilder()
                        .autoRenew(Duration.ofMinutes(1))
                        .build())
                .listener(new MutexListener() {
                    @Override
                    public void onAtRisk(Lease lease) {
                        risk.complete(System.nanoTime());
                    }
                }));
        Lease renewed = renewing.acquire("renewed");
        // Just after a renewal, so that no other can come before the pause.
        Await.until("a renewal to be due soon", () -> RedisContents.pttl(redis, "lock:renewed") < 4_400);
        Await.until("a renewal", () -> RedisContents.pttl(redis, "lock:renewed") > 5_600);
        List<Held> held = new ArrayList<>();
        held.add(new Held(renewed));
        for (int i = 0; i < 8; i++) {
            int millis = 1_000 + 50 * i;
            held.add(new Held(
                    plain.with(o -> o.leaseTime(Duration.ofMillis(millis))).acquire(KEY + i)));
        }
        for (Held each : held) {
            each.expiry = System.nanoTime() + RedisContents.pttl(redis, "lock:" + each.lease.key()) * 1_000_000;
        }
        redis.pause();

        Await.until("all to be told", () -> {
            for (Held each : held) {
                long looked = System.nanoTime();
                if (each.lease.isValid()) {
                    assertThat(looked)
                            .as("when %s was still believed in", each.lease)
                            .isLessThan(each.expiry);
                }
            }
            return held.stream().allMatch(each -> each.told.isDone());
        });
        Figures early = new Figures("told before the true expiry");
        for (Held each : held) {
            early.addNanos(each.expiry - each.told.get());
            assertThat(each.lease.state()).isEqualTo(LeaseState.LOST);
            assertThat(each.lease.lossReason()).contains(LossReason.EXPIRED);
            assertThat(each.lease.release()).isFalse();
        }
        early.print();
        // The deadline is 12 ms before the end of a lease of a second.
        assertThat(early.median()).isGreaterThan(-stalls.allowanceMillis());
        assertThat(early.minimum()).isGreaterThan(-150 - stalls.allowanceMillis());
        long told = held.get(0).told.get();
        Figures.say("at risk %.0f ms before the renewed lease was lost", (told - risk.get(60, TimeUnit.SECONDS)) / 1e6);
        assertThat(risk.get()).isLessThan(told);
    }

    /** A lease, and when its holder was told of its loss. */
    private static final class Held {
        private final Lease lease;
        private final CompletableFuture<Long> told = new CompletableFuture<>();
        /** The earliest time at which the server may expire it. */
        private long expiry;

        Held(Lease lease) {
            this.lease = lease;
            lease.onLost(lost -> told.complete(System.nanoTime()));
        }
    }

    @Test
    void anAcquireThatIsNotAnsweredEndsInTimeAndIsCleanedUpWhenTheServerWakes() {
        DistributedMutex patient = instances.add("patient");
        DistributedMutex quick = instances.add(builder -> builder.commandTimeout(Duration.ofMillis(100)));
        Figures late = new Figures("acquire with a wait time of 700 ms ended late by");
        redis.pause();

        long begun = System.nanoTime();
        Throwable outcome = catchThrowable(
                () -> patient.with(o -> o.waitTime(Duration.ofMillis(700))).acquire(KEY));
        late.addNanos(System.nanoTime() - begun - 700_000_000);
        assertThat(outcome)
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessage("'silent' not acquired within 700 ms: the store has not answered yet");

        begun = System.nanoTime();
        outcome = catchThrowable(
                () -> quick.with(o -> o.waitTime(Duration.ofMillis(700))).acquire(KEY));
        late.addNanos(System.nanoTime() - begun - 700_000_000);
        assertThat(outcome)
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageStartingWith("'silent' not acquired within 700 ms: ")
                .hasMessageContaining("Redis at 127.0.0.1:" + redis.port());

        begun = System.nanoTime();
        outcome = catchThrowable(() -> quick.tryAcquire(KEY));
        Figures.say("tryAcquire with a command time-out of 100 ms ended after %.0f ms", millisSince(begun));
        assertThat(outcome).isInstanceOf(StoreUnreachableException.class);
        assertThat(millisSince(begun)).isLessThan(100 + 200 + stalls.allowanceMillis());

        late.print();
        assertThat(late.minimum()).isNotNegative();
        assertThat(late.maximum()).isLessThan(150 + stalls.allowanceMillis());

        redis.resume();
        long resumed = System.nanoTime();
        // Each of the three had a lease time of a minute, which nobody is to wait for.
        RedisContents.assertNothingLeft(redis, Duration.ofSeconds(3));
        Figures.say("nothing left %.0f ms after the server woke", millisSince(resumed));
        try (Lease next = instances.add("next").acquire(KEY)) {
            assertThat(next.isValid()).isTrue();
        }
    }

    /** Whatever the machine does meanwhile, no time-out of this instance is over before the server answers. */
    private DistributedMutex patientWith(LockOptions options) {
        return instances.add(builder -> builder.holderLabel("late")
                .commandTimeout(Duration.ofSeconds(20))
                .options(options.toBuilder().waitTime(Duration.ofSeconds(30)).build()));
    }

    @Test
    void aLeaseWhoseGrantTookLongerThanItselfIsAskedForAnew() throws Exception {
        DistributedMutex mutex = patientWith(lease(2_000));
        redis.pause();
        CompletableFuture<Lease> asked = mutex.acquireAsync(KEY);
        Await.pass(Duration.ofMillis(2_500));
        redis.resume();

        try (Lease lease = asked.get(60, TimeUnit.SECONDS)) {
            long before = System.nanoTime();
            long remaining = lease.remaining().toNanos();
            assertThat(remaining).isBetween(1L, 2_000_000_000L);
            long left = RedisContents.pttl(redis, "lock:" + KEY);
            // The server said so at the latest now. On a machine that is busy the key may have ended before it was
            // asked.
            long expiry = System.nanoTime() + Math.max(0, left + 1) * 1_000_000;
            assertThat(before + remaining)
                    .as("what the holder believes, beside what the server says")
                    .isLessThanOrEqualTo(expiry);
        }
    }

    @Test
    void aTryWhoseGrantTookLongerThanItsLeaseSaysSoAndLeavesNothing() throws Exception {
        DistributedMutex mutex = patientWith(lease(2_000));
        redis.pause();
        CompletableFuture<Throwable> asked =
                CompletableFuture.supplyAsync(() -> catchThrowable(() -> mutex.tryAcquire(KEY)), OwnThread.EACH);
        Await.pass(Duration.ofMillis(2_500));
        redis.resume();

        assertThat(asked.get(60, TimeUnit.SECONDS))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageMatching("'silent' not acquired: the store's grant arrived after [\\d.]+ m?s,"
                        + " when the lease time of 2 s was over");
        // Before it would end by itself.
        RedisContents.assertNothingLeft(redis, Duration.ofMillis(1_500));
    }

    @Test
    void aWaiterOutlastsASilenceShorterThanItsWaitTime() throws Exception {
        DistributedMutex holder = instances.add("holder", lease(3_000));
        DistributedMutex waiter = patientWith(LockOptions.defaults());
        holder.acquire(KEY);
        CompletableFuture<Lease> asked = waiter.acquireAsync(KEY);
        Await.until("the waiter to queue", () -> RedisContents.waiters(redis, "lock:" + KEY) == 1);
        redis.pause();
        Await.pass(Duration.ofMillis(3_200));
        redis.resume();
        long resumed = System.nanoTime();

        try (Lease lease = asked.get(60, TimeUnit.SECONDS)) {
            Figures.say(
                    "holder's lease over while the server was silent: waiter served %.0f ms after it woke",
                    millisSince(resumed));
            assertThat(millisSince(resumed)).isLessThan(400 + stalls.allowanceMillis());
            assertThat(lease.isValid()).isTrue();
        }
    }

    @Test
    void aReleaseThatIsNotAnsweredSaysSoAndHappensLater() throws Exception {
        DistributedMutex mutex = instances.add(builder -> builder.commandTimeout(Duration.ofMillis(100))
                .options(LockOptions.builder().waitTime(Duration.ofMillis(400)).build()));
        Lease waited = acquired(mutex, KEY);
        Lease closed = acquired(mutex, "closed");
        redis.pause();

        long begun = System.nanoTime();
        closed.close();
        double closing = millisSince(begun);
        begun = System.nanoTime();
        Throwable outcome = catchThrowable(waited::release);
        Figures.say(
                "with a silent server close() took %.1f ms, release() with a wait time of 400 ms %.0f ms",
                closing, millisSince(begun));

        assertThat(closing).isLessThan(50 + stalls.allowanceMillis());
        assertThat(outcome)
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageStartingWith("release of 'silent' not confirmed; it is repeated until the lease's end");
        assertThat(millisSince(begun)).isLessThan(400 + 200 + stalls.allowanceMillis());
        redis.resume();
        RedisContents.assertNothingLeft(redis, Duration.ofSeconds(3));
    }

    /** Again, where a machine that is busy did not answer in the short time that the mutex has. */
    private static Lease acquired(DistributedMutex mutex, String key) {
        return Await.value("the lock", Await.BOUND, () -> {
            try {
                return Optional.of(mutex.acquire(key));
            } catch (StoreUnreachableException e) {
                return Optional.empty();
            }
        });
    }

    private static double millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1e6;
    }
}
