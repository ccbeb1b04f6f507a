package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.api.Deployment.Instance;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Many threads on few keys: one at a time, all in the end, and nothing left. */
class ManyThreadsTest {

    private static final String KEY = "tenant:1";

    /** What a lock protects: breaks if two threads are inside at once. */
    private static final class Guarded {
        private int entries;
        private long lastToken;

        void enter(Lease lease) {
            int before = entries;
            Thread.onSpinWait();
            assertThat(lease.fencingToken()).isGreaterThan(lastToken);
            lastToken = lease.fencingToken();
            entries = before + 1;
        }
    }

    @Test
    void ofAHundredTriesAtOnceOneSucceeds() {
        for (int instances : List.of(1, 10)) {
            try (Deployment deployment = Deployment.inRealTime()) {
                List<DistributedMutex> mutexes = IntStream.range(0, instances)
                        .mapToObj(i -> deployment.instance("app " + i).mutex())
                        .toList();
                CountDownLatch start = new CountDownLatch(1);
                List<Worker<Optional<Lease>>> workers = new ArrayList<>();
                for (int i = 0; i < 100; i++) {
                    DistributedMutex mutex = mutexes.get(i % instances);
                    workers.add(Worker.start(() -> {
                        start.await();
                        return mutex.tryAcquire(KEY);
                    }));
                }
                start.countDown();
                List<Lease> winners = workers.stream()
                        .map(Worker::result)
                        .flatMap(Optional::stream)
                        .toList();
                assertThat(winners).as("%d instances", instances).hasSize(1);
                winners.get(0).close();
            }
        }
    }

    @Test
    void thousandsOfContendedLocksOnFewKeysExcludeEachOtherAndLeaveNothing() {
        try (Deployment deployment = Deployment.inRealTime()) {
            Map<String, Guarded> guarded = new ConcurrentHashMap<>();
            IntStream.range(0, 5).forEach(k -> guarded.put("key " + k, new Guarded()));
            List<Worker<Void>> workers = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                DistributedMutex mutex = deployment.instance("app " + i).mutex().with(o -> o.waitTime(Await.BOUND));
                for (int t = 0; t < 4; t++) {
                    int first = t;
                    workers.add(Worker.start(() -> {
                        for (int n = 0; n < 250; n++) {
                            String key = "key " + (first + n) % 5;
                            mutex.run(key, lease -> guarded.get(key).enter(lease));
                        }
                        return null;
                    }));
                }
            }
            workers.forEach(Worker::result);
            assertThat(guarded.values().stream().mapToInt(g -> g.entries).sum()).isEqualTo(4 * 4 * 250);
        }
    }

    @Test
    void hundredsOfKeysContendedAtOnceAreAllServed() {
        try (Deployment deployment = Deployment.inRealTime()) {
            DistributedMutex one = deployment.instance("one").mutex().with(o -> o.waitTime(Await.BOUND));
            DistributedMutex other = deployment.instance("other").mutex();
            List<Lease> held = IntStream.range(0, 300)
                    .mapToObj(i -> other.acquire("key " + i))
                    .toList();
            List<Worker<Boolean>> waiters = IntStream.range(0, 300)
                    .mapToObj(i -> Worker.start(() -> one.acquire("key " + i).release()))
                    .toList();
            Await.until(() -> deployment.server.contents().waiters().size() == 300);
            held.forEach(Lease::close);
            assertThat(waiters).allMatch(Worker::result);
        }
    }

    @Test
    void renewalsEndWithTheirLeasesHoweverManyTherWere() {
        try (Deployment deployment = Deployment.onManualTime()) {
            Instance app = deployment.instance("app");
            DistributedMutex renewing = app.mutex().with(o -> o.autoRenew(Duration.ofHours(1)));
            List<Worker<Void>> workers = new ArrayList<>();
            for (int t = 0; t < 8; t++) {
                String key = "key " + t;
                workers.add(Worker.start(() -> {
                    for (int i = 0; i < 1_000; i++) {
                        renewing.tryAcquire(key).orElseThrow().release();
                    }
                    return null;
                }));
            }
            workers.forEach(Worker::result);
            assertThat(app.store().counts()).isEqualTo(Map.of(Operation.ACQUIRE, 8_000, Operation.RELEASE, 8_000));
            assertThat(deployment.time.pendingTimers())
                    .as("timers of leases that are over")
                    .isZero();
            app.store().resetCounts();
            Lease held = renewing.acquire("held");
            deployment.time.advance(Duration.ofMinutes(10));
            // A lease of one minute is renewed every 20 s; nothing else is sent.
            assertThat(app.store().counts()).isEqualTo(Map.of(Operation.ACQUIRE, 1, Operation.RENEW, 30));
            held.close();
        }
    }

    /** 10,000 virtual threads where there are such, else fewer of the platform's. */
    @Test
    void thousandsOfThreadsThatWaitOnOneInstanceAllGetTheirTurn() throws Exception {
        Optional<ExecutorService> virtual = virtualThreads();
        int threads = virtual.isPresent() ? 10_000 : 500;
        int keys = virtual.isPresent() ? 100 : 20;
        ExecutorService executor = virtual.orElseGet(Executors::newCachedThreadPool);
        try (Deployment deployment = Deployment.inRealTime()) {
            DistributedMutex mutex = deployment.instance("app").mutex().with(o -> o.waitTime(Duration.ofMinutes(1)));
            DistributedMutex other = deployment.instance("other").mutex();
            Guarded[] guarded =
                    IntStream.range(0, keys).mapToObj(i -> new Guarded()).toArray(Guarded[]::new);
            List<Lease> held = IntStream.range(0, keys)
                    .mapToObj(i -> other.acquire("key " + i))
                    .toList();
            AtomicInteger done = new AtomicInteger();
            Map<Throwable, Integer> failures = new ConcurrentHashMap<>();
            for (int i = 0; i < threads; i++) {
                int k = i % keys;
                executor.execute(() -> {
                    try (Lease lease = mutex.acquire("key " + k)) {
                        guarded[k].enter(lease);
                    } catch (RuntimeException | Error e) {
                        failures.put(e, k);
                    } finally {
                        done.incrementAndGet();
                    }
                });
            }
            Await.until(() -> deployment.server.contents().waiters().size() == keys);
            assertThat(done).hasValue(0);
            held.forEach(Lease::close);
            Await.until(() -> done.get() == threads, Duration.ofMinutes(1));
            assertThat(failures).isEmpty();
            assertThat(guarded).extracting(g -> g.entries).containsOnly(threads / keys);
        } finally {
            executor.shutdownNow();
        }
    }

    private static Optional<ExecutorService> virtualThreads() throws ReflectiveOperationException {
        if (Runtime.version().feature() < 21) {
            return Optional.empty();
        }
        return Optional.of((ExecutorService)
                Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null));
    }
}
