package io.distributedmutex.api;

import static java.util.concurrent.TimeUnit.DAYS;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.NANOSECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.api.Deployment.Instance;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Lock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The key as a {@link Lock}. */
class LockViewTest {

    private static final String KEY = "tenant:1";

    private final Deployment deployment = Deployment.onManualTime();
    private final Instance app = deployment.instance("app");
    private final Instance other = deployment.instance("other");
    private final Lock lock = app.mutex().asLock(KEY);

    @AfterEach
    void nothingIsLeft() {
        // JUnit's thread must not hand a flag on to the next test.
        Thread.interrupted();
        deployment.close();
    }

    /** The ways to wait for a lock that an interrupt ends. */
    private enum InterruptibleWay {
        LOCK_INTERRUPTIBLY {
            @Override
            boolean lock(Lock lock) throws InterruptedException {
                lock.lockInterruptibly();
                return true;
            }
        },
        TRY_LOCK_FOR_A_TIME {
            @Override
            boolean lock(Lock lock) throws InterruptedException {
                return lock.tryLock(1, DAYS);
            }
        };

        abstract boolean lock(Lock lock) throws InterruptedException;
    }

    // ---- holds

    @Test
    void everyWayToLockIsReentrantAndTheLastUnlockFreesTheKey() throws InterruptedException {
        lock.lock();
        lock.lock();
        lock.lockInterruptibly();
        assertThat(lock.tryLock()).isTrue();
        assertThat(lock.tryLock(0, SECONDS)).isTrue();
        assertThat(app.store().count(Operation.ACQUIRE)).as("re-entry is free").isEqualTo(1);
        for (int holds = 5; holds > 1; holds--) {
            lock.unlock();
            assertThat(deployment.holder(KEY))
                    .as("with %d holds left", holds - 1)
                    .isEqualTo("app");
        }
        lock.unlock();
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
    }

    @Test
    void allViewsOfAKeyOnOneInstanceShareTheirHolds() {
        Lock sameKey = app.mutex().with(o -> o.leaseTime(Duration.ofSeconds(5))).asLock(KEY);
        lock.lock();
        sameKey.lock();
        lock.unlock();
        assertThat(deployment.holder(KEY)).isEqualTo("app");
        sameKey.unlock();
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
    }

    @Test
    void locksOfDifferentKeysAreDifferentLocks() {
        Lock unrelated = app.mutex().asLock("tenant:2");
        lock.lock();
        assertThat(Worker.start(() -> {
                            unrelated.lock();
                            unrelated.unlock();
                            return "done";
                        })
                        .result())
                .isEqualTo("done");
        lock.unlock();
    }

    @Test
    void anotherThreadOfTheSameInstanceDoesNotEnter() {
        lock.lock();
        assertThat(Worker.start(lock::tryLock).result()).isFalse();
        Worker<Boolean> waiting = Worker.startAndBlock(() -> lock.tryLock(1, SECONDS));
        deployment.advanceWaiter(Duration.ofSeconds(1));
        assertThat(waiting.result()).isFalse();
        lock.unlock();
    }

    @Test
    void twoInstancesInOneProcessAreAsStrangersEvenForOneThread() {
        Lock others = other.mutex().asLock(KEY);
        lock.lock();
        assertThat(others.tryLock()).isFalse();
        assertThatExceptionOfType(IllegalMonitorStateException.class).isThrownBy(others::unlock);
        assertThat(deployment.holder(KEY)).isEqualTo("app");
        lock.unlock();
        assertThat(others.tryLock()).isTrue();
        others.unlock();
    }

    @Test
    void aStrangerCannotUnlock() {
        lock.lock();
        lock.lock();
        Worker<Void> stranger = Worker.start(() -> {
            lock.unlock();
            return null;
        });
        assertThat(stranger.failure())
                .isInstanceOf(IllegalMonitorStateException.class)
                .hasMessage("'tenant:1' is not locked by this thread (worker)");
        assertThat(deployment.holder(KEY)).isEqualTo("app");
        lock.unlock();
        assertThat(deployment.holder(KEY)).isEqualTo("app");
        lock.unlock();
    }

    @Test
    void unlockingOnceTooOftenIsRefusedAndHarmsNobody() {
        lock.lock();
        lock.unlock();
        Lock others = other.mutex().asLock(KEY);
        others.lock();
        assertThatExceptionOfType(IllegalMonitorStateException.class).isThrownBy(lock::unlock);
        assertThat(deployment.holder(KEY)).isEqualTo("other");
        others.unlock();
    }

    // ---- waiting

