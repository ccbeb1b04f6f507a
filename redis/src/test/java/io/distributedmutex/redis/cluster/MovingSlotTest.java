package io.distributedmutex.redis.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.StoreException;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.live.Instances;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import io.distributedmutex.testkit.server.SlotMigration;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** A slot moves to another master, key by key, while its locks are held, acquired, released and waited for. */
@Timeout(120)
@ParameterizedClass
@MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
class MovingSlotTest {

    private static final LockOptions RENEWED = LockOptions.builder()
            .leaseTime(Duration.ofSeconds(6))
            .waitTime(Duration.ofSeconds(60))
            .autoRenew(Duration.ofMinutes(5))
            .build();

    private final EmbeddedCluster redis;
    private final Instances instances;
    private final int slot;
    private final EmbeddedRedis source;
    private final EmbeddedRedis target;

    MovingSlotTest(RedisExecutable executable) {
        redis = EmbeddedRedis.cluster(2, 0).executable(executable.path()).start();
        slot = redis.slotOf("lock:k");
        source = redis.masterOf(slot);
        target = redis.masters().stream()
                .filter(master -> master != source)
                .findFirst()
                .orElseThrow();
        instances = new Instances(Clusters.uri(redis));
    }

    @AfterEach
    void stop() {
        instances.close();
        redis.close();
    }

    private DistributedMutex connect() {
        return instances.add(builder -> builder.options(RENEWED));
    }

    /** The lock goes first, its companions are elsewhere; then it is the other way round. */
    @Test
    void aHeldLockOutlivesAMigrationThatIsLongerThanItsLease() throws Exception {
        DistributedMutex holder = connect();
        Lease lease = holder.acquire("k");
        CompletableFuture<Lease> waiting = connect().acquireAsync("k");
        Await.until("somebody waits", () -> holder.inspect("k").orElseThrow().waiters() == 1);
        try (SlotMigration migration = redis.migrate(slot, target)) {
            Await.until("it is renewed at the source", renewed(source));
            assertThat(migration.moveKey("lock:k")).isTrue();
            // Longer than the lease: it is renewed at the target.
            Await.pass(Duration.ofMillis(6_500));
            assertThat(lease.isValid()).isTrue();
            Await.until("a renewal that is answered", () -> lease.state() == LeaseState.HELD);
        }
        assertThat(lease.isValid()).isTrue();
        assertThat(lease.release()).isTrue();
        try (Lease next = waiting.get(20, TimeUnit.SECONDS)) {
            assertThat(next.fencingToken()).isGreaterThan(lease.fencingToken());
        }
    }

    private java.util.function.BooleanSupplier renewed(EmbeddedRedis at) {
        return () -> Integer.parseInt(String.valueOf(at.command("PTTL", "lock:k"))) > 5_000;
    }

    /** Nobody else wants it: native commands, each of which may find its key at another node. */
    @Test
    void anUncontendedPairWorksWhileItsSlotMoves() {
        DistributedMutex mutex = connect();
        long before;
        try (Lease lease = mutex.acquire("k")) {
            before = lease.fencingToken();
        }
        try (SlotMigration migration = redis.migrate(slot, target)) {
            // The fence is at the source, the lock will be at the target.
            Lease first = mutex.acquire("k", Duration.ofSeconds(5));
            assertThat(first.fencingToken()).isGreaterThan(before);
            assertThat(source.command("EXISTS", fence())).isEqualTo(1L);
            assertThat(first.release()).isTrue();
            // Now both are at the target.
            assertThat(migration.moveKeys(10)).isEqualTo(1);
            Lease second = mutex.acquire("k", Duration.ofSeconds(5));
            assertThat(second.fencingToken()).isGreaterThan(first.fencingToken());
            assertThat(second.release()).isTrue();
        }
        Lease third = mutex.acquire("k");
        assertThat(third.release()).isTrue();
        assertThat(target.command("EXISTS", "lock:k")).isEqualTo(0L);
    }

