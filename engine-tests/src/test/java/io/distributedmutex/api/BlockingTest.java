package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LockInterruptedException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.api.Deployment.Instance;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.junit.jupiter.params.provider.ValueSource;

/** The calls that wait for the store, and for others. */
class BlockingTest {

    private static final String KEY = "tenant:1";

    private final Deployment deployment = Deployment.onManualTime();
    private final Instance app = deployment.instance("app");
    private final DistributedMutex mutex = app.mutex();
    private final DistributedMutex other = deployment.instance("other").mutex();

    @AfterEach
    void nothingIsLeft() {
        // JUnit's thread must not hand a flag on to the next test.
        Thread.interrupted();
        deployment.close();
    }

    // ---- waiting

    @Test
    void aSecondAcquireFailsWhileTheKeyIsHeldAndSucceedsAfterItsRelease() {
        Lease held = other.acquire(KEY);
        assertThat(mutex.tryAcquire(KEY)).isEmpty();
        assertThat(held.release()).isTrue();
        try (Lease lease = mutex.tryAcquire(KEY).orElseThrow()) {
            assertThat(lease.isValid()).isTrue();
            assertThat(lease.fencingToken()).isGreaterThan(held.fencingToken());
        }
    }

    @Test
    void aLongEnoughWaitOutlivesAHolderThatNeverReleases() {
        Lease held = other.with(o -> o.leaseTime(Duration.ofSeconds(2))).acquire(KEY);
        Worker<Boolean> waiting = Worker.startAndBlock(() -> mutex.acquire(KEY).release());
        deployment.awaitWaiters(KEY, 1);
        deployment.advanceWaiter(Duration.ofMillis(1_999));
        assertThat(deployment.holder(KEY)).isEqualTo("other");
        // The store frees the key in the millisecond after the lease's last one.
        deployment.time.advance(Duration.ofMillis(3));
        assertThat(waiting.result()).isTrue();
        assertThat(held.isValid()).isFalse();
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void tooShortAWaitFailsWhenItIsOverAndNotLater() {
        Lease held = other.acquire(KEY);
        Worker<Lease> waiting = Worker.startAndBlock(
                () -> mutex.with(o -> o.waitTime(Duration.ofMillis(700))).acquire(KEY));
        deployment.awaitWaiters(KEY, 1);
        deployment.advanceWaiter(Duration.ofMillis(700).minusNanos(1));
        assertThat(waiting.isDone()).isFalse();
        deployment.time.advance(Duration.ofNanos(1));
        assertThat(waiting.failure()).isInstanceOf(LockNotAcquiredException.class);
        held.close();
    }

    @Test
    void aWaitEndsWithin50MillisecondsOfItsTimeInRealTimeToo() {
        Duration best = Duration.ofDays(1);
        try (Deployment real = Deployment.inRealTime()) {
            Lease held = real.instance("other").mutex().acquire(KEY);
            Instance instance = real.instance("app");
            DistributedMutex impatient = instance.mutex().with(o -> o.waitTime(Duration.ofMillis(200)));
            // The best of three, as the machine may be busy; never too early.
            for (int i = 0; i < 3; i++) {
                long start = System.nanoTime();
                assertThatExceptionOfType(LockNotAcquiredException.class).isThrownBy(() -> impatient.acquire(KEY));
                Duration took = Duration.ofNanos(System.nanoTime() - start);
                assertThat(took).isBetween(Duration.ofMillis(200), Await.BOUND);
                best = took.compareTo(best) < 0 ? took : best;
            }
            held.close();
        }
        assertThat(best).isLessThan(Duration.ofMillis(250));
    }

    @Test
    void aWaitTimeOfZeroIsOneAttemptAndThatSaysWhoHoldsTheKey() {
        DistributedMutex impatient = mutex.with(o -> o.waitTime(Duration.ZERO));
        Lease held = other.acquire(KEY);
        assertThatExceptionOfType(LockNotAcquiredException.class)
                .isThrownBy(() -> impatient.acquire(KEY))
                .withMessage("'tenant:1' not acquired: held by other for 60 s still");
        assertThat(app.store().counts()).isEqualTo(Map.of(Operation.ACQUIRE, 1));
        held.close();
        impatient.acquire(KEY).close();
    }

    // ---- a wait time for one call

    @Test
    void aCallMayHaveAWaitTimeOfItsOwn() {
        Lease held = other.acquire(KEY);
        Worker<Lease> waiting = Worker.startAndBlock(() -> mutex.acquire(KEY, Duration.ofMillis(300)));
        deployment.awaitWaiters(KEY, 1);
        deployment.advanceWaiter(Duration.ofMillis(300).minusNanos(1));
        assertThat(waiting.isDone()).isFalse();
        deployment.time.advance(Duration.ofNanos(1));
        assertThat(waiting.failure())
                .isInstanceOf(LockNotAcquiredException.class)
                .hasMessageContaining("not acquired within 300 ms");
        held.close();
        mutex.acquire(KEY, Duration.ofMillis(300)).close();
    }

    @Test
    void aTryMayWaitAndIsEmptyOnlyIfTheKeyWasTakenAllTheTime() {
        Lease held = other.acquire(KEY);
        Worker<Optional<Lease>> tooShort = Worker.startAndBlock(() -> mutex.tryAcquire(KEY, Duration.ofMillis(300)));
        deployment.awaitWaiters(KEY, 1);
        deployment.advanceWaiter(Duration.ofMillis(300));
        assertThat(tooShort.result()).isEmpty();

        Worker<Boolean> longEnough = Worker.startAndBlock(() ->
                mutex.tryAcquire(KEY, Duration.ofMillis(300)).orElseThrow().release());
        deployment.awaitWaiters(KEY, 1);
        held.close();
        deployment.time.runDue();
        assertThat(longEnough.result()).isTrue();
    }

    @Test
    void aTryWithoutTimeIsATryAndOneThatFailsOtherwiseThrows() {
        Lease held = other.acquire(KEY);
        assertThat(mutex.tryAcquire(KEY, Duration.ZERO)).isEmpty();
        assertThat(app.store().counts()).isEqualTo(Map.of(Operation.ACQUIRE, 1));
        held.close();
        mutex.tryAcquire(KEY, Duration.ZERO).orElseThrow().close();

        assertThatIllegalArgumentException()
                .isThrownBy(() -> mutex.tryAcquire(KEY, Duration.ofNanos(-1)))
                .withMessage("waitTime must be from 0 ms to 365 days, but is -1 ns");
        mutex.close();
        assertThatExceptionOfType(MutexClosedException.class)
                .isThrownBy(() -> mutex.tryAcquire(KEY, Duration.ofMillis(300)));
        assertThatExceptionOfType(MutexClosedException.class)
                .isThrownBy(() -> mutex.acquire(KEY, Duration.ofMillis(300)));
    }

    /** Such as comes from Duration.between(now, deadline), or from the lease itself. */
    @Test
    void aDurationThatWasComputedIsTaken() {
        Duration computed = Duration.ofSeconds(20).plusNanos(123_456);
        MutexAdapter adapter = new MutexAdapter(mutex);
        assertThat(adapter.acquire(KEY, computed)).isTrue();
        assertThat(adapter.release(KEY)).isTrue();
        try (Lease lease = mutex.acquire(KEY, computed)) {
            deployment.time.advance(Duration.ofNanos(123_456));
            lease.extend(lease.remaining().plusSeconds(30));
            assertThat(lease.remaining()).isBetween(Duration.ofSeconds(87), Duration.ofSeconds(90));
            lease.ensure(lease.remaining().plusNanos(1));
            Duration longer = Duration.ofMinutes(20).plusNanos(123_456);
            lease.extend(longer);
            // Rounded up to a whole millisecond, less the margin.
            assertThat(lease.remaining()).isEqualTo(Duration.ofNanos(1_200_001_000_000L - 12_000_010_000L - 2_000_000));
        }
    }

    // ---- what a failed acquire says

    @Test
    void aFailedAcquireSaysWhoHoldsTheKeyAndForHowLongStill() {
        Lease held = other.acquire(KEY);
        deployment.time.advance(Duration.ofSeconds(10));
        Worker<Lease> waiting = Worker.startAndBlock(() -> mutex.acquire(KEY));
        deployment.awaitWaiters(KEY, 1);
        deployment.advanceWaiter(Duration.ofSeconds(5));
        assertThat(waiting.failure()).isInstanceOfSatisfying(LockNotAcquiredException.class, e -> {
            assertThat(e).hasMessage("'tenant:1' not acquired within 5 s: held by other for 45 s still");
            assertThat(e.key()).isEqualTo(KEY);
            assertThat(e.holder()).contains("other");
            assertThat(e.remaining()).contains(Duration.ofSeconds(45));
            assertThat(e.getStackTrace()[0].getClassName())
                    .as("the stack is that of the caller")
                    .startsWith("io.distributedmutex.internal");
            assertThat(e.getStackTrace())
                    .anyMatch(frame -> frame.getMethodName().equals("acquire")
                            && frame.getClassName().equals(DistributedMutex.class.getName()));
        });
        held.close();
    }

    @Test
    void aHolderInTheSameInstanceIsNamedAsSuch() {
        Lease held = mutex.acquire(KEY);
        Worker<Lease> waiting = Worker.startAndBlock(() -> mutex.acquire(KEY));
        deployment.advanceWaiter(Duration.ofMillis(5_000));
        assertThat(waiting.failure()).isInstanceOfSatisfying(LockNotAcquiredException.class, e -> {
            assertThat(e)
                    .hasMessage("'tenant:1' not acquired within 5 s: held by another thread of this instance (app)"
                            + " for 54.4 s still");
            assertThat(e.holder()).contains("app");
            assertThat(e.remaining()).contains(Duration.ofMillis(54_398));
        });
        held.close();
    }

    @Test
    void aForeignHolderIsNamedAsSuch() {
        DistributedMutex impatient = mutex.with(o -> o.waitTime(Duration.ZERO));
        deployment.server.putForeign(KEY, Duration.ofSeconds(9));
        assertThatExceptionOfType(LockNotAcquiredException.class)
                .isThrownBy(() -> impatient.acquire(KEY))
                .withMessage("'tenant:1' not acquired: held by another client that is not of this library"
                        + " for 9 s still")
                .satisfies(e -> assertThat(e.holder()).isEmpty())
                .satisfies(e -> assertThat(e.remaining()).contains(Duration.ofSeconds(9)));
        deployment.server.putForeign(KEY, null);
        assertThatExceptionOfType(LockNotAcquiredException.class)
                .isThrownBy(() -> impatient.acquire(KEY))
                .withMessage("'tenant:1' not acquired: held by another client that is not of this library,"
                        + " without an expiry")
                .satisfies(e -> assertThat(e.holder()).isEmpty())
                .satisfies(e -> assertThat(e.remaining()).isEmpty());
        deployment.server.delete(KEY);
    }

    @Test
    void theMessageStaysOneLineWhateverTheKeyAndTheLabel() {
        Lease held = deployment.instance("host\nERROR forged").mutex().acquire("a\tb");
        assertThatExceptionOfType(LockNotAcquiredException.class)
                .isThrownBy(() -> mutex.with(o -> o.waitTime(Duration.ZERO)).acquire("a\tb"))
                .withMessage("'a\\u0009b' not acquired: held by host\\u000AERROR forged for 60 s still");
        held.close();
    }

    // ---- interrupts

    @Test
    void anInterruptEndsTheWaitKeepsTheFlagAndLeavesNothing() {
        Lease held = other.acquire(KEY);
        Worker<List<Object>> waiting = Worker.startAndBlock(() -> {
            try {
                return List.of(mutex.acquire(KEY));
            } catch (LockInterruptedException e) {
                return List.of(
                        e.getMessage(),
                        e.getCause().getClass(),
                        Thread.currentThread().isInterrupted());
            }
        });
        deployment.awaitWaiters(KEY, 1);
        waiting.interrupt();
        assertThat(waiting.result())
                .containsExactly("'tenant:1' not acquired: interrupted", InterruptedException.class, true);
        assertThat(deployment.server.contents().waiters()).isEmpty();
        held.close();
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
        assertThat(deployment.time.pendingTimers()).isZero();
    }

    @Test
    void anInterruptBeforehandIsToldWithoutAskingTheStore() {
        Thread.currentThread().interrupt();
        assertThatExceptionOfType(LockInterruptedException.class)
                .isThrownBy(() -> mutex.acquire(KEY))
                .withMessage("'tenant:1' not acquired: interrupted");
        assertThat(Thread.currentThread().isInterrupted()).isTrue();
        assertThat(app.store().counts()).isEmpty();
    }

    @Test
    void anInterruptInTheMomentOfTheGrantLeavesNothing() {
        Lease held = other.acquire(KEY);
        Worker<Lease> waiting = Worker.startAndBlock(() -> mutex.acquire(KEY));
        deployment.awaitWaiters(KEY, 1);
        deployment.awaitParked(1);
        // Both at once: whichever the thread sees first, the lease must not be lost between the two.
        waiting.interrupt();
        held.close();
        Object outcome = outcome(waiting);
        if (outcome instanceof Lease lease) {
            lease.close();
        } else {
            assertThat(outcome).isInstanceOf(LockInterruptedException.class);
        }
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
        assertThat(deployment.server.contents().isEmpty()).isTrue();
    }

    @Test
    void whatDoesNotWaitForOthersIgnoresInterruptsAndKeepsTheFlag() {
        Thread.currentThread().interrupt();
        Lease lease = mutex.tryAcquire(KEY).orElseThrow();
        lease.extend(Duration.ofSeconds(90));
        lease.ensure(Duration.ofSeconds(95));
        assertThat(mutex.inspect(KEY)).isPresent();
        assertThat(lease.release()).isTrue();
        assertThat(mutex.forceRelease(KEY)).isEmpty();
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void aSlowAnswerIsWaitedForInSpiteOfAnInterrupt() {
        for (Operation operation : List.of(Operation.ACQUIRE, Operation.RENEW, Operation.INSPECT, Operation.RELEASE)) {
            Lease held = operation == Operation.ACQUIRE ? null : mutex.acquire(KEY);
            app.store().holdReplies(1, operation);
            Worker<Boolean> calling = Worker.startAndBlock(() -> {
                Object lease = held;
                switch (operation) {
                    case ACQUIRE -> lease = mutex.tryAcquire(KEY).orElseThrow();
                    case RENEW -> held.extend(Duration.ofSeconds(90));
                    case INSPECT -> mutex.inspect(KEY);
                    default -> held.release();
                }
                ((Lease) lease).close();
                return Thread.currentThread().isInterrupted();
            });
            Await.until(() -> app.store().waitingCalls() == 1);
            calling.interrupt();
            Await.until(() -> !calling.thread().isInterrupted() || deployment.time.parkedThreads() == 1);
            assertThat(calling.isDone()).as("%s", operation).isFalse();
            app.store().releaseHeld();
            deployment.advanceUntilDone(calling, Duration.ofMillis(1));
            assertThat(calling.result()).as("the flag after %s", operation).isTrue();
        }
    }

    @Test
    void anInterruptEndsAnAcquireThatDoesNotWaitForOthersAndWhatItAcquiresIsGivenBack() {
        DistributedMutex kept = mutex.with(o -> o.waitTime(Duration.ZERO).minimumHold(Duration.ofMinutes(1)));
        for (boolean refused : List.of(false, true)) {
            Lease held = refused ? other.acquire(KEY) : null;
            app.store().holdReplies(1, Operation.ACQUIRE);
            Worker<List<Object>> acquiring = Worker.startAndBlock(() -> {
                try {
                    return List.of(kept.acquire(KEY));
                } catch (LockInterruptedException e) {
                    return List.of(e.getMessage(), Thread.currentThread().isInterrupted());
                }
            });
            Await.until(() -> app.store().waitingCalls() == 1);
            acquiring.interrupt();
            assertThat(acquiring.result()).containsExactly("'tenant:1' not acquired: interrupted", true);
            app.store().releaseHeld();
            assertThat(deployment.holder(KEY)).isEqualTo(refused ? "other" : "nobody");
            if (held != null) {
                held.close();
            }
        }
    }

    // ---- tries

    @Test
    void aTryAsksTheStoreNothingWhileThisInstanceHoldsTheKey() {
        Lease held = mutex.acquire(KEY);
        app.store().resetCounts();
        for (int i = 0; i < 100; i++) {
            assertThat(mutex.tryAcquire(KEY)).isEmpty();
        }
        assertThat(app.store().counts()).isEmpty();
        held.close();
        mutex.tryAcquire(KEY).orElseThrow().close();
    }

    @Test
    void aTryAsksTheStoreAgainWhenTheLeaseOfThisInstanceIsOver() {
        mutex.with(o -> o.leaseTime(Duration.ofSeconds(1))).acquire(KEY);
        deployment.time.advance(Duration.ofSeconds(2));
        mutex.tryAcquire(KEY).orElseThrow().close();
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void aTryOfAnotherInstancesKeyIsOneRequest() {
        Lease held = other.acquire(KEY);
        assertThat(mutex.tryAcquire(KEY)).isEmpty();
        assertThat(app.store().counts()).isEqualTo(Map.of(Operation.ACQUIRE, 1));
        held.close();
    }

    // ---- a store that fails

    @Test
    void twoTransientErrorsThenSuccessIsSuccess() {
        app.store().failNext(2, Operation.ACQUIRE);
        Worker<Lease> acquiring = Worker.startAndBlock(() -> mutex.acquire(KEY));
        deployment.advanceWaiter(Duration.ofMillis(500));
        Lease lease = acquiring.result();
        assertThat(app.store().count(Operation.ACQUIRE)).isEqualTo(3);

        app.store().failNext(2, Operation.RENEW);
        Worker<Void> extending = Worker.startAndBlock(() -> {
            lease.extend(Duration.ofSeconds(90));
            return null;
        });
        deployment.advanceUntilDone(extending, Duration.ofMillis(10));
        extending.result();
        assertThat(app.store().count(Operation.RENEW)).isEqualTo(3);
        assertThat(deployment.remaining(KEY)).isBetween(Duration.ofSeconds(80), Duration.ofSeconds(90));

        app.store().failNext(2, Operation.RELEASE);
        Worker<Boolean> releasing = Worker.startAndBlock(lease::release);
        deployment.advanceWaiter(Duration.ofMillis(500));
        assertThat(releasing.result()).isTrue();
        assertThat(app.store().count(Operation.RELEASE)).isEqualTo(3);
    }

    @Test
    void twoLostRepliesThenOneThatArrivesIsOneLease() {
        app.store().loseReplies(2, Operation.ACQUIRE);
        Worker<Lease> acquiring = Worker.startAndBlock(() -> mutex.acquire(KEY));
        deployment.advanceWaiter(Duration.ofMillis(500));
        Lease lease = acquiring.result();
        assertThat(deployment.remaining(KEY)).as("renewed by the repetition").isEqualTo(Duration.ofMinutes(1));

        app.store().loseReplies(2, Operation.RELEASE);
        Worker<Boolean> releasing = Worker.startAndBlock(lease::release);
        deployment.awaitParked(1);
        assertThat(deployment.holder(KEY)).as("one release is enough").isEqualTo("nobody");
        deployment.time.advance(Duration.ofMillis(500));
        assertThat(releasing.result()).as("it was held until now").isTrue();
        assertThat(lease.state()).isEqualTo(LeaseState.RELEASED);
    }

    @Test
    void anAcquireWhoseErrorsOutlastItsWaitSaysThatTheStoreIsUnreachable() {
        app.store().failNext(1_000, Operation.ACQUIRE);
        Worker<Lease> acquiring = Worker.startAndBlock(() -> mutex.acquire(KEY));
        deployment.advanceWaiter(Duration.ofSeconds(5));
        assertThat(acquiring.failure())
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessage("'tenant:1' not acquired within 5 s: made to fail by the test");
        assertThat(app.store().count(Operation.ACQUIRE)).as("retries").isBetween(20, 21);
        assertThat(app.store().count(Operation.CANCEL))
                .as("it may have taken effect")
                .isEqualTo(1);
    }

    @Test
    void anAcquireThatWasNotAnsweredSaysSo() {
        app.store().hangNext(100, Operation.ACQUIRE, Duration.ofDays(1));
        Worker<Lease> acquiring = Worker.startAndBlock(() -> mutex.acquire(KEY));
        deployment.advanceWaiter(Duration.ofSeconds(5));
        assertThat(acquiring.failure())
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessage("'tenant:1' not acquired within 5 s: the store has not answered yet");
        deployment.time.advance(Duration.ofDays(1));
    }

    @Test
    void aTryIsNotRetriedAndLeavesNothingThoughItsReplyWasLost() {
        app.store().failNext(1, Operation.ACQUIRE);
        assertThatExceptionOfType(StoreUnreachableException.class)
                .isThrownBy(() -> mutex.tryAcquire(KEY))
                .withMessage("'tenant:1' not acquired: made to fail by the test");
        app.store().loseReplies(1, Operation.ACQUIRE);
        assertThatExceptionOfType(StoreUnreachableException.class)
                .isThrownBy(() -> mutex.tryAcquire(KEY))
                .withMessage("'tenant:1' not acquired: reply lost by the test");
        assertThat(app.store().count(Operation.ACQUIRE)).isEqualTo(2);
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
    }

    @Test
    void aTryWhoseReplyTookLongerThanTheLeaseIsNotGivenAsValidAndCleanedUp() {
        app.store().holdReplies(1, Operation.ACQUIRE);
        Worker<Optional<Lease>> trying = Worker.startAndBlock(
                () -> mutex.with(o -> o.leaseTime(Duration.ofSeconds(1))).tryAcquire(KEY));
        Await.until(() -> app.store().waitingCalls() == 1);
        deployment.time.advance(Duration.ofMillis(995));
        assertThat(deployment.holder(KEY)).as("in the store it is held still").isEqualTo("app");
        app.store().releaseHeld();
        assertThat(trying.failure())
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessage("'tenant:1' not acquired: the store's grant arrived after 995 ms,"
                        + " when the lease time of 1 s was over");
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
    }

    @Test
    void anExtensionWhoseErrorsOutlastTheWaitTimeKeepsTheLease() {
        Lease lease = mutex.acquire(KEY);
        app.store().failNext(1_000, Operation.RENEW);
        Worker<Void> extending = Worker.startAndBlock(() -> {
            lease.extend(Duration.ofSeconds(90));
            return null;
        });
        deployment.advanceUntilDone(extending, Duration.ofMillis(10));
        assertThat(extending.failure())
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessage("'tenant:1' not extended: made to fail by the test");
        assertThat(deployment.time.elapsed()).isBetween(Duration.ofMillis(4_500), Duration.ofSeconds(20));
        assertThat(lease.isValid()).isTrue();
        assertThat(lease.remaining()).isLessThan(Duration.ofSeconds(57));
        app.store().heal();
        lease.close();
    }

    /** By a request of its own, or by the next one's: whoever waits is served as soon as the store answers. */
    @Test
    void aReleaseWithAWaitTimeOfZeroIsOneAttemptAndGoesOnInTheBackground() {
        DistributedMutex impatient = mutex.with(o -> o.waitTime(Duration.ZERO));
        for (boolean wanted : List.of(false, true)) {
            Lease lease = impatient.acquire(KEY);
            CompletableFuture<Lease> next = wanted ? mutex.acquireAsync(KEY) : null;
            app.store().failNext(3, Operation.RELEASE.or(Operation.ACQUIRE));
            Worker<Boolean> releasing = Worker.start(lease::release);
            assertThat(releasing.failure())
                    .isInstanceOf(StoreUnreachableException.class)
                    .hasMessage("release of 'tenant:1' not confirmed; it is repeated until the lease's end, which frees"
                            + " the key: made to fail by the test");
            assertThat(lease.state()).isEqualTo(LeaseState.RELEASED);
            assertThat(deployment.holder(KEY)).isEqualTo("app");
            deployment.time.advance(Duration.ofMillis(750));
            if (next != null) {
                assertThat(next).isCompleted();
                next.join().close();
            }
            assertThat(deployment.holder(KEY)).isEqualTo("nobody");
        }
    }

    @Test
    void aReleaseThatIsNotConfirmedWithinTheWaitTimeSaysSoAndGoesOn() {
        Lease lease = mutex.acquire(KEY);
        app.store().failNext(30, Operation.RELEASE);
        Worker<Boolean> releasing = Worker.startAndBlock(lease::release);
        deployment.advanceWaiter(Duration.ofSeconds(5));
        assertThat(releasing.failure())
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessage("release of 'tenant:1' not confirmed; it is repeated until the lease's end, which frees the"
                        + " key: not confirmed within 5 s");
        assertThat(lease.isValid()).as("given back is given back").isFalse();
        assertThat(deployment.holder(KEY)).isEqualTo("app");
        deployment.time.advance(Duration.ofSeconds(3));
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
        assertThat(lease.state()).isEqualTo(LeaseState.RELEASED);
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            mode = Mode.EXCLUDE,
            names = {"BUSY", "READ_ONLY", "OUT_OF_MEMORY"})
    void aRefusalThatWillNotPassIsToldAtOnce(Reason reason) {
        app.store().failNext(1, call -> true, new StoreRefusedException(reason, "said no", null));
        assertThatExceptionOfType(StoreRefusedException.class)
                .isThrownBy(() -> mutex.acquire(KEY))
                .withMessage("'tenant:1' not acquired: said no")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(reason));
        assertThat(app.store().count(Operation.ACQUIRE)).isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"BUSY", "READ_ONLY", "OUT_OF_MEMORY"})
    void aRefusalThatPassesIsWaitedOutAndToldIfItDoesNot(Reason reason) {
        StoreRefusedException refusal = new StoreRefusedException(reason, "said no", null);
        app.store().failNext(3, Operation.ACQUIRE, refusal);
        Worker<Boolean> acquiring =
                Worker.startAndBlock(() -> mutex.acquire(KEY).release());
        deployment.advanceWaiter(Duration.ofMillis(750));
        assertThat(acquiring.result()).isTrue();

        app.store().failNext(1_000, Operation.ACQUIRE, refusal);
        Worker<Lease> failing = Worker.startAndBlock(() -> mutex.acquire(KEY));
        deployment.advanceWaiter(Duration.ofSeconds(5));
        assertThat(failing.failure()).isInstanceOfSatisfying(StoreRefusedException.class, e -> {
            assertThat(e.reason()).isEqualTo(reason);
            assertThat(e).hasMessage("'tenant:1' not acquired within 5 s: said no");
        });
    }

    @Test
    void aStoreThatHangsForOneKeyDelaysNoOther() {
        app.store().hangNext(21, call -> call.key().equals("hung"), Duration.ofMinutes(10));
        Worker<Lease> hanging = Worker.startAndBlock(() -> mutex.acquire("hung"));
        deployment.awaitParked(1);
        for (int i = 0; i < 100; i++) {
            String key = "healthy " + i;
            Worker<Boolean> healthy = Worker.start(() -> mutex.acquire(key).release());
            assertThat(healthy.result()).isTrue();
        }
        assertThat(hanging.isDone()).isFalse();
        deployment.time.advance(Duration.ofSeconds(5));
        hanging.failure();
        deployment.time.advance(Duration.ofMinutes(11));
    }

    // ---- looking and forcing

    @Test
    void inspectSaysWhoHoldsAKeyAndTouchesNothing() {
        assertThat(mutex.inspect(KEY)).isEmpty();
        Lease held = other.acquire(KEY);
        Worker<Boolean> waiting = Worker.startAndBlock(() -> mutex.acquire(KEY).release());
        deployment.awaitWaiters(KEY, 1);
        deployment.time.advance(Duration.ofSeconds(2));
        assertThat(mutex.inspect(KEY))
                .contains(new LockInfo(
                        KEY,
                        Optional.of("other"),
                        OptionalLong.of(held.fencingToken()),
                        Optional.of(Duration.ofSeconds(58)),
                        1));
        assertThat(held.isValid()).isTrue();
        held.close();
        waiting.result();
    }

    @Test
    void forceReleaseTakesTheKeyTellsWhoHadItAndIsLoggedWithWhoDidIt() {
        assertThat(mutex.forceRelease(KEY)).isEmpty();
        Lease held = other.acquire(KEY);
        assertThat(mutex.forceRelease(KEY)).isPresent().get().satisfies(evicted -> {
            assertThat(evicted.holder()).contains("other");
            assertThat(evicted.fencingToken()).hasValue(held.fencingToken());
        });
        assertThat(deployment.takeWarnings())
                .containsExactly("WARN FORCED release of tenant:1 by app: taken from other");
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
        assertThat(held.isValid()).as("it has not been asked").isTrue();
        assertThat(held.release()).as("it learns of it").isFalse();
        assertThat(deployment.takeWarnings()).singleElement().asString().contains("LOST tenant:1 (REVOKED");
    }

    @Test
    void lookingAndForcingSayWhenTheStoreIsUnreachable() {
        app.store().failNext(2, call -> true);
        assertThatExceptionOfType(StoreUnreachableException.class)
                .isThrownBy(() -> mutex.inspect(KEY))
                .withMessage("'tenant:1' not inspected: made to fail by the test");
        assertThatExceptionOfType(StoreUnreachableException.class)
                .isThrownBy(() -> mutex.forceRelease(KEY))
                .withMessage("'tenant:1' not released: made to fail by the test");
    }

    // ---- keys

    @ParameterizedTest
    @ValueSource(strings = {"{a}b", "a b", "a\nb", "🔒", "İ", "%s", "*", "tenant:123:settings:update"})
    void anyTextIsAKeyOfItsOwn(String key) {
        try (Lease lease = mutex.acquire(key)) {
            assertThat(lease.key()).isEqualTo(key);
            assertThat(deployment.server.contents().heldKeys()).containsExactly(key);
            assertThat(other.tryAcquire(key)).isEmpty();
            other.tryAcquire(key + " ").orElseThrow().close();
        }
    }

    @Test
    void upperAndLowerCaseAreDifferentKeys() {
        try (Lease upper = mutex.acquire("KEY");
                Lease lower = mutex.acquire("key")) {
            assertThat(upper.isValid() && lower.isValid()).isTrue();
        }
    }

    @Test
    void theLeaseInTheStoreLastsTheLeaseTimeToTheMillisecond() {
        for (Duration leaseTime : List.of(
                LockOptions.MINIMUM_LEASE_TIME, Duration.ofMillis(1_234), Duration.ofDays(1), LockOptions.MAXIMUM)) {
            try (Lease lease = mutex.with(o -> o.leaseTime(leaseTime)).acquire(KEY)) {
                assertThat(deployment.remaining(KEY)).isEqualTo(leaseTime);
                assertThat(lease.remaining()).as("the holder's belief").isLessThan(leaseTime);
            }
        }
    }

    private static Object outcome(Worker<?> worker) {
        Await.until(worker::isDone);
        try {
            return worker.result();
        } catch (AssertionError e) {
            return e.getCause();
        }
    }
}
