package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.MutexListener;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.api.Deployment.Instance;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A listener hears of everything, in order, and can do no harm. */
class MutexListenerTest {

    private static final String KEY = "tenant:1";

    private final RecordingListener listener = new RecordingListener();
    private final Deployment deployment = Deployment.onManualTime();
    private final Instance app = deployment.instance("app", builder -> builder.listener(listener));
    private final DistributedMutex mutex = app.mutex();
    private final DistributedMutex other = deployment.instance("other").mutex();

    @AfterEach
    void nothingIsLeft() {
        deployment.close();
    }

    // ---- every event

    @Test
    void anAcquireAndItsReleaseAreToldWithTheirTimes() {
        Lease held = other.acquire(KEY);
        CompletableFuture<Lease> asked = mutex.acquireAsync(KEY);
        advanceMillis(1_200);
        held.close();
        deployment.time.runDue();
        advanceMillis(700);
        asked.join().close();
        assertThat(told()).containsExactly("acquired tenant:1 after 1200", "released tenant:1 after 700");
        assertThat(listener.leases).hasSize(2).allMatch(lease -> lease == asked.join());
    }

    @Test
    void everyAcquireWithoutALeaseIsToldWithItsOutcome() {
        Lease held = other.acquire(KEY);
        CompletableFuture<Lease> timedOut = mutex.acquireAsync(KEY);
        advanceMillis(5_000);
        assertThat(timedOut).isCompletedExceptionally();
        assertThat(told()).containsExactly("not acquired tenant:1 after 5000: LockNotAcquiredException");
        assertThat(listener.outcomes).singleElement().isInstanceOfSatisfying(LockNotAcquiredException.class, e -> {
            assertThat(e.key()).isEqualTo(KEY);
            assertThat(e.holder()).contains("other");
        });

        assertThat(mutex.tryAcquire(KEY)).isEmpty();
        assertThat(told()).containsExactly("not acquired tenant:1 after 0: LockNotAcquiredException");

        app.store().failNext(1, Operation.ACQUIRE);
        assertThatExceptionOfType(StoreUnreachableException.class).isThrownBy(() -> mutex.tryAcquire("unreachable"));
        assertThat(told()).containsExactly("not acquired unreachable after 0: StoreUnreachableException");

        app.store()
                .failNext(
                        1,
                        Operation.ACQUIRE,
                        new StoreRefusedException(StoreRefusedException.Reason.PERMISSION, "NOPERM", null));
        assertThatExceptionOfType(StoreRefusedException.class).isThrownBy(() -> mutex.acquire("refused"));
        assertThat(told()).containsExactly("not acquired refused after 0: StoreRefusedException");

        Worker<Lease> waiting = Worker.startAndBlock(() -> mutex.acquire(KEY));
        deployment.awaitWaiters(KEY, 1);
        advanceMillis(300);
        waiting.interrupt();
        waiting.failure();
        assertThat(told()).containsExactly("not acquired tenant:1 after 300: LockInterruptedException");

        mutex.acquireAsync(KEY).cancel(true);
        assertThat(told()).containsExactly("not acquired tenant:1 after 0: LockNotAcquiredException");

        CompletableFuture<Lease> closed = mutex.acquireAsync(KEY);
        mutex.close();
        assertThat(told()).containsExactly("not acquired tenant:1 after 0: MutexClosedException");
        assertThat(closed).isCompletedExceptionally();
        held.close();
    }

    @Test
    void aTryRefusedWithoutAskingTheStoreIsToldToo() {
        Lease held = mutex.acquire(KEY);
        told();
        assertThat(mutex.tryAcquire(KEY)).isEmpty();
        assertThat(told()).containsExactly("not acquired tenant:1 after 0: LockNotAcquiredException");
        held.close();
    }