    private String fence() {
        if (source.command("KEYS", "dmutex:*:fence") instanceof List<?> keys && !keys.isEmpty()) {
            return String.valueOf(keys.get(0));
        }
        return "none";
    }

    /**
     * Each attempt is given up at once, before its answer. An acquire that were sent on by a redirect behind what gives it up
     * would leave the key taken, by nobody.
     */
    @Test
    void whatIsGivenUpIsNeverOvertakenByWhatItGivesUp() {
        try (RedisLockStore store = RedisLockStore.connect(Clusters.uri(redis))) {
            CompletableFuture<Void> migrations = CompletableFuture.runAsync(
                    () -> {
                        for (int i = 0; i < 6; i++) {
                            try (SlotMigration migration = redis.migrate(slot, i % 2 == 0 ? target : source)) {
                                Await.pass(Duration.ofMillis(50));
                                migration.moveKeys(1);
                                Await.pass(Duration.ofMillis(50));
                            }
                        }
                    },
                    OwnThread.EACH);
            int attempts = 0;
            while (!migrations.isDone() || attempts < 200) {
                attempts++;
                String token = newToken();
                CompletableFuture<?> acquired = store.acquire(
                                new AcquireRequest("k", token, 60_000, false, 2_000, 2_000, null))
                        .toCompletableFuture();
                CompletableFuture<?> givenUp = store.cancel("k", token).toCompletableFuture();
                assertThat(failure(acquired)).matches(MovingSlotTest::isTransient);
                Throwable refused = failure(givenUp);
                while (refused != null) {
                    assertThat(refused).matches(MovingSlotTest::isTransient);
                    refused = failure(store.cancel("k", token).toCompletableFuture());
                }
                // Looked at where it is: a script would be refused now and then.
                for (EmbeddedRedis master : redis.masters()) {
                    assertThat(master.command("CLUSTER", "GETKEYSINSLOT", Integer.toString(slot), "10"))
                            .asString()
                            .doesNotContain("lock:k");
                }
            }
            migrations.join();
            System.out.println("figures: " + attempts + " attempts were given up while the slot moved six times");
        }
    }

    private static @Nullable Throwable failure(CompletableFuture<?> future) {
        try {
            future.get(20, TimeUnit.SECONDS);
            return null;
        } catch (ExecutionException e) {
            return e.getCause();
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError(e);
        }
    }

    private static boolean isTransient(@Nullable Throwable error) {
        return error == null || (error instanceof StoreException failure && failure.isTransient());
    }

    private static String newToken() {
        byte[] random = new byte[16];
        new SecureRandom().nextBytes(random);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(random);
    }

    /** They are served one after the other, while the slot goes there and back, each with a greater token. */
    @Test
    @Tag("deep")
    void fiftyWaitersAreServedOverMigrations() throws Exception {
        List<DistributedMutex> five = instances.add(5, RENEWED);
        Lease lease = five.get(0).acquire("k");
        List<CompletableFuture<Long>> waiting = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            waiting.add(five.get(i % 5).acquireAsync("k").thenApply(granted -> {
                Await.pass(Duration.ofMillis(20));
                boolean held = granted.release();
                assertThat(held).isTrue();
                return granted.fencingToken();
            }));
        }
        Await.until(
                "all instances wait",
                () -> five.get(0).inspect("k").orElseThrow().waiters() >= 4);
        try (SlotMigration migration = redis.migrate(slot, target)) {
            // A release with waiters needs all keys together, so it ends when they are.
            migration.moveKeys(1);
            lease.close();
            Await.pass(Duration.ofMillis(300));
        }
        try (SlotMigration back = redis.migrate(slot, source)) {
            Await.pass(Duration.ofMillis(200));
            back.moveKeys(2);
        }
        List<Long> tokens = new ArrayList<>();
        for (CompletableFuture<Long> each : waiting) {
            tokens.add(each.get(60, TimeUnit.SECONDS));
        }
        assertThat(tokens).doesNotHaveDuplicates().allMatch(token -> token > lease.fencingToken());
    }
}
