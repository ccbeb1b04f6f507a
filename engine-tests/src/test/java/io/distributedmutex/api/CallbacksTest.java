package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexListener;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What users attach to futures, leases and the instance: it may block, compute, wait for locks and throw. In real time. */
class CallbacksTest {

    private static final int MANY = 300;
    private static final Duration SHORT_LEASE = Duration.ofMillis(300);

    private final CountDownLatch testEnds = new CountDownLatch(1);
    private final AtomicInteger inCallbacks = new AtomicInteger();
    private final List<DistributedMutex> mutexes = new ArrayList<>();

    @AfterEach
    void close() {
        testEnds.countDown();
        mutexes.forEach(DistributedMutex::close);
    }

    private DistributedMutex mutex(UnaryOperator<DistributedMutex.Builder> change) {
        DistributedMutex mutex =
                change.apply(DistributedMutex.builder(new InMemoryLockStore())).build();
        mutexes.add(mutex);
        return mutex;
    }

    // ---- many that block

    @Test
    void aLossIsToldInTimeThoughManyCallbacksBlock() throws Exception {
        DistributedMutex mutex = mutex(builder -> builder);
        for (int i = 0; i < MANY; i++) {
            onCallback(mutex, "k" + i, lease -> blockUntilTestEnds());
        }
        Await.until(() -> inCallbacks.get() == MANY);
        assertLossIsToldInTime(mutex);
    }

    @Test
    void aLossIsToldInTimeThoughCallbacksKeepAllProcessorsBusy() throws Exception {
        DistributedMutex mutex = mutex(builder -> builder);
        int busy = 2 * Runtime.getRuntime().availableProcessors();
        for (int i = 0; i < busy; i++) {
            onCallback(mutex, "k" + i, lease -> {
                inCallbacks.incrementAndGet();
                while (testEnds.getCount() > 0) {
                    Thread.onSpinWait();
                }
            });
        }
        assertLossIsToldInTime(mutex);
    }

    @Test
    void aLossIsToldInTimeThoughListenersOfOtherLossesBlock() throws Exception {
        DistributedMutex mutex = mutex(builder -> builder);
        for (int i = 0; i < MANY; i++) {
            mutex.with(options -> options.leaseTime(SHORT_LEASE))
                    .acquire("k" + i)
                    .onLost(lost -> blockUntilTestEnds());
        }
        Await.until(() -> inCallbacks.get() == MANY);
        assertLossIsToldInTime(mutex);
    }