    @Test
    void riskRecoveryAndLossAreToldInThatOrder() {
        Lease lease = mutex.with(o -> o.autoRenew(Duration.ofHours(1))).acquire(KEY);
        app.store().failNext(2, Operation.RENEW);
        advanceMillis(20_000);
        assertThat(told()).containsExactly("acquired tenant:1 after 0", "at risk tenant:1");
        assertThat(lease.state()).isEqualTo(LeaseState.AT_RISK);
        advanceMillis(1_000);
        assertThat(told()).containsExactly("recovered tenant:1");
        assertThat(lease.state()).isEqualTo(LeaseState.HELD);
        app.store().failNext(1_000, Operation.RENEW);
        advanceMillis(20_000);
        assertThat(told()).containsExactly("at risk tenant:1");
        advanceMillis(60_000);
        assertThat(told()).containsExactly("lost tenant:1: EXPIRED");
        assertThat(lease.lossReason()).contains(LossReason.EXPIRED);
        lease.close();
        assertThat(told()).as("closing a lost lease").isEmpty();
        assertThat(listener.leases).allMatch(told -> told == lease);
        assertThat(deployment.takeWarnings()).hasSize(3);
    }

    @Test
    void aRenewalThatIsNotAnsweredIsToldAsARiskOnceAndItsLateAnswerAsARecovery() {
        Lease lease = mutex.with(o -> o.autoRenew(Duration.ofHours(1))).acquire(KEY);
        told();
        app.store().holdReplies(1_000, Operation.RENEW);
        advanceMillis(29_000);
        assertThat(told()).as("the first may be answered still").isEmpty();
        advanceMillis(20_000);
        assertThat(app.store().count(Operation.RENEW)).isGreaterThan(2);
        assertThat(told()).containsExactly("at risk tenant:1");
        assertThat(deployment.takeWarnings())
                .singleElement()
                .asString()
                .matches("WARN AT RISK tenant:1 \\(token [A-Za-z0-9_-]{6}\\.\\.\\.\\): .*: no answer from the store");
        app.store().heal();
        assertThat(told()).containsExactly("recovered tenant:1");
        assertThat(lease.state()).isEqualTo(LeaseState.HELD);
        lease.close();
        told();
    }

    @Test
    void everyReasonOfALossIsTold() {
        for (String what : List.of("TAKEN", "REVOKED", "STORE_LOST")) {
            Lease lease = mutex.with(o -> o.autoRenew(Duration.ofHours(1))).acquire(KEY);
            told();
            if (what.equals("STORE_LOST")) {
                deployment.server.loseData();
            } else {
                deployment.server.delete(KEY);
            }
            Lease successor = what.equals("TAKEN") ? other.acquire(KEY) : null;
            advanceMillis(20_000);
            assertThat(told()).containsExactly("lost tenant:1: " + what);
            assertThat(lease.isValid()).isFalse();
            if (successor != null) {
                successor.close();
            }
        }
        assertThat(deployment.takeWarnings()).hasSize(3);
    }

