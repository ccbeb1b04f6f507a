package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Many who want the same, and many who want different things. */
@WithRedis
@LeavesNothing(warnings = "AT RISK")
class CrowdTest {

    private final EmbeddedRedis redis;
    private Instances instances;

    CrowdTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void start() {
        instances = new Instances(redis);
    }

    @AfterEach
    void stop() {
        instances.close();
        RedisContents.assertNothingLeft(redis);
    }

    private static LockOptions patience(long seconds) {
        return LockOptions.builder().waitTime(Duration.ofSeconds(seconds)).build();
    }

    /** What a key guards: who is inside, and the highest fencing token that was inside. */
    private static final class Guarded {
        private final AtomicReference<Lease> inside = new AtomicReference<>();
        private final AtomicInteger entries = new AtomicInteger();
        private volatile long highest;

        void enter(Lease lease) {
            Lease other = inside.compareAndExchange(null, lease);
            assertThat(other).as("inside together with %s", lease).isNull();
            assertThat(lease.fencingToken()).isGreaterThan(highest);
            highest = lease.fencingToken();
            entries.incrementAndGet();
            assertThat(lease.isValid()).isTrue();
            inside.set(null);
        }
    }

    @Test
    void fiveThousandContendedOperationsOverFiveKeysGoWithoutAnError() throws Exception {
        int keys = 5;
        int threadCount = 20;
        int operations = 5_000;
        List<DistributedMutex> strangers = instances.add(4, patience(30));
        List<Guarded> guarded = new ArrayList<>();
        for (int i = 0; i < keys; i++) {
            guarded.add(new Guarded());
        }
        ExecutorService threads = Executors.newFixedThreadPool(threadCount);
        try {
            long begun = System.nanoTime();
            List<Future<?>> working = new ArrayList<>();
            for (int t = 0; t < threadCount; t++) {
                int thread = t;
                working.add(threads.submit(() -> {
                    DistributedMutex mutex = strangers.get(thread % strangers.size());
                    for (int i = 0; i < operations / threadCount; i++) {
                        int key = (thread + i * 7) % keys;
                        try (Lease lease = mutex.acquire("contended:" + key)) {
                            guarded.get(key).enter(lease);
                        }
                    }
                }));
            }
            for (Future<?> each : working) {
                each.get(1, TimeUnit.MINUTES);
            }
            double seconds = (System.nanoTime() - begun) / 1e9;
            Figures.say("5,000 contended operations over 5 keys: %.0f per second", operations / seconds);
        } finally {
            threads.shutdownNow();
        }
        assertThat(guarded.stream().mapToInt(each -> each.entries.get()).sum()).isEqualTo(operations);
    }

    @Test
    void threeHundredKeysContendedAtOnceGoWithoutAnError() throws Exception {
        int keys = 300;
        int perInstance = 2;
        List<DistributedMutex> strangers = instances.add(4, patience(30));
        List<Guarded> guarded = new ArrayList<>();
        List<CompletableFuture<?>> all = new ArrayList<>();
        long begun = System.nanoTime();
        for (int i = 0; i < keys; i++) {
            Guarded one = new Guarded();
            guarded.add(one);
            for (DistributedMutex mutex : strangers) {
                for (int waiter = 0; waiter < perInstance; waiter++) {
                    all.add(mutex.acquireAsync("one of many:" + i).thenAccept(lease -> {
                        try (lease) {
                            one.enter(lease);
                        }
                    }));
                }
            }
        }
        CompletableFuture.allOf(all.toArray(CompletableFuture[]::new)).get(20, TimeUnit.SECONDS);
        Figures.say("300 keys with 8 waiters each: %.0f ms", (System.nanoTime() - begun) / 1e6);
        assertThat(guarded).allMatch(each -> each.entries.get() == strangers.size() * perInstance);
    }

    @Test
    void aHundredTriesAtOnceHaveOneWinner() throws Exception {
        List<DistributedMutex> strangers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            // It says how many win, not how soon a busy machine lets a hundred threads run.
            strangers.add(instances.add(builder -> builder.commandTimeout(Duration.ofSeconds(20))));
        }
        ExecutorService threads = Executors.newFixedThreadPool(100);
        try {
            List<Future<Optional<Lease>>> tries = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                DistributedMutex mutex = strangers.get(i % strangers.size());
                tries.add(threads.submit(() -> mutex.tryAcquire("one winner")));
            }
            List<Lease> won = new ArrayList<>();
            for (Future<Optional<Lease>> each : tries) {
                each.get(60, TimeUnit.SECONDS).ifPresent(won::add);
            }
            assertThat(won).hasSize(1);
            assertThat(won.get(0).release()).isTrue();
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void aKeyThatNobodyCanHaveSlowsNoOther() {
        DistributedMutex mutex = instances.add("A", patience(60));
        DistributedMutex other = instances.add("B", patience(60));
        Figures alone = pairs(mutex, "an uncontended pair");
        // Held for ever by a stranger, with waiters here and elsewhere; and 300 keys that are held and waited for.
        redis.command("SET", "lock:wedged", "somebody else");
        List<CompletableFuture<Lease>> waiting = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            waiting.add(mutex.acquireAsync("wedged"));
            waiting.add(other.acquireAsync("wedged"));
        }
        List<Lease> held = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            held.add(mutex.acquire("held:" + i));
            waiting.add(other.acquireAsync("held:" + i));
        }
        Await.until("a waiter for the last key", () -> RedisContents.waiters(redis, "lock:held:299") == 1);

        Figures beside = pairs(mutex, "an uncontended pair beside a wedged key and 300 contended ones");

        // 302 waiting instances' polls, 4 times a second each, are in the way, and a noisy machine.
        assertThat(beside.median()).isLessThan(3 * alone.median() + 2);
        assertThat(waiting).noneMatch(CompletableFuture::isDone);
        waiting.forEach(each -> each.cancel(true));
        held.forEach(Lease::close);
        redis.command("DEL", "lock:wedged");
    }

    private static Figures pairs(DistributedMutex mutex, String what) {
        Figures figures = new Figures(what);
        for (int i = 0; i < 300; i++) {
            long begun = System.nanoTime();
            mutex.acquire("free:" + i).release();
            figures.addNanos(System.nanoTime() - begun);
        }
        return figures.print();
    }
}
