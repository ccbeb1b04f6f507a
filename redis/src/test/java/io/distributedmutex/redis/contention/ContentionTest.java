package io.distributedmutex.redis.contention;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LockOptions;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Many who want the same, on a real Redis: excluded from each other, served in order, and gone without a trace. */
@WithRedis
@LeavesNothing(warnings = "AT RISK")
@Timeout(120)
class ContentionTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private final EmbeddedRedis redis;
    private final List<DistributedMutex> instances = new ArrayList<>();

    ContentionTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @AfterEach
    void close() {
        instances.forEach(DistributedMutex::close);
    }

    @Test
    void fiveThousandOperationsOverFiveKeysExcludeEachOtherAndTheirTokensRise() throws Exception {
        List<DistributedMutex> all = List.of(instance(), instance());
        Map<String, AtomicReference<Lease>> owners = new ConcurrentHashMap<>();
        Map<String, Long> fences = new ConcurrentHashMap<>();
        Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            DistributedMutex mutex = all.get(i % all.size());
            int first = i;
            threads.add(new Thread(() -> {
                for (int turn = 0; turn < 500; turn++) {
                    String key = "key-" + (first + turn) % 5;
                    try (Lease lease = mutex.acquire(key)) {
                        AtomicReference<Lease> owner = owners.computeIfAbsent(key, k -> new AtomicReference<>());
                        assertThat(owner.compareAndSet(null, lease))
                                .as("alone with %s", key)
                                .isTrue();
                        assertThat(lease.fencingToken()).isGreaterThan(fences.getOrDefault(key, 0L));
                        fences.put(key, lease.fencingToken());
                        owner.set(null);
                    } catch (Throwable e) {
                        failures.add(e);
                    }
                }
            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(failures).isEmpty();
    }

    @Test
    void threeHundredContendedKeysAtOnceAreAllServed() throws Exception {
        List<DistributedMutex> all = List.of(instance(), instance());
        List<CompletableFuture<Void>> served = new ArrayList<>();
        for (int round = 0; round < 3; round++) {
            for (int key = 0; key < 300; key++) {
                for (DistributedMutex mutex : all) {
                    served.add(mutex.with(o -> o.waitTime(Duration.ofSeconds(30)))
                            .acquireAsync("key-" + key)
                            .thenAccept(Lease::close));
                }
            }
        }
        CompletableFuture.allOf(served.toArray(CompletableFuture<?>[]::new)).get(60, TimeUnit.SECONDS);
    }

    @Test
    void fiveHundredWaitersOfFourInstancesAreAllServedInNearlyTheOrderOfTheirArrival() throws Exception {
        List<DistributedMutex> all = List.of(instance(), instance(), instance(), instance());
        Lease first = all.get(0).acquire("one");
        Queue<Integer> order = new ConcurrentLinkedQueue<>();
        List<CompletableFuture<Void>> served = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            int number = i;
            served.add(all.get(i % 4)
                    .with(o -> o.waitTime(Duration.ofSeconds(60)))
                    .acquireAsync("one")
                    .thenAccept(lease -> {
                        order.add(number);
                        LockSupport.parkNanos(1_000_000);
                        lease.close();
                    }));
        }
        long start = System.nanoTime();
        first.close();
        CompletableFuture.allOf(served.toArray(CompletableFuture<?>[]::new)).get(60, TimeUnit.SECONDS);
        List<Integer> sequence = new ArrayList<>(order);
        assertThat(sequence).hasSize(500).doesNotHaveDuplicates();
        long inversions = 0;
        for (int i = 0; i < 500; i++) {
            for (int j = i + 1; j < 500; j++) {
                if (sequence.get(i) > sequence.get(j)) {
                    inversions++;
                }
            }
        }
        double share = inversions / (500.0 * 499 / 2);
        System.out.printf(
                "500 waiters served in %d ms, %.1f %% inversions%n",
                (System.nanoTime() - start) / 1_000_000, share * 100);
        // The passes inside an instance and the first entry of each; a random order would have 50 %.
        assertThat(share).isLessThan(0.10);
    }

    @Test
    void instancesAreServedInTheOrderOfTheirArrivalAndThoseWhoGaveUpDelayNobody() throws Exception {
        DistributedMutex holder = instance();
        Lease held = holder.acquire("one");
        Queue<Integer> order = new ConcurrentLinkedQueue<>();
        List<CompletableFuture<Lease>> asked = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            DistributedMutex mutex = instance();
            asked.add(mutex.with(o -> o.waitTime(Duration.ofSeconds(30))).acquireAsync("one"));
            awaitWaiters(holder, i + 1);
        }
        List<CompletableFuture<Void>> served = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            int number = i;
            if (i % 5 == 2) {
                asked.get(i).cancel(false);
            } else if (i % 5 == 3) {
                instances.get(i + 1).close();
            } else {
                served.add(asked.get(i).thenAccept(lease -> {
                    order.add(number);
                    lease.close();
                }));
            }
        }
        awaitWaiters(holder, 12);
        long start = System.nanoTime();
        held.close();
        CompletableFuture.allOf(served.toArray(CompletableFuture<?>[]::new)).get(30, TimeUnit.SECONDS);
        assertThat(order).containsExactly(0, 1, 4, 5, 6, 9, 10, 11, 14, 15, 16, 19);
        assertThat(Duration.ofNanos(System.nanoTime() - start))
                .isLessThan(Duration.ofMillis(2_000 + stalls.allowanceMillis()));
    }

    @Test
    void aKeyThatIsWedgedDoesNotSlowAnother() throws Exception {
        DistributedMutex mutex = instance();
        redis.command("SET", "lock:wedged", "foreign");
        List<CompletableFuture<Lease>> stuck = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            stuck.add(mutex.acquireAsync("wedged"));
        }
        AtomicInteger done = new AtomicInteger();
        for (int i = 0; i < 200; i++) {
            mutex.acquire("free-" + i).close();
            done.incrementAndGet();
        }
        assertThat(done).hasValue(200);
        assertThat(stuck).noneMatch(CompletableFuture::isDone);
        stuck.forEach(future -> future.cancel(false));
        redis.command("DEL", "lock:wedged");
    }

    private DistributedMutex instance() {
        DistributedMutex mutex = RedisMutex.builder()
                .uri(redis.uri())
                .options(LockOptions.builder().waitTime(Duration.ofSeconds(60)).build())
                .connect();
        instances.add(mutex);
        return mutex;
    }

    private static void awaitWaiters(DistributedMutex mutex, int waiters) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (mutex.inspect("one").map(LockInfo::waiters).orElse(0) != waiters) {
            assertThat(System.nanoTime()).as("%s waiters", waiters).isLessThan(deadline);
            LockSupport.parkNanos(1_000_000);
        }
    }
}