    @Test
    void aReleaseThatTurnsOutToHaveBeenTooLateIsToldAsReleasedAndThenAsLost() {
        Lease lease = mutex.acquire(KEY);
        deployment.server.delete(KEY);
        advanceMillis(10);
        lease.close();
        assertThat(told())
                .containsExactly("acquired tenant:1 after 0", "released tenant:1 after 10", "lost tenant:1: REVOKED");
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void aReleaseThatTheStoreNeverConfirmedIsToldWhenTheLeaseHasEnded() {
        Lease lease = mutex.acquire(KEY);
        app.store().failNext(1_000, Operation.RELEASE);
        lease.close();
        assertThat(told()).containsExactly("acquired tenant:1 after 0", "released tenant:1 after 0");
        advanceMillis(61_000);
        assertThat(told()).containsExactly("release unconfirmed tenant:1");
        assertThat(listener.outcomes).singleElement().isInstanceOf(StoreUnreachableException.class);
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void aForcedReleaseIsToldToWhoForcesItNotToWhoLoses() {
        Lease lease = mutex.acquire(KEY);
        told();
        other.forceRelease(KEY);
        assertThat(told()).isEmpty();
        lease.close();
        told();
        Lease others = other.acquire(KEY);
        assertThat(mutex.forceRelease(KEY)).isPresent();
        assertThat(told()).containsExactly("forced release of tenant:1 from other");
        assertThat(mutex.forceRelease(KEY)).isEmpty();
        assertThat(told()).isEmpty();
        others.close();
        deployment.server.putForeign(KEY, null);
        mutex.forceRelease(KEY);
        assertThat(told()).containsExactly("forced release of tenant:1 from a foreign client");
        assertThat(deployment.takeWarnings())
                .containsSubsequence(
                        "WARN FORCED release of tenant:1 by other: taken from app",
                        "WARN FORCED release of tenant:1 by app: taken from other",
                        "WARN FORCED release of tenant:1 by app: taken from a foreign client")
                .hasSize(5);
    }

    @Test
    void closingTheInstanceTellsOfWhatItsHoldersLose() {
        mutex.acquire("a");
        mutex.acquire("b");
        told();
        mutex.close();
        assertThat(told()).containsExactlyInAnyOrder("lost a: CLOSED", "lost b: CLOSED");
        assertThat(deployment.takeWarnings()).hasSize(2);
    }

    @Test
    void everyMethodHasADefault() {
        Instance silent = deployment.instance("silent", builder -> builder.listener(new MutexListener() {}));
        Lease lease = silent.mutex().acquire(KEY);
        assertThat(silent.mutex().tryAcquire(KEY)).isEmpty();
        lease.close();
        silent.mutex().acquire(KEY);
        advanceMillis(61_000);
        assertThat(deployment.takeWarnings()).singleElement().asString().contains("LOST");
    }

    @Test
    void aListenerMustBeThere() {
        assertThatNullPointerException()
                .isThrownBy(() -> deployment.instance("none", builder -> builder.listener(null)))
                .withMessage("listener");
    }

    // ---- listeners that misbehave

    @Test
    void aListenerThatThrowsIsLoggedAndHarmsNobody() {
        AtomicBoolean error = new AtomicBoolean();
        listener.then = () -> {
            if (error.getAndSet(!error.get())) {
                throw new StackOverflowError("thrown by the test");
            }
            throw new IllegalStateException("thrown by the test");
        };
        Lease lease = mutex.with(o -> o.autoRenew(Duration.ofHours(1))).acquire(KEY);
        advanceMillis(300_000);
        assertThat(lease.isValid()).as("renewed").isTrue();
        lease.close();
        Lease next = mutex.acquire(KEY);
        next.close();
        assertThat(told())
                .containsExactly(
                        "acquired tenant:1 after 0",
                        "released tenant:1 after 300000",
                        "acquired tenant:1 after 0",
                        "released tenant:1 after 0");
        assertThat(deployment.takeWarnings())
                .hasSize(4)
                .containsOnly("WARN a MutexListener threw; nothing else is affected");
    }

    @Test
    void eachOfSeveralListenersHearsEverythingThoughAnotherThrows() {
        RecordingListener first = new RecordingListener();
        RecordingListener second = new RecordingListener();
        first.then = () -> {
            throw new IllegalStateException("thrown by the test");
        };
        DistributedMutex heard = deployment
                .instance("heard", builder -> builder.listener(first).listener(second))
                .mutex();
        heard.acquire(KEY).close();
        deployment.time.runDue();
        assertThat(first.calls).containsExactly("acquired tenant:1 after 0", "released tenant:1 after 0");
        assertThat(second.calls).isEqualTo(first.calls);
        assertThat(deployment.takeWarnings()).hasSize(2);
    }

    @Test
    void aListenerThatBlocksDelaysOnlyItsOwnFurtherCalls() {
        try (Deployment real = Deployment.inRealTime()) {
            CountDownLatch blocked = new CountDownLatch(1);
            CountDownLatch end = new CountDownLatch(1);
            RecordingListener blocking = new RecordingListener();
            blocking.then = () -> {
                blocked.countDown();
                uninterruptibly(end);
            };
            RecordingListener others = new RecordingListener();
            Instance instance = real.instance("app", builder -> builder.listener(blocking));
            DistributedMutex mutex = instance.mutex();
            DistributedMutex neighbour =
                    real.instance("other", builder -> builder.listener(others)).mutex();

            // Long enough for a busy machine.
            Lease renewed = mutex.with(
                            o -> o.leaseTime(Duration.ofMillis(1_500)).autoRenew(Duration.ofHours(1)))
                    .acquire("renewed");
            Await.until(() -> blocked.getCount() == 0);
            Lease brief = mutex.with(o -> o.leaseTime(Duration.ofMillis(50))).acquire("brief");
            AtomicBoolean lossTold = new AtomicBoolean();
            brief.onLost(lease -> lossTold.set(true));
            CompletableFuture<LossReason> lost = brief.lost();

            // A blocked listener stops neither locks nor renewals nor losses nor the listeners of others.
            mutex.acquire("a").close();
            neighbour.acquire("a").close();
            Await.until(() -> others.calls.size() == 2);
            Await.until(lossTold::get);
            Await.until(lost::isDone);
            Await.until(() -> instance.store().count(Operation.RENEW) >= 2);
            assertThat(renewed.isValid()).isTrue();
            renewed.close();
            assertThat(blocking.calls).hasSize(1);

            end.countDown();
            Await.until(() -> blocking.calls.size() == 6);
            assertThat(blocking.calls.stream().map(call -> call.replaceAll(" after .*", "")))
                    .as("what was kept, in order")
                    .containsSubsequence("acquired renewed", "acquired brief", "acquired a", "released a")
                    .containsSubsequence("acquired brief", "lost brief: EXPIRED", "released renewed");
            assertThat(real.takeWarnings()).singleElement().asString().contains("LOST brief");
        }
        // Both deployments listen to the one log.
        deployment.takeWarnings();
    }

    @Test
    void tenThousandCallsWaitForASlowListenerAndMoreAreDroppedAndCounted() {
        // Callbacks run when the clock is moved, so until then the listener is slow.
        for (int i = 0; i < 5_100; i++) {
            mutex.acquire(KEY).close();
        }
        assertThat(told()).hasSize(10_000);
        assertThat(deployment.takeWarnings())
                .containsExactly("WARN the listener is too slow: 200 of its calls were dropped");
        mutex.acquire(KEY).close();
        assertThat(told()).containsExactly("acquired tenant:1 after 0", "released tenant:1 after 0");
        assertThat(deployment.takeWarnings()).isEmpty();
    }

    @Test
    void callsComeOneAtATimeAndInTheOrderOfEachKeyHoweverManyThreadsThereAre() {
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger overlaps = new AtomicInteger();
        RecordingListener busy = new RecordingListener();
        busy.then = () -> {
            if (inside.incrementAndGet() > 1) {
                overlaps.incrementAndGet();
            }
            Thread.onSpinWait();
            inside.decrementAndGet();
        };
        try (Deployment real = Deployment.inRealTime()) {
            DistributedMutex shared =
                    real.instance("app", builder -> builder.listener(busy)).mutex();
            List<Worker<Void>> workers = new ArrayList<>();
            for (int t = 0; t < 4; t++) {
                String key = "key " + t;
                workers.add(Worker.start(() -> {
                    for (int i = 0; i < 300; i++) {
                        shared.acquire(key).close();
                    }
                    return null;
                }));
            }
            workers.forEach(Worker::result);
            Await.until(() -> busy.calls.size() == 4 * 300 * 2);
        }
        assertThat(overlaps).hasValue(0);
        for (int t = 0; t < 4; t++) {
            String key = " key " + t;
            List<String> calls = busy.calls.stream()
                    .filter(call -> call.contains(key))
                    .map(call -> call.substring(0, call.indexOf(' ')))
                    .toList();
            for (int i = 0; i < calls.size(); i++) {
                assertThat(calls.get(i)).isEqualTo(i % 2 == 0 ? "acquired" : "released");
            }
        }
    }

    @Test
    void aListenerMayUseTheMutex() {
        List<Boolean> acquired = new ArrayList<>();
        listener.then = () -> {
            listener.then = () -> {};
            mutex.tryAcquire("from the listener").ifPresent(lease -> acquired.add(lease.release()));
        };
        mutex.acquire(KEY).close();
        assertThat(told())
                .containsExactly(
                        "acquired tenant:1 after 0",
                        "released tenant:1 after 0",
                        "acquired from the listener after 0",
                        "released from the listener after 0");
        assertThat(acquired).containsExactly(true);
    }

    @Test
    void aListenerMayCloseTheMutex() {
        try (Deployment real = Deployment.inRealTime()) {
            RecordingListener closing = new RecordingListener();
            DistributedMutex closed =
                    real.instance("app", builder -> builder.listener(closing)).mutex();
            closing.then = closed::close;
            Lease lease = closed.acquire(KEY);
            Await.until(() -> lease.state() == LeaseState.LOST);
            Await.until(() -> closing.calls.size() == 2);
            assertThatExceptionOfType(MutexClosedException.class).isThrownBy(() -> closed.acquire(KEY));
            assertThat(real.takeWarnings()).hasSize(1);
            assertThat(deployment.takeWarnings()).hasSize(1);
        }
    }

    /** What was told since this was last asked. */
    private List<String> told() {
        deployment.time.runDue();
        List<String> calls = List.copyOf(listener.calls);
        listener.calls.clear();
        return calls;
    }

    private void advanceMillis(long millis) {
        deployment.time.advance(Duration.ofMillis(millis));
    }

    private static void uninterruptibly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    // ---- immediate listeners

    @Test
    void anImmediateListenerHearsBeforeTheCallThatMadeTheEventReturns() {
        List<String> heard = new ArrayList<>();
        MutexListener immediate = new MutexListener() {
            @Override
            public boolean isImmediate() {
                return true;
            }

            @Override
            public void onAcquired(Lease lease, Duration waited) {
                heard.add("acquired " + lease.key() + " by "
                        + Thread.currentThread().getName());
            }

            @Override
            public void onReleased(Lease lease, Duration held) {
                heard.add("released " + lease.key());
            }
        };
        RecordingListener queued = new RecordingListener();
        DistributedMutex both = deployment
                .instance("both", builder -> builder.listener(queued).listener(immediate))
                .mutex();
        Lease lease = both.acquire(KEY);
        assertThat(heard)
                .containsExactly(
                        "acquired tenant:1 by " + Thread.currentThread().getName());
        lease.close();
        assertThat(heard).endsWith("released tenant:1").hasSize(2);
        assertThat(queued.leases).as("told on a callback thread").isEmpty();
        deployment.time.runDue();
        assertThat(queued.leases).as("told as ever").hasSize(2);
    }

    @Test
    void anImmediateListenerThatThrowsDoesNoHarm() {
        MutexListener broken = new MutexListener() {
            @Override
            public boolean isImmediate() {
                return true;
            }

            @Override
            public void onAcquired(Lease lease, Duration waited) {
                throw new StackOverflowError("of the listener");
            }
        };
        RecordingListener next = new RecordingListener();
        DistributedMutex harmed = deployment
                .instance("harmed", builder -> builder.listener(broken).listener(next))
                .mutex();
        assertThat(harmed.acquire(KEY).release()).isTrue();
        deployment.time.runDue();
        assertThat(next.leases).hasSize(2);
        assertThat(deployment.takeWarnings()).containsExactly("WARN a MutexListener threw; nothing else is affected");
    }
}
