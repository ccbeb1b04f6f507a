package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.internal.LazyStore;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** An instance whose store is made by the first call that needs it. */
class LazyTest {

    private static final String KEY = "tenant:1";

    private final InMemoryLockStore server = new InMemoryLockStore();
    private final AtomicInteger made = new AtomicInteger();
    /** What making the store throws; null if it is there. */
    private volatile RuntimeException trouble;

    private LockStore make() {
        made.incrementAndGet();
        if (trouble != null) {
            throw trouble;
        }
        return server.sibling();
    }

    private DistributedMutex lazy(Supplier<LockStore> source) {
        return DistributedMutex.builder(source).lazy().build();
    }

    @Test
    void theFirstCallMakesTheStoreAndThereIsOne() {
        try (DistributedMutex mutex = lazy(this::make)) {
            assertThat(made).hasValue(0);
            try (Lease lease = mutex.acquire(KEY)) {
                assertThat(lease.isValid()).isTrue();
                assertThat(mutex.inspect(KEY)).isPresent();
            }
            mutex.acquire("another").close();
            assertThat(made).hasValue(1);
        }
        assertThat(server.contents().isEmpty()).isTrue();
    }

    @Test
    void waitersAreServedByPushAsEver() {
        try (DistributedMutex mutex = lazy(this::make);
                DistributedMutex other = lazy(this::make)) {
            Lease held = other.acquire(KEY);
            CompletableFuture<Lease> waits =
                    mutex.with(o -> o.retryInterval(Duration.ofMinutes(1))).acquireAsync(KEY);
            Await.until(() -> server.contents().waiters().getOrDefault(KEY, 0) == 1);
            held.close();
            waits.join().close();
        }
    }

    @Test
    void anAcquireTriesAgainUntilTheStoreIsThere() {
        trouble = new StoreUnreachableException("nobody listens at 192.0.2.1", null);
        try (DistributedMutex mutex = lazy(this::make)) {
            CompletableFuture<Lease> waits =
                    mutex.with(o -> o.retryInterval(Duration.ofMillis(10))).acquireAsync(KEY);
            Await.until(() -> made.get() >= 3);
            trouble = null;
            waits.join().close();
        }
    }

    @Test
    void aCallThatFailsSaysWhatMakingTheStoreSaidAndLeavesNothingToUndo() {
        try (DistributedMutex mutex = lazy(this::make)) {
            trouble = new StoreUnreachableException("nobody listens at 192.0.2.1", null);
            assertThatExceptionOfType(StoreUnreachableException.class)
                    .isThrownBy(() -> mutex.tryAcquire(KEY))
                    .withMessage("'tenant:1' not acquired: nobody listens at 192.0.2.1")
                    .satisfies(e -> assertThat(e.isSurelyNotSent()).isTrue());
            assertThatExceptionOfType(StoreUnreachableException.class)
                    .isThrownBy(() -> mutex.inspect(KEY))
                    .withMessage("'tenant:1' not inspected: nobody listens at 192.0.2.1");
            int asked = made.get();
            trouble = new StoreRefusedException(StoreRefusedException.Reason.AUTHENTICATION, "wrong password", null);
            assertThatExceptionOfType(StoreRefusedException.class)
                    .isThrownBy(() -> mutex.acquire(KEY))
                    .withMessage("'tenant:1' not acquired: wrong password")
                    .satisfies(e -> assertThat(e.reason()).isEqualTo(StoreRefusedException.Reason.AUTHENTICATION));
            trouble = new IllegalStateException("a bug");
            assertThatExceptionOfType(LockException.class)
                    .isThrownBy(() -> mutex.acquire(KEY))
                    .withMessageContaining("a bug");
            assertThat(made.get()).as("no cancels, no retries").isEqualTo(asked + 2);
            trouble = null;
            mutex.acquire(KEY).close();
        }
    }

    @Test
    void requestsThatWaitForTheStoreReachItInTheirOrder() {
        CountDownLatch there = new CountDownLatch(1);
        List<String> asked = new ArrayList<>();
        LazyStore store = new LazyStore(() -> {
            uninterruptibly(there);
            return server.sibling();
        });
        List<CompletableFuture<?>> answers = new ArrayList<>();
        store.start("app", "instance-id", new Deaf());
        for (int i = 0; i < 100; i++) {
            String token = "token-of-22-letters-" + (10 + i % 90);
            answers.add(store.acquire(new AcquireRequest(KEY, token, 1_000, false, 1_000, 2_000, null))
                    .toCompletableFuture());
            answers.add(store.release(KEY, token, 0)
                    .thenAccept(ownership -> asked.add(token + " " + ownership))
                    .toCompletableFuture());
        }
        there.countDown();
        answers.forEach(CompletableFuture::join);
        assertThat(asked).hasSize(100).allMatch(line -> line.endsWith(" " + Ownership.HELD));
        store.close();
    }

    @Test
    void anInstanceThatIsClosedWhileItsStoreIsMadeClosesThatToo() {
        CountDownLatch there = new CountDownLatch(1);
        CountDownLatch closed = new CountDownLatch(1);
        DistributedMutex mutex = lazy(() -> {
            uninterruptibly(there);
            return (LockStore) Proxy.newProxyInstance(
                    LockStore.class.getClassLoader(), new Class<?>[] {LockStore.class}, (proxy, method, arguments) -> {
                        assertThat(method.getName()).isIn("start", "close");
                        if (method.getName().equals("close")) {
                            closed.countDown();
                        }
                        return null;
                    });
        });
        CompletableFuture<Lease> waits = mutex.acquireAsync(KEY);
        mutex.close();
        assertThat(waits).failsWithin(Await.BOUND).withThrowableThat().withCauseInstanceOf(MutexClosedException.class);
        there.countDown();
        Await.until(() -> closed.getCount() == 0);
        assertThat(made).hasValue(0);
    }

    @Test
    void anInstanceThatIsNeverUsedMakesNothing() {
        lazy(this::make).close();
        assertThat(made).hasValue(0);
    }

    @Test
    void aStoreThatIsThereCannotBeLazy() {
        try (InMemoryLockStore store = new InMemoryLockStore()) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> DistributedMutex.builder(store).lazy().build())
                    .withMessageContaining("lazy is for builder(Supplier)");
        }
    }

    private static void uninterruptibly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static final class Deaf implements StoreEvents {
        @Override
        public void granted(String key, String token, long fencingToken, int fencingTokens) {}

        @Override
        public void message(String text) {}

        @Override
        public void reconnected() {}
    }
}