    @Test
    void aFutureBehindManyThatBlockIsCompletedWhileItsLeaseIsValid() throws Exception {
        DistributedMutex mutex = mutex(builder -> builder);
        for (int i = 0; i < MANY; i++) {
            onCallback(mutex, "k" + i, lease -> blockUntilTestEnds());
        }
        CompletableFuture<Boolean> valid = new CompletableFuture<>();
        onCallback(
                mutex.with(options -> options.leaseTime(Duration.ofSeconds(5))),
                "last",
                lease -> valid.complete(lease.isValid()));
        assertThat(valid.get(20, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void callbacksMayWaitForOtherLocksInTheirTurn() throws Exception {
        DistributedMutex mutex = mutex(builder -> builder).with(options -> options.waitTime(Duration.ofMinutes(1)));
        List<CompletableFuture<Void>> all = new ArrayList<>();
        CountDownLatch everybodyIsIn = new CountDownLatch(MANY);
        for (int i = 0; i < MANY; i++) {
            int number = i;
            all.add(onCallback(mutex, "outer" + i, outer -> {
                everybodyIsIn.countDown();
                awaitQuietly(everybodyIsIn);
                try (Lease inner = mutex.acquireAsync("inner" + number % 7).join()) {
                    onCallback(mutex, "innermost" + number, Lease::close).join();
                }
            }));
        }
        CompletableFuture<Void> ended = CompletableFuture.allOf(all.toArray(new CompletableFuture<?>[0]));
        ended.get(60, TimeUnit.SECONDS);
    }

    // ---- an executor of the user's

    @Test
    void callbacksRunOnTheUsersExecutor() throws Exception {
        ExecutorService users = Executors.newFixedThreadPool(2, body -> new Thread(body, "users"));
        try {
            CompletableFuture<String> listener = new CompletableFuture<>();
            DistributedMutex mutex =
                    mutex(builder -> builder.callbackExecutor(users).listener(new MutexListener() {
                        @Override
                        public void onAcquired(Lease lease, Duration waited) {
                            listener.complete(Thread.currentThread().getName());
                        }
                    }));
            CompletableFuture<String> future = new CompletableFuture<>();
            onCallback(
                    mutex, "k", lease -> future.complete(Thread.currentThread().getName()));
            assertThat(future.get(20, TimeUnit.SECONDS)).isEqualTo("users");
            assertThat(listener.get(20, TimeUnit.SECONDS)).isEqualTo("users");
            mutex.close();
            assertThat(users.isShutdown()).as("closed with the instance").isFalse();
        } finally {
            users.shutdown();
        }
    }

    @Test
    void aLossIsToldInTimeThoughTheUsersExecutorIsBusy() throws Exception {
        ExecutorService users = Executors.newSingleThreadExecutor();
        try {
            DistributedMutex mutex = mutex(builder -> builder.callbackExecutor(users));
            onCallback(mutex, "k", lease -> blockUntilTestEnds());
            Await.until(() -> inCallbacks.get() == 1);
            assertLossIsToldInTime(mutex);
        } finally {
            users.shutdown();
        }
    }

    @Test
    void nothingIsLostThoughTheUsersExecutorTakesNothing() throws Exception {
        ExecutorService ended = Executors.newSingleThreadExecutor();
        ended.shutdown();
        DistributedMutex mutex = mutex(builder -> builder.callbackExecutor(ended));
        for (int i = 0; i < 20; i++) {
            mutex.acquireAsync("k").get(20, TimeUnit.SECONDS).close();
        }
        assertLossIsToldInTime(mutex);
    }

    @Test
    void nothingIsLostThoughTheUsersExecutorTakesOnlySome() throws Exception {
        AtomicInteger refused = new AtomicInteger();
        ThreadPoolExecutor users =
                new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, new ArrayBlockingQueue<>(2), (task, executor) -> {
                    refused.incrementAndGet();
                    throw new RejectedExecutionException("full");
                });
        try {
            DistributedMutex mutex = mutex(builder -> builder.callbackExecutor(users));
            List<CompletableFuture<Void>> all = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                all.add(onCallback(mutex, "k" + i, lease -> blockUntilTestEnds()));
            }
            // One blocks, two wait for it.
            Await.until(() -> inCallbacks.get() == 18);
            assertThat(refused).hasValue(17);
            testEnds.countDown();
            CompletableFuture.allOf(all.toArray(new CompletableFuture<?>[0])).get(20, TimeUnit.SECONDS);
        } finally {
            users.shutdown();
        }
    }

    @Test
    void anExecutorAndAnEnvironmentCannotBothBeGiven() {
        ManualTime time = ManualTime.create();
        assertThatIllegalStateException()
                .isThrownBy(() -> DistributedMutex.builder(new InMemoryLockStore(time))
                        .environment(time)
                        .callbackExecutor(Runnable::run)
                        .build())
                .withMessageContaining("callbackExecutor");
        assertThatIllegalStateException()
                .isThrownBy(() -> DistributedMutex.builder(new InMemoryLockStore(time))
                        .environment(time)
                        .countWallClockSteps(false)
                        .build())
                .withMessageContaining("countWallClockSteps");
    }

    /** Far sooner than any of the callbacks that block ends; and not before the lease. */
    private static void assertLossIsToldInTime(DistributedMutex mutex) throws Exception {
        CompletableFuture<Long> told = new CompletableFuture<>();
        Lease lease = mutex.with(options -> options.leaseTime(SHORT_LEASE)).acquire("lost");
        CompletableFuture<LossReason> lost = lease.lost();
        long deadline = System.nanoTime() + lease.remaining().toNanos();
        lease.onLost(gone -> told.complete(System.nanoTime()));
        Duration late = Duration.ofNanos(told.get(20, TimeUnit.SECONDS) - deadline);
        assertThat(late).isBetween(Duration.ofMillis(-5), Duration.ofSeconds(5));
        assertThat(lost.get(20, TimeUnit.SECONDS)).isEqualTo(LossReason.EXPIRED);
        System.out.println("a loss was told " + late.toNanos() / 1_000 + " us after the deadline");
    }

    /** Attached before the future is completed: else it would run on this thread. */
    private static CompletableFuture<Void> onCallback(DistributedMutex mutex, String key, Consumer<Lease> body) {
        Lease before = mutex.acquire(key);
        CompletableFuture<Void> ended = mutex.acquireAsync(key).thenAccept(body);
        before.close();
        return ended;
    }

    private void blockUntilTestEnds() {
        inCallbacks.incrementAndGet();
        awaitQuietly(testEnds);
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