    @Test
    void tryLockForATimeEndsWhenThatTimeIsOver() {
        Lock others = other.mutex().asLock(KEY);
        others.lock();
        Worker<Boolean> waiting = Worker.startAndBlock(() -> lock.tryLock(3, SECONDS));
        deployment.awaitWaiters(KEY, 1);
        deployment.advanceWaiter(Duration.ofSeconds(3).minusNanos(1));
        assertThat(waiting.isDone()).isFalse();
        deployment.awaitParked(1);
        deployment.time.advance(Duration.ofNanos(1));
        assertThat(waiting.result()).isFalse();
        others.unlock();
    }

    @Test
    void tryLockForATimeReturnsOnTimeInRealTimeToo() throws InterruptedException {
        Duration best = Duration.ofDays(1);
        try (Deployment real = Deployment.inRealTime()) {
            Lock others = real.instance("other").mutex().asLock(KEY);
            Lock mine = real.instance("app").mutex().asLock(KEY);
            others.lock();
            // The best of three, as the machine may be busy; never too early.
            for (int i = 0; i < 3; i++) {
                long start = System.nanoTime();
                assertThat(mine.tryLock(300, MILLISECONDS)).isFalse();
                Duration took = Duration.ofNanos(System.nanoTime() - start);
                assertThat(took).isBetween(Duration.ofMillis(300), Await.BOUND);
                best = took.compareTo(best) < 0 ? took : best;
            }
            others.unlock();
        }
        assertThat(best).isLessThan(Duration.ofMillis(350));
    }

    @Test
    void tryLockForATimeGetsALockThatIsFreedMeanwhile() {
        Lock others = other.mutex().asLock(KEY);
        others.lock();
        Worker<Boolean> waiting = Worker.startAndBlock(() -> {
            boolean locked = lock.tryLock(3, SECONDS);
            lock.unlock();
            return locked;
        });
        deployment.awaitWaiters(KEY, 1);
        others.unlock();
        assertThat(waiting.result()).isTrue();
    }

    @Test
    void tryLockWithoutTimeOrWithANegativeOneDoesNotWait() throws InterruptedException {
        Lock others = other.mutex().asLock(KEY);
        others.lock();
        // Nobody moves the clock, so whoever waited would wait for ever.
        assertThat(Worker.start(() -> lock.tryLock()).result()).isFalse();
        assertThat(Worker.start(() -> lock.tryLock(0, SECONDS)).result()).isFalse();
        assertThat(Worker.start(() -> lock.tryLock(-1, DAYS)).result()).isFalse();
        others.unlock();
        assertThat(lock.tryLock(0, SECONDS)).isTrue();
        lock.unlock();
    }

    @Test
    void theLongestTimeThatTryLockTakesIsNoOverflow() {
        Lock others = other.mutex().asLock(KEY);
        others.lock();
        Worker<Boolean> waiting = Worker.startAndBlock(() -> {
            boolean locked = lock.tryLock(Long.MAX_VALUE, DAYS);
            lock.unlock();
            return locked;
        });
        deployment.awaitWaiters(KEY, 1);
        deployment.time.advance(Duration.ofSeconds(30));
        assertThat(waiting.isDone()).isFalse();
        others.unlock();
        assertThat(waiting.result()).isTrue();
    }

    @Test
    void lockWaitsForOtherHoldersWithoutLimit() {
        Lock patient = app.mutex().with(o -> o.waitTime(Duration.ofMillis(100))).asLock(KEY);
        Lock others = other.mutex()
                .with(o -> o.leaseTime(Duration.ofSeconds(10)).autoRenew(Duration.ofHours(1)))
                .asLock(KEY);
        others.lock();
        Worker<Void> waiting = Worker.startAndBlock(() -> {
            patient.lock();
            patient.unlock();
            return null;
        });
        deployment.awaitWaiters(KEY, 1);
        for (int minute = 0; minute < 30; minute++) {
            deployment.time.advance(Duration.ofMinutes(1));
        }
        assertThat(waiting.isDone()).isFalse();
        others.unlock();
        waiting.result();
    }

    // ---- interrupts

    @Test
    void lockSurvivesInterruptsAndKeepsTheFlag() {
        Lock others = other.mutex().asLock(KEY);
        others.lock();
        Worker<Boolean> waiting = Worker.startAndBlock(() -> {
            lock.lock();
            boolean flag = Thread.interrupted();
            lock.unlock();
            return flag;
        });
        deployment.awaitWaiters(KEY, 1);
        for (int i = 0; i < 3; i++) {
            waiting.interrupt();
            // Taken in, and waiting again rather than spinning with the flag set.
            Await.until(() -> !waiting.thread().isInterrupted() && deployment.time.parkedThreads() == 1);
            waiting.awaitBlocked();
        }
        assertThat(waiting.isDone()).isFalse();
        others.unlock();
        assertThat(waiting.result()).as("the interrupt flag").isTrue();
    }

