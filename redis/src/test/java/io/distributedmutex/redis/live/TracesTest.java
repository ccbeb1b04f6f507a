package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.MutexListener;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Lock;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What stands in Redis while something is held, and that nothing remains of it anywhere. */
@WithRedis
@LeavesNothing(
        warnings = {
            "LOST traces:\\d+ \\((EXPIRED|REVOKED|CLOSED)",
            "LOST (forced|held) \\((REVOKED|CLOSED)",
            "FORCED release",
            "a MutexListener threw",
            "AT RISK"
        })
class TracesTest {

    private static final Pattern OWNER = Pattern.compile("([A-Za-z0-9_-]{22})\\|\\|the holder \\| of it");

    /** Those of the JDK and of Netty, which the whole process shares, and of the test's own making. */
    private static final Pattern SHARED_THREAD = Pattern.compile(
            "dmutex-testkit-.*|process reaper.*|ForkJoinPool.*|VirtualThread-.*|CompletableFutureDelayScheduler|"
                    + "Common-Cleaner|globalEventExecutor-.*|Attach Listener|junit-.*");

    private final EmbeddedRedis redis;

    TracesTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @Test
    void aLeaseIsATokenOf22CharactersThatLastsALittleLongerThanItsHolderBelieves() {
        try (Instances instances = new Instances(redis)) {
            DistributedMutex mutex = instances.add("the holder | of it");
            Set<String> tokens = new TreeSet<>();
            for (int i = 0; i < 50; i++) {
                try (Lease lease = mutex.acquire("B1")) {
                    Object value = redis.command("GET", "lock:B1");
                    var parts = OWNER.matcher(String.valueOf(value));
                    assertThat(parts.matches()).as("%s", value).isTrue();
                    tokens.add(parts.group(1));
                    assertThat(lease.fencingToken()).isBetween(1L, 1L << 53);

                    long believed = System.nanoTime() + lease.remaining().toNanos();
                    long ttl = RedisContents.pttl(redis, "lock:B1");
                    long forgotten = System.nanoTime() + (ttl + 1) * 1_000_000;
                    assertThat(ttl).isBetween(40_000L, 60_000L);
                    assertThat(believed)
                            .as("the holder stops believing before the server forgets")
                            .isLessThan(forgotten);
                }
            }
            assertThat(tokens).as("a new token for each acquisition").hasSize(50);
        }
        RedisContents.assertNothingLeft(redis);
    }

    @Test
    void afterEverythingIsReleasedOnlyFenceCountersRemainAndAfterCloseNoThread() throws Exception {
        new Instances(redis).close();
        Set<Thread> before = Thread.getAllStackTraces().keySet();
        List<String> lockKeys = new ArrayList<>();
        try (Instances instances = new Instances(redis)) {
            DistributedMutex one =
                    instances.add(builder -> builder.holderLabel("one").listener(new MutexListener() {
                        @Override
                        public void onForcedRelease(LockInfo evicted) {
                            throw new IllegalStateException("a listener that fails, once");
                        }
                    }));
            DistributedMutex two = instances.add("two");
            for (int i = 0; i < 5; i++) {
                useInEveryWay(one, two, "traces:" + i);
                lockKeys.add("lock:traces:" + i);
            }
            one.acquire("forced");
            assertThat(one.forceRelease("forced")).isPresent();
            RedisContents.assertNothingLeft(redis, Duration.ofSeconds(3));
            // One counter for each slot in use, not for each lock.
            assertThat(RedisContents.keys(redis))
                    .isNotEmpty()
                    .hasSizeLessThanOrEqualTo(lockKeys.size() + 1)
                    .doesNotContainAnyElementsOf(lockKeys);
            assertThat(RedisContents.keys(redis))
                    .allSatisfy(fence ->
                            assertThat(RedisContents.pttl(redis, fence)).isEqualTo(-1));
        }
        Await.until(
                "threads to end: " + threadsSince(before),
                () -> threadsSince(before).isEmpty());
        Await.until(
                "connections to close",
                () -> String.valueOf(redis.command("CLIENT", "LIST")).lines().count() == 1);
        assertThat((List<?>) redis.command("PUBSUB", "CHANNELS", "*")).isEmpty();
    }