    @Test
    void lockAndTryLockIgnoreAFlagThatIsSetBeforehandAndKeepIt() {
        Thread.currentThread().interrupt();
        lock.lock();
        assertThat(Thread.currentThread().isInterrupted()).isTrue();
        lock.unlock();
        assertThat(lock.tryLock()).isTrue();
        assertThat(Thread.interrupted()).isTrue();
        lock.unlock();
    }

    @ParameterizedTest
    @EnumSource
    void anInterruptEndsTheWaitAndLeavesNothing(InterruptibleWay way) {
        Lock others = other.mutex().asLock(KEY);
        others.lock();
        Worker<List<Object>> waiting = Worker.startAndBlock(() -> {
            try {
                return List.of(way.lock(lock));
            } catch (InterruptedException e) {
                return List.of(e.getMessage(), Thread.currentThread().isInterrupted(), holds());
            }
        });
        deployment.awaitWaiters(KEY, 1);
        waiting.interrupt();
        assertThat(waiting.result())
                .as("the message, the flag, which the exception replaces, and whether the thread holds the lock")
                .containsExactly("'tenant:1' not acquired: interrupted", false, false);
        assertThat(deployment.server.contents().waiters()).isEmpty();
        assertThat(deployment.holder(KEY)).isEqualTo("other");
        others.unlock();
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
    }

    @ParameterizedTest
    @EnumSource
    void anInterruptBeforehandIsToldThoughTheKeyIsFreeOrHeldByTheThreadItself(InterruptibleWay way) {
        Thread.currentThread().interrupt();
        assertThatExceptionOfType(InterruptedException.class).isThrownBy(() -> way.lock(lock));
        assertThat(Thread.currentThread().isInterrupted()).isFalse();
        assertThat(app.store().counts()).isEmpty();

        lock.lock();
        Thread.currentThread().interrupt();
        assertThatExceptionOfType(InterruptedException.class).isThrownBy(() -> way.lock(lock));
        lock.unlock();
        assertThat(deployment.holder(KEY)).as("the hold count is one").isEqualTo("nobody");
    }

    // ---- lease times

    @Test
    void reEntryAndInnerUnlocksDoNotTouchTheLease() {
        Lock tenSeconds =
                app.mutex().with(o -> o.leaseTime(Duration.ofSeconds(10))).asLock(KEY);
        Lock anHour = app.mutex().with(o -> o.leaseTime(Duration.ofHours(1))).asLock(KEY);
        tenSeconds.lock();
        assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofSeconds(10));
        deployment.time.advance(Duration.ofSeconds(4));
        anHour.lock();
        assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofSeconds(6));
        deployment.time.advance(Duration.ofSeconds(1));
        anHour.unlock();
        assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofSeconds(5));
        tenSeconds.unlock();
    }

    @Test
    void oneHoldsLeaseTimeDoesNotLeakIntoTheNext() {
        Lock tenSeconds =
                app.mutex().with(o -> o.leaseTime(Duration.ofSeconds(10))).asLock(KEY);
        Lock renewed = app.mutex()
                .with(o -> o.leaseTime(Duration.ofSeconds(3)).autoRenew(Duration.ofHours(1)))
                .asLock(KEY);
        for (int i = 0; i < 3; i++) {
            tenSeconds.lock();
            assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofSeconds(10));
            deployment.time.advance(Duration.ofSeconds(5));
            assertThat(deployment.remaining(KEY)).as("not renewed").isEqualTo(Duration.ofSeconds(5));
            tenSeconds.unlock();
            renewed.lock();
            assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofSeconds(3));
            deployment.time.advance(Duration.ofSeconds(60));
            assertThat(deployment.remaining(KEY)).as("renewed").isGreaterThan(Duration.ofSeconds(1));
            renewed.unlock();
        }
        assertThat(deployment.time.pendingTimers()).isZero();
    }

    @Test
    void oneThreadsLeaseTimeDoesNotLeakIntoAnothersToWhomTheLockIsPassed() {
        Lock minute = app.mutex().asLock(KEY);
        Lock tenSeconds =
                app.mutex().with(o -> o.leaseTime(Duration.ofSeconds(10))).asLock(KEY);
        minute.lock();
        Worker<List<Duration>> next = Worker.startAndBlock(() -> {
            List<Duration> remaining = new ArrayList<>();
            tenSeconds.lock();
            remaining.add(deployment.remaining(KEY));
            tenSeconds.unlock();
            return remaining;
        });
        deployment.awaitParked(1);
        minute.unlock();
        assertThat(next.result()).containsExactly(Duration.ofSeconds(10));
        minute.lock();
        assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofMinutes(1));
        minute.unlock();
    }

    // ---- loss

    @Test
    void unlockTellsThatTheLeaseWasLostAndTheHoldIsOver() {
        lock.lock();
        deployment.time.advance(Duration.ofSeconds(61));
        assertThatExceptionOfType(LeaseLostException.class)
                .isThrownBy(lock::unlock)
                .withMessage("'tenant:1' unlocked, but its lease was lost meanwhile (EXPIRED)")
                .satisfies(e -> assertThat(e.reason()).contains(LossReason.EXPIRED));
        assertThatExceptionOfType(IllegalMonitorStateException.class).isThrownBy(lock::unlock);
        lock.lock();
        assertThat(deployment.holder(KEY)).isEqualTo("app");
        lock.unlock();
        assertThat(deployment.takeWarnings()).singleElement().asString().contains("LOST tenant:1 (EXPIRED");
    }

    @Test
    void lockingAgainInsideALostHoldTellsByEveryWayAndDoesNotEnter() {
        lock.lock();
        deployment.time.advance(Duration.ofSeconds(61));
        assertThatExceptionOfType(LeaseLostException.class)
                .isThrownBy(lock::lock)
                .withMessage("'tenant:1' locked again, but its lease was lost meanwhile (EXPIRED)");
        assertThatExceptionOfType(LeaseLostException.class).isThrownBy(lock::lockInterruptibly);
        assertThatExceptionOfType(LeaseLostException.class).isThrownBy(lock::tryLock);
        assertThatExceptionOfType(LeaseLostException.class).isThrownBy(() -> lock.tryLock(1, SECONDS));
        // None of them counts as a hold: one unlock is due, for the first.
        assertThatExceptionOfType(LeaseLostException.class).isThrownBy(lock::unlock);
        assertThatExceptionOfType(IllegalMonitorStateException.class).isThrownBy(lock::unlock);
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void aLossInsideNestedHoldsIsToldByTheOutermostUnlock() {
        lock.lock();
        lock.lock();
        deployment.time.advance(Duration.ofSeconds(61));
        lock.unlock();
        assertThatExceptionOfType(LeaseLostException.class).isThrownBy(lock::unlock);
        assertThatExceptionOfType(IllegalMonitorStateException.class).isThrownBy(lock::unlock);
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void aLateUnlockCannotFreeTheLockOfAnotherThreadOrInstance() {
        Lock brief = app.mutex().with(o -> o.leaseTime(Duration.ofSeconds(1))).asLock(KEY);
        brief.lock();
        deployment.time.advance(Duration.ofSeconds(2));
        Worker<Void> successor = Worker.start(() -> {
            lock.lock();
            return null;
        });
        successor.result();
        assertThatExceptionOfType(LeaseLostException.class).isThrownBy(brief::unlock);
        assertThat(deployment.holder(KEY)).isEqualTo("app");
        assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofMinutes(1));
        assertThatExceptionOfType(IllegalMonitorStateException.class).isThrownBy(lock::unlock);
        assertThat(deployment.holder(KEY)).isEqualTo("app");
        // The successor's thread has ended without unlocking: its lease ends by itself.
        deployment.time.advance(Duration.ofSeconds(61));
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
        assertThat(deployment.takeWarnings()).hasSize(2);
    }

    // ---- failures

    @Test
    void lockDoesNotWaitWithoutLimitForAStoreThatIsUnreachable() {
        Lock limited =
                app.mutex().with(o -> o.waitTime(Duration.ofMillis(1_000))).asLock(KEY);
        app.store().failNext(1_000, Operation.ACQUIRE.or(Operation.CANCEL));
        Worker<Void> waiting = Worker.startAndBlock(() -> {
            limited.lock();
            return null;
        });
        deployment.advanceWaiter(Duration.ofMillis(999));
        assertThat(waiting.isDone()).isFalse();
        deployment.time.advance(Duration.ofMillis(1));
        assertThat(waiting.failure())
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessage("'tenant:1' not acquired: made to fail by the test");
        app.store().heal();
        // The entry that may be in the queue is given up until that is confirmed or it is dead anyway.
        deployment.time.advance(Duration.ofSeconds(3));
    }

    @Test
    void lockSurvivesAnOutageThatIsShorterThanTheWaitTime() {
        Lock others = other.mutex().asLock(KEY);
        others.lock();
        Lock limited =
                app.mutex().with(o -> o.waitTime(Duration.ofMillis(1_000))).asLock(KEY);
        Worker<Void> waiting = Worker.startAndBlock(() -> {
            limited.lock();
            limited.unlock();
            return null;
        });
        deployment.awaitWaiters(KEY, 1);
        for (int outage = 0; outage < 10; outage++) {
            app.store().failNext(3, Operation.ACQUIRE);
            deployment.time.advance(Duration.ofMillis(1_000));
        }
        assertThat(waiting.isDone()).isFalse();
        others.unlock();
        waiting.result();
    }

    @Test
    void theTimeToWaitForAnUnreachableStoreCountsFromItsFirstErrorNotFromTheCall() {
        Lock others = other.mutex()
                .with(o -> o.leaseTime(Duration.ofHours(1)).waitTime(Duration.ofMillis(1_000)))
                .asLock(KEY);
        others.lock();
        Lock limited =
                app.mutex().with(o -> o.waitTime(Duration.ofMillis(1_000))).asLock(KEY);
        Worker<Void> waiting = Worker.startAndBlock(() -> {
            limited.lock();
            return null;
        });
        deployment.awaitWaiters(KEY, 1);
        deployment.time.advance(Duration.ofSeconds(10));
        app.store().failNext(1_000, Operation.ACQUIRE);
        // The first poll that fails is up to 250 ms away, and so is the first one after the time is over.
        deployment.time.advance(Duration.ofMillis(1_000));
        assertThat(waiting.isDone()).isFalse();
        deployment.time.advance(Duration.ofMillis(500));
        assertThat(waiting.failure()).isInstanceOf(StoreUnreachableException.class);
        app.store().heal();
        others.unlock();
    }

    @Test
    void aClosedInstanceIsToldByEveryWay() {
        lock.lock();
        app.mutex().close();
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
        assertThatExceptionOfType(LeaseLostException.class)
                .isThrownBy(lock::unlock)
                .withMessageContaining("lost meanwhile (CLOSED)");
        assertThat(deployment.takeWarnings()).hasSize(1);
        assertThatExceptionOfType(MutexClosedException.class).isThrownBy(lock::lock);
        assertThatExceptionOfType(MutexClosedException.class).isThrownBy(lock::lockInterruptibly);
        assertThatExceptionOfType(MutexClosedException.class).isThrownBy(lock::tryLock);
        assertThatExceptionOfType(MutexClosedException.class).isThrownBy(() -> lock.tryLock(1, SECONDS));
    }

    @Test
    void thereAreNoConditions() {
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(lock::newCondition)
                .withMessage("a distributed lock has no conditions");
    }

    @Test
    void aKeyThatIsNoneIsRefusedWhenTheViewIsMade() {
        assertThatNullPointerException()
                .isThrownBy(() -> app.mutex().asLock(null))
                .withMessage("key");
        assertThatIllegalArgumentException().isThrownBy(() -> app.mutex().asLock(""));
        assertThatIllegalArgumentException().isThrownBy(() -> app.mutex().asLock("k".repeat(513)));
    }

    @Test
    void aViewSaysWhichKeyItIs() {
        assertThat(app.mutex().asLock("a\nb")).hasToString("Lock[a\\u000Ab]");
    }

    @Test
    void theOptionsOfTheViewAreThoseOfTheMutexThatMadeIt() {
        LockOptions defaults = LockOptions.defaults();
        app.mutex().with(o -> o.leaseTime(Duration.ofSeconds(1)));
        lock.lock();
        assertThat(deployment.remaining(KEY)).isEqualTo(defaults.leaseTime());
        lock.unlock();
    }

    @Test
    void aTimeInSmallUnitsIsNotCutOff() {
        Lock others = other.mutex().asLock(KEY);
        others.lock();
        Worker<Boolean> waiting = Worker.startAndBlock(() -> lock.tryLock(1_500_000, NANOSECONDS));
        deployment.awaitParked(1);
        deployment.time.advance(Duration.ofNanos(1_499_999));
        assertThat(waiting.isDone()).isFalse();
        deployment.time.advance(Duration.ofNanos(1));
        assertThat(waiting.result()).isFalse();
        others.unlock();
    }

    /** Whether the calling thread holds the lock. */
    private boolean holds() {
        try {
            lock.unlock();
            return true;
        } catch (IllegalMonitorStateException e) {
            return false;
        }
    }
}