    private static void useInEveryWay(DistributedMutex one, DistributedMutex two, String key) throws Exception {
        DistributedMutex renewing =
                one.with(o -> o.leaseTime(Duration.ofSeconds(10)).autoRenew(Duration.ofMinutes(1)));
        DistributedMutex hurried = two.with(o -> o.waitTime(Duration.ofMillis(5)));
        try (Lease lease = renewing.acquire(key)) {
            lease.onLost(lost -> {});
            CompletableFuture<?> lost = lease.lost();
            assertThat(two.tryAcquire(key)).isEmpty();
            assertThat(catchThrowable(() -> hurried.acquire(key))).isNotNull();
            CompletableFuture<Lease> cancelled = two.acquireAsync(key);
            CompletableFuture<Lease> served = two.acquireAsync(key);
            cancelled.cancel(true);
            lease.extend(Duration.ofSeconds(30));
            assertThat(lease.release()).isTrue();
            served.get().close();
            Await.until("the future to end", lost::isCancelled);
        }
        Lock lock = one.asLock(key);
        lock.lock();
        lock.lock();
        lock.unlock();
        lock.unlock();
        one.run(key, lease -> assertThat(lease.isValid()).isTrue());
        two.with(o -> o.leaseTime(Duration.ofMillis(20))).acquire(key); // Left to expire.
        one.acquire(key);
        assertThat(two.forceRelease(key)).isPresent();
    }

    @Test
    void closingWakesWaitersAndReleasesWhatIsHeld() throws Exception {
        try (Instances instances = new Instances(redis)) {
            DistributedMutex closed = instances.add("closed");
            DistributedMutex other = instances.add(
                    "other",
                    LockOptions.builder().waitTime(Duration.ofSeconds(20)).build());
            Lease held = closed.acquire("held");
            Lease wanted = other.acquire("wanted");
            CompletableFuture<Lease> heir = other.acquireAsync("held");
            CompletableFuture<Lease> waiter = closed.acquireAsync("wanted");
            CompletableFuture<Throwable> thread =
                    CompletableFuture.supplyAsync(() -> catchThrowable(() -> closed.acquire("wanted")), OwnThread.EACH);
            Await.until(
                    "both to queue",
                    () -> RedisContents.waiters(redis, "lock:held") == 1
                            && RedisContents.waiters(redis, "lock:wanted") == 1);

            long begun = System.nanoTime();
            closed.close();
            Figures.say("close() took %.1f ms", (System.nanoTime() - begun) / 1e6);

            assertThat(waiter.handle((lease, error) -> error).get())
                    .isInstanceOf(MutexClosedException.class)
                    .hasMessage("'wanted' not acquired: closed while waiting");
            assertThat(thread.get()).isInstanceOf(MutexClosedException.class);
            assertThat(held.isValid()).isFalse();
            assertThat(RedisContents.waiters(redis, "lock:wanted")).isZero();
            assertThat(heir.get().release()).isTrue();
            assertThat(wanted.release()).isTrue();
            assertThat(catchThrowable(() -> closed.acquire("held")))
                    .isInstanceOf(MutexClosedException.class)
                    .hasMessage("'held' not acquired: this DistributedMutex is closed");
            assertThat(catchThrowable(() -> closed.tryAcquire("held"))).isInstanceOf(MutexClosedException.class);
            assertThat(catchThrowable(() -> closed.acquireAsync("held"))).isInstanceOf(MutexClosedException.class);
            assertThat(catchThrowable(() -> closed.inspect("held")))
                    .isInstanceOf(MutexClosedException.class)
                    .hasMessage("'held' not inspected: closed");
        }
        RedisContents.assertNothingLeft(redis);
    }

    private static Set<String> threadsSince(Set<Thread> before) {
        Set<String> names = new TreeSet<>();
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (!before.contains(thread)
                    && !SHARED_THREAD.matcher(thread.getName()).matches()) {
                names.add(thread.getName());
            }
        }
        return names;
    }
}
