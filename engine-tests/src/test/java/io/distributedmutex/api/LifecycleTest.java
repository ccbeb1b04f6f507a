package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.api.Deployment.Instance;
import io.distributedmutex.internal.SystemEnvironment;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.FaultyLockStore;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Lock;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/** How an instance ends, and how a wait without a thread does. */
class LifecycleTest {

    private static final String KEY = "tenant:1";

    @Nested
    class Close {

        @Test
        void wakesEveryKindOfWaiter() {
            try (Deployment deployment = Deployment.inRealTime()) {
                Lease held = deployment.instance("other").mutex().acquire(KEY);
                DistributedMutex mutex = deployment.instance("app").mutex().with(o -> o.waitTime(Duration.ofDays(1)));
                Lock lock = mutex.asLock(KEY);
                Lease own = mutex.acquire("held here");
                List<Worker<?>> waiters = List.of(
                        Worker.startAndBlock(() -> mutex.acquire(KEY)),
                        Worker.startAndBlock(() -> mutex.acquire("held here")),
                        Worker.startAndBlock(() -> mutex.call(KEY, lease -> "ran")),
                        Worker.startAndBlock(() -> {
                            lock.lock();
                            return null;
                        }),
                        Worker.startAndBlock(() -> {
                            lock.lockInterruptibly();
                            return null;
                        }),
                        Worker.startAndBlock(() -> lock.tryLock(1, TimeUnit.DAYS)));
                CompletableFuture<Lease> asynchronous = mutex.acquireAsync(KEY);
                deployment.awaitWaiters(KEY, 1);
                deployment.awaitWaiters("held here", 1);

                mutex.close();

                for (Worker<?> waiter : waiters) {
                    assertThat(waiter.failure())
                            .isInstanceOf(MutexClosedException.class)
                            .hasMessageEndingWith("not acquired: closed while waiting");
                }
                Await.until(asynchronous::isDone);
                assertThat(failure(asynchronous)).isInstanceOf(MutexClosedException.class);
                assertThat(own.lossReason()).contains(LossReason.CLOSED);
                expectLosses(deployment, 1);
                assertThat(deployment.server.contents().waiters()).isEmpty();
                assertThat(deployment.server.contents().heldKeys()).containsExactly(KEY);
                held.close();
            }
        }

        @Test
        void takesWhatIsHeldTellsItsHolderAndReleasesItSoThatOthersHaveItAtOnce() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Instance app = deployment.instance("app");
                Instance other = deployment.instance("other");
                Lease lease = app.mutex().acquire(KEY);
                Lease renewed =
                        app.mutex().with(o -> o.autoRenew(Duration.ofHours(1))).acquire("renewed");
                AtomicInteger told = new AtomicInteger();
                lease.onLost(lost -> told.incrementAndGet());
                CompletableFuture<LossReason> lost = lease.lost();
                CompletableFuture<Lease> next = other.mutex().acquireAsync(KEY);
                deployment.time.runDue();

                app.mutex().close();

                deployment.time.runDue();
                assertThat(next).isCompleted();
                assertThat(lease.state()).isEqualTo(LeaseState.LOST);
                assertThat(renewed.lossReason()).contains(LossReason.CLOSED);
                assertThat(lease.isValid()).isFalse();
                assertThat(lost).isCompletedWithValue(LossReason.CLOSED);
                assertThat(told).hasValue(1);
                assertThat(lease.release()).isFalse();
                next.join().close();
                expectLosses(deployment, 2);
            }
        }

        @Test
        void endsAllThreads() {
            try (Deployment deployment = Deployment.inRealTime()) {
                Instance app = deployment.instance("app", builder -> builder.listener(new RecordingListener()));
                assertThat(Deployment.libraryThreads())
                        .as("before the first use")
                        .isEmpty();
                app.mutex().with(o -> o.autoRenew(Duration.ofHours(1))).acquire(KEY);
                app.mutex().acquireAsync("other").join();
                assertThat(Deployment.libraryThreads()).isNotEmpty();
                app.mutex().close();
                Await.until(() -> Deployment.libraryThreads().isEmpty());
                expectLosses(deployment, 2);
            }
        }

        @Test
        void mayBeCalledTwiceAndByManyAndByAView() {
            try (Deployment deployment = Deployment.inRealTime()) {
                Instance app = deployment.instance("app");
                DistributedMutex view = app.mutex().with(o -> o.leaseTime(Duration.ofSeconds(1)));
                Lease lease = app.mutex().acquire(KEY);
                List<Worker<Void>> closers = new ArrayList<>();
                for (int i = 0; i < 8; i++) {
                    DistributedMutex closing = i % 2 == 0 ? view : app.mutex();
                    closers.add(Worker.start(() -> {
                        closing.close();
                        return null;
                    }));
                }
                closers.forEach(Worker::result);
                app.mutex().close();
                assertThat(lease.lossReason()).contains(LossReason.CLOSED);
                assertThat(app.store().count(Operation.RELEASE)).isEqualTo(1);
                expectLosses(deployment, 1);
            }
        }

        @Test
        void makesEveryFurtherCallFailClearly() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Instance app = deployment.instance("app");
                DistributedMutex mutex = app.mutex();
                Lease lease = mutex.acquire(KEY);
                Lock lock = mutex.asLock("lock");
                mutex.close();
                app.store().resetCounts();
                List<ThrowingCallable> calls = List.of(
                        () -> mutex.acquire("k"),
                        () -> mutex.with(o -> o.waitTime(Duration.ZERO)).acquire("k"),
                        () -> mutex.tryAcquire("k"),
                        () -> mutex.tryAcquire(KEY),
                        () -> mutex.acquireAsync("k"),
                        () -> mutex.with(o -> o.waitTime(Duration.ZERO)).acquireAsync("k"),
                        () -> mutex.run("k", held -> {}),
                        () -> mutex.call("k", held -> 1),
                        () -> mutex.inspect("k"),
                        () -> mutex.forceRelease("k"),
                        lock::lock,
                        lock::lockInterruptibly,
                        lock::tryLock,
                        () -> lock.tryLock(1, TimeUnit.SECONDS));
                for (ThrowingCallable call : calls) {
                    assertThatExceptionOfType(MutexClosedException.class)
                            .isThrownBy(call)
                            .withMessageContaining("closed");
                }
                assertThatExceptionOfType(LeaseLostException.class)
                        .isThrownBy(() -> lease.extend(Duration.ofSeconds(1)))
                        .withMessageContaining("it was lost (CLOSED)");
                assertThatExceptionOfType(LeaseLostException.class)
                        .isThrownBy(() -> lease.ensure(Duration.ofSeconds(1)));
                assertThat(lease.release()).isFalse();
                lease.close();
                assertThat(lease.remaining()).isZero();
                assertThat(lease.lost()).isCompletedWithValue(LossReason.CLOSED);
                assertThat(app.store().counts()).isEmpty();
                expectLosses(deployment, 1);
            }
        }

        @Test
        void waitsForAStoreThatDoesNotAnswerForTwoSecondsAtMost() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Instance app = deployment.instance("app");
                app.mutex().acquire(KEY);
                app.store().hangNext(1, Operation.RELEASE, Duration.ofMinutes(1));
                Worker<Void> closing = Worker.startAndBlock(() -> {
                    app.mutex().close();
                    return null;
                });
                deployment.awaitParked(1);
                deployment.time.advance(Duration.ofSeconds(2).minusNanos(1));
                assertThat(closing.isDone()).isFalse();
                deployment.time.advance(Duration.ofNanos(1));
                closing.result();
                assertThat(deployment.takeWarnings())
                        .hasSize(2)
                        .anySatisfy(line -> assertThat(line).contains("LOST tenant:1 (CLOSED"))
                        .anySatisfy(line -> assertThat(line).contains("was not confirmed"));
                deployment.time.advance(Duration.ofSeconds(61));
            }
        }

        @Test
        void repeatsAReleaseThatFails() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Instance app = deployment.instance("app");
                app.mutex().acquire(KEY);
                app.store().failNext(1, Operation.RELEASE);
                Worker<Void> closing = Worker.startAndBlock(() -> {
                    app.mutex().close();
                    return null;
                });
                deployment.awaitParked(1);
                assertThat(deployment.holder(KEY)).isEqualTo("app");
                deployment.time.advance(Duration.ofMillis(250));
                closing.result();
                assertThat(deployment.holder(KEY)).isEqualTo("nobody");
                expectLosses(deployment, 1);
            }
        }

        @Test
        void waitsForTheAnswerOfTheStore() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Instance app = deployment.instance("app");
                app.mutex().acquire(KEY);
                app.store().holdRequests(1, Operation.RELEASE);
                Worker<Void> closing = Worker.startAndBlock(() -> {
                    app.mutex().close();
                    return null;
                });
                deployment.awaitParked(1);
                assertThat(deployment.holder(KEY)).isEqualTo("app");
                app.store().releaseHeld();
                closing.result();
                assertThat(deployment.holder(KEY)).isEqualTo("nobody");
                expectLosses(deployment, 1);
            }
        }

        @Test
        void isNotEndedByAnInterruptAndKeepsTheFlag() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Instance app = deployment.instance("app");
                app.mutex().acquire(KEY);
                app.store().holdRequests(1, Operation.RELEASE);
                Worker<Boolean> closing = Worker.startAndBlock(() -> {
                    Thread.currentThread().interrupt();
                    app.mutex().close();
                    return Thread.currentThread().isInterrupted();
                });
                deployment.awaitParked(1);
                app.store().releaseHeld();
                assertThat(closing.result()).isTrue();
                assertThat(deployment.holder(KEY)).isEqualTo("nobody");
                expectLosses(deployment, 1);
            }
        }

        @Test
        void releasesWhatARequestThatIsStillOnItsWayAcquires() {
            for (boolean asynchronous : List.of(false, true)) {
                try (Deployment deployment = Deployment.onManualTime()) {
                    Instance app = deployment.instance("app");
                    app.store().holdReplies(1, Operation.ACQUIRE);
                    DistributedMutex tries = app.mutex().with(o -> o.waitTime(Duration.ZERO));
                    Worker<Lease> trying = Worker.startAndBlock(
                            () -> asynchronous ? tries.acquireAsync(KEY).get() : tries.acquire(KEY));
                    Await.until(() -> app.store().waitingCalls() == 1);
                    Worker<Void> closing = Worker.startAndBlock(() -> {
                        app.mutex().close();
                        return null;
                    });
                    Await.until(() -> closing.isDone() || deployment.time.parkedThreads() >= 1);
                    app.store().releaseHeld();
                    closing.result();
                    deployment.time.runDue();
                    assertThat(trying.failure())
                            .as("asynchronous: %s", asynchronous)
                            .satisfiesAnyOf(
                                    e -> assertThat(e).isInstanceOf(MutexClosedException.class),
                                    e -> assertThat(e.getCause()).isInstanceOf(MutexClosedException.class));
                    assertThat(deployment.holder(KEY)).isEqualTo("nobody");
                }
            }
        }

        @RepeatedTest(30)
        void leavesNothingWhateverOtherThreadsAreDoingMeanwhile() {
            try (Deployment deployment = Deployment.inRealTime()) {
                DistributedMutex mutex = deployment.instance("app").mutex();
                DistributedMutex tries = mutex.with(o -> o.waitTime(Duration.ZERO));
                Lock lock = mutex.asLock("lock");
                AtomicInteger acquired = new AtomicInteger();
                List<Worker<Void>> workers = new ArrayList<>();
                for (int t = 0; t < 6; t++) {
                    int kind = t;
                    workers.add(Worker.start(() -> {
                        for (int i = 0; ; i++) {
                            String key = "key " + i % 3;
                            switch (kind) {
                                case 0 -> mutex.acquire(key).close();
                                case 1 -> mutex.acquireAsync(key).get().close();
                                case 2 -> tries.tryAcquire("tried " + i).ifPresent(Lease::close);
                                case 3 ->
                                    tries.acquireAsync("tried too " + i).get().close();
                                case 4 -> mutex.acquire("kept " + i);
                                default -> {
                                    lock.lock();
                                    lock.unlock();
                                }
                            }
                            acquired.incrementAndGet();
                        }
                    }));
                }
                Await.until(() -> acquired.get() > 500);
                mutex.close();
                for (Worker<Void> worker : workers) {
                    Throwable failure = worker.failure();
                    Throwable cause = failure instanceof LockException ? failure : failure.getCause();
                    assertThat(cause)
                            .as("%s", failure)
                            .isInstanceOfAny(MutexClosedException.class, LeaseLostException.class);
                }
                deployment.awaitEmptyStore();
                assertThat(deployment.takeWarnings())
                        .allSatisfy(line -> assertThat(line).contains("(CLOSED"));
            }
        }
    }

    /** The lines of WARN that tell of what was held when an instance closed. */
    private static void expectLosses(Deployment deployment, int count) {
        assertThat(deployment.takeWarnings())
                .hasSize(count)
                .allSatisfy(line -> assertThat(line)
                        .startsWith("WARN LOST ")
                        .contains(" (CLOSED, ")
                        .endsWith(": its DistributedMutex was closed while it was held"));
    }

    /** To close when all is given back, or after some time. */
    @Nested
    class CloseWithPatience {

        @Test
        void takesNothingMoreAndEndsWhenAllIsGivenBack() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Instance app = deployment.instance("app");
                DistributedMutex mutex = app.mutex();
                Lease lease = mutex.with(o -> o.autoRenew(Duration.ofHours(1))).acquire(KEY);
                Lock lock = mutex.asLock("lock");
                Worker<Lease> waiting = Worker.startAndBlock(() -> mutex.acquire(KEY));
                CompletableFuture<Lease> asynchronous = mutex.acquireAsync(KEY);
                Worker<Boolean> closing = Worker.startAndBlock(() -> mutex.close(Duration.ofMinutes(5)));
                assertThat(waiting.failure()).isInstanceOf(MutexClosedException.class);
                Await.until(() -> deployment.time.runDue() >= 0 && asynchronous.isDone());
                assertThat(failure(asynchronous)).isInstanceOf(MutexClosedException.class);
                List<ThrowingCallable> acquiring = List.of(
                        () -> mutex.acquire("k"),
                        () -> mutex.tryAcquire("k"),
                        () -> mutex.tryAcquire(KEY),
                        () -> mutex.acquireAsync("k"),
                        lock::lock,
                        lock::tryLock);
                for (ThrowingCallable call : acquiring) {
                    assertThatExceptionOfType(MutexClosedException.class).isThrownBy(call);
                }
                // What is held is used as ever.
                deployment.awaitParked(1);
                deployment.time.advance(Duration.ofMinutes(4));
                lease.extend(Duration.ofMinutes(2));
                assertThat(mutex.inspect(KEY)).isPresent();
                assertThat(closing.isDone()).isFalse();
                assertThat(lease.release()).isTrue();
                assertThat(closing.result()).isTrue();
                assertThatExceptionOfType(MutexClosedException.class).isThrownBy(() -> mutex.inspect(KEY));
            }
        }

        @Test
        void waitsForTheReleaseOfTheLastOfManyByAnyThread() {
            try (Deployment deployment = Deployment.inRealTime()) {
                DistributedMutex mutex = deployment.instance("app").mutex();
                List<Lease> leases = new ArrayList<>();
                for (int i = 0; i < 100; i++) {
                    leases.add(mutex.acquire("key " + i));
                }
                Worker<Boolean> closing = Worker.startAndBlock(() -> mutex.close(Duration.ofDays(1)));
                leases.subList(0, 99).forEach(Lease::close);
                assertThat(closing.isDone()).isFalse();
                leases.get(99).close();
                assertThat(closing.result()).isTrue();
            }
        }

        @Test
        void takesWhatIsHeldStillAfterThePatience() {
            try (Deployment deployment = Deployment.onManualTime()) {
                DistributedMutex mutex = deployment.instance("app").mutex();
                Lease lease = mutex.acquire(KEY);
                Worker<Boolean> closing = Worker.startAndBlock(() -> mutex.close(Duration.ofSeconds(10)));
                deployment.awaitParked(1);
                deployment.time.advance(Duration.ofSeconds(10).minusNanos(1));
                assertThat(closing.isDone()).isFalse();
                assertThat(lease.isValid()).isTrue();
                deployment.time.advance(Duration.ofNanos(1));
                assertThat(closing.result()).isFalse();
                assertThat(lease.lossReason()).contains(LossReason.CLOSED);
                assertThat(deployment.holder(KEY)).isEqualTo("nobody");
                expectLosses(deployment, 1);
            }
        }

        @Test
        void waitsForNothingWhereNothingIsHeldOrNoTimeIsGiven() {
            try (Deployment deployment = Deployment.onManualTime()) {
                DistributedMutex idle = deployment.instance("idle").mutex();
                idle.acquire(KEY).close();
                assertThat(idle.close(Duration.ofDays(1))).isTrue();
                assertThat(idle.close(Duration.ofDays(1))).as("again").isFalse();
                DistributedMutex busy = deployment.instance("busy").mutex();
                busy.acquire(KEY);
                assertThat(busy.close(Duration.ZERO)).isFalse();
                expectLosses(deployment, 1);
            }
        }

        @Test
        void isCutShortByAnInterruptWhoseFlagIsKept() {
            try (Deployment deployment = Deployment.onManualTime()) {
                DistributedMutex mutex = deployment.instance("app").mutex();
                Lease lease = mutex.acquire(KEY);
                Worker<List<Boolean>> closing = Worker.startAndBlock(() -> {
                    boolean ended = mutex.close(Duration.ofDays(1));
                    return List.of(ended, Thread.currentThread().isInterrupted());
                });
                deployment.awaitParked(1);
                closing.interrupt();
                assertThat(closing.result()).containsExactly(false, true);
                assertThat(lease.lossReason()).contains(LossReason.CLOSED);
                expectLosses(deployment, 1);
            }
        }

        @Test
        void isCutShortByACloseOfAnotherThread() {
            try (Deployment deployment = Deployment.onManualTime()) {
                DistributedMutex mutex = deployment.instance("app").mutex();
                mutex.acquire(KEY);
                List<Worker<Boolean>> closing = List.of(
                        Worker.startAndBlock(() -> mutex.close(Duration.ofDays(1))),
                        Worker.startAndBlock(() -> mutex.close(Duration.ofDays(2))));
                deployment.awaitParked(2);
                mutex.close();
                for (Worker<Boolean> each : closing) {
                    assertThat(each.result()).isFalse();
                }
                expectLosses(deployment, 1);
            }
        }

        @Test
        void letsScopedWorkEndNormally() {
            try (Deployment deployment = Deployment.inRealTime()) {
                DistributedMutex mutex = deployment.instance("app").mutex();
                CountDownLatch mayEnd = new CountDownLatch(1);
                Worker<String> working = Worker.startAndBlock(() -> mutex.call(KEY, lease -> {
                    mayEnd.await();
                    return "done";
                }));
                Worker<Boolean> closing = Worker.startAndBlock(() -> mutex.close(Duration.ofDays(1)));
                mayEnd.countDown();
                assertThat(working.result()).isEqualTo("done");
                assertThat(closing.result()).isTrue();
            }
        }
    }

    @Nested
    class Views {

        @Test
        void shareEverythingButTheOptions() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Instance app = deployment.instance("app");
                DistributedMutex view =
                        app.mutex().with(o -> o.leaseTime(Duration.ofSeconds(3)).waitTime(Duration.ZERO));
                assertThat(app.mutex().options()).isEqualTo(LockOptions.defaults());
                assertThat(view.options())
                        .isEqualTo(LockOptions.builder()
                                .leaseTime(Duration.ofSeconds(3))
                                .waitTime(Duration.ZERO)
                                .build());
                Lease lease = view.acquire(KEY);
                assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofSeconds(3));
                app.store().resetCounts();
                assertThat(app.mutex().tryAcquire(KEY)).isEmpty();
                assertThat(app.store().counts()).as("known to be held here").isEmpty();
                lease.close();
                try (Lease next = app.mutex().acquire(KEY)) {
                    assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofMinutes(1));
                    assertThat(next.fencingToken()).isGreaterThan(lease.fencingToken());
                }
                view.close();
                assertThatExceptionOfType(MutexClosedException.class)
                        .isThrownBy(() -> app.mutex().acquire(KEY));
            }
        }

        @Test
        void ofViewsKeepTheOptionsOfTheViewTheyWereMadeOf() {
            try (Deployment deployment = Deployment.onManualTime()) {
                DistributedMutex view = deployment
                        .instance("app")
                        .mutex()
                        .with(o -> o.leaseTime(Duration.ofSeconds(3)))
                        .with(o -> o.waitTime(Duration.ofSeconds(1)));
                assertThat(view.options().leaseTime()).isEqualTo(Duration.ofSeconds(3));
                assertThat(view.options().waitTime()).isEqualTo(Duration.ofSeconds(1));
            }
        }
    }

    @Nested
    class Asynchronously {

        @Test
        void aLeaseComesOnACallbackThreadOnWhichDependentStagesMayBlock() {
            try (Deployment deployment = Deployment.inRealTime()) {
                DistributedMutex mutex = deployment.instance("app").mutex();
                DistributedMutex other = deployment.instance("other").mutex();
                Lease heldA = other.acquire("a");
                Lease heldB = other.acquire("b");
                CountDownLatch end = new CountDownLatch(1);
                AtomicReference<Thread> thread = new AtomicReference<>();
                CompletableFuture<Void> blocking = mutex.acquireAsync("a").thenAccept(lease -> {
                    thread.set(Thread.currentThread());
                    uninterruptibly(end);
                    lease.close();
                });
                CompletableFuture<Void> quick = mutex.acquireAsync("b").thenAccept(Lease::close);
                deployment.awaitWaiters("a", 1);
                deployment.awaitWaiters("b", 1);
                heldA.close();
                Await.until(() -> thread.get() != null);
                heldB.close();
                Await.until(quick::isDone);
                assertThat(quick).isCompleted();
                assertThat(thread.get().getName()).startsWith("dmutex-callback-");
                assertThat(blocking).isNotDone();
                end.countDown();
                Await.until(blocking::isDone);
                assertThat(blocking).isCompleted();
            }
        }

        @Test
        void aFailureComesOnACallbackThreadToo() {
            try (Deployment deployment = Deployment.inRealTime()) {
                DistributedMutex mutex =
                        deployment.instance("app").mutex().with(o -> o.waitTime(Duration.ofMillis(50)));
                Lease held = deployment.instance("other").mutex().acquire(KEY);
                AtomicReference<String> thread = new AtomicReference<>();
                CompletableFuture<Lease> failed = mutex.acquireAsync(KEY)
                        .whenComplete((lease, error) ->
                                thread.set(Thread.currentThread().getName()));
                Await.until(failed::isDone);
                assertThat(failure(failed)).isInstanceOf(LockNotAcquiredException.class);
                assertThat(thread.get()).startsWith("dmutex-callback-");
                held.close();
            }
        }

        @Test
        void aWaitTimeOfZeroIsOneAttempt() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Instance app = deployment.instance("app");
                DistributedMutex tries = app.mutex().with(o -> o.waitTime(Duration.ZERO));
                CompletableFuture<Lease> free = tries.acquireAsync(KEY);
                CompletableFuture<Lease> taken = tries.acquireAsync(KEY);
                deployment.time.runDue();
                assertThat(free).isCompleted();
                assertThat(failure(taken)).isInstanceOf(LockNotAcquiredException.class);
                free.join().close();
            }
        }

        @Test
        void cancellingGivesUpAndLeavesNothing() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Lease held = deployment.instance("other").mutex().acquire(KEY);
                Instance app = deployment.instance("app");
                CompletableFuture<Lease> asked = app.mutex().acquireAsync(KEY);
                deployment.awaitWaiters(KEY, 1);
                assertThat(asked.cancel(true)).isTrue();
                assertThat(deployment.server.contents().waiters()).isEmpty();
                held.close();
                deployment.time.runDue();
                assertThat(deployment.holder(KEY)).isEqualTo("nobody");
                assertThat(asked).isCancelled();
            }
        }

        @Test
        void aTimeOutOfTheFutureItselfGivesUpToo() {
            try (Deployment deployment = Deployment.inRealTime()) {
                Lease held = deployment.instance("other").mutex().acquire(KEY);
                CompletableFuture<Lease> asked =
                        deployment.instance("app").mutex().acquireAsync(KEY).orTimeout(20, TimeUnit.MILLISECONDS);
                Await.until(asked::isDone);
                assertThat(failure(asked)).isInstanceOf(TimeoutException.class);
                deployment.awaitWaiters(KEY, 0);
                held.close();
            }
        }

        @Test
        void cancellingOneOfTwoWaitersLeavesTheOtherWaiting() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Lease held = deployment.instance("other").mutex().acquire(KEY);
                Instance app = deployment.instance("app");
                CompletableFuture<Lease> first = app.mutex().acquireAsync(KEY);
                CompletableFuture<Lease> second = app.mutex().acquireAsync(KEY);
                deployment.awaitWaiters(KEY, 1);
                first.cancel(true);
                deployment.awaitWaiters(KEY, 1);
                held.close();
                deployment.time.runDue();
                assertThat(second).isCompleted();
                second.join().close();
            }
        }

        @Test
        void cancellingJustAfterTheGrantGivesTheLeaseBack() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Instance app = deployment.instance("app");
                for (Duration waitTime : List.of(Duration.ZERO, Duration.ofSeconds(5))) {
                    CompletableFuture<Lease> asked =
                            app.mutex().with(o -> o.waitTime(waitTime)).acquireAsync(KEY);
                    // Granted, but the callback that says so has not run.
                    assertThat(deployment.holder(KEY)).isEqualTo("app");
                    assertThat(asked.cancel(true)).isTrue();
                    deployment.time.runDue();
                    assertThat(deployment.holder(KEY)).isEqualTo("nobody");
                }
            }
        }

        /** A poll may be about to leave when its last waiter gives up: then the cancel overtakes it. */
        @Test
        void cancellingJustBeforeAPollLeavesNothingThoughThePollIsGranted() {
            AtomicReference<Runnable> beforeNextAcquire = new AtomicReference<>();
            ManualTime time = ManualTime.create();
            InMemoryLockStore server = new InMemoryLockStore(time);
            LockStore slow = intercepted(server, "acquire", beforeNextAcquire);
            try (DistributedMutex mutex = DistributedMutex.builder(slow)
                    .environment(time.newEnvironment())
                    .holderLabel("app")
                    .build()) {
                server.putForeign(KEY, null);
                CompletableFuture<Lease> asked = mutex.acquireAsync(KEY);
                server.delete(KEY);
                beforeNextAcquire.set(() -> asked.cancel(true));
                time.advance(Duration.ofMillis(250));
                assertThat(asked).isCancelled();
                time.advance(Duration.ofMillis(250));
                assertThat(server.contents().isEmpty())
                        .as("left in the store: %s", server.contents())
                        .isTrue();
            }
        }

        /** A poll may be about to leave when the push grants the key: it must not get the key anew after its release. */
        @Test
        void aPollThatLeavesWhenItsGrantHasComeLeavesNothing() {
            AtomicReference<Runnable> beforeNextAcquire = new AtomicReference<>();
            ManualTime time = ManualTime.create();
            InMemoryLockStore server = new InMemoryLockStore(time);
            LockStore slow = intercepted(server.sibling(), "acquire", beforeNextAcquire);
            try (DistributedMutex other = DistributedMutex.builder(server)
                            .environment(time.newEnvironment())
                            .build();
                    DistributedMutex mutex = DistributedMutex.builder(slow)
                            .environment(time.newEnvironment())
                            .holderLabel("app")
                            .build()) {
                Lease held = other.acquire(KEY);
                Worker<Boolean> waiter =
                        Worker.startAndBlock(() -> mutex.acquire(KEY).release());
                Await.until(() -> time.parkedThreads() == 1);
                beforeNextAcquire.set(held::close);
                time.advance(Duration.ofMillis(250));
                assertThat(waiter.result()).isTrue();
                assertThat(server.contents().isEmpty())
                        .as("left in the store: %s", server.contents())
                        .isTrue();
            }
        }

        @Test
        void cancellingAfterTheOutcomeChangesNothing() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Instance app = deployment.instance("app");
                CompletableFuture<Lease> asked = app.mutex().acquireAsync(KEY);
                deployment.time.runDue();
                assertThat(asked.cancel(true)).isFalse();
                assertThat(asked.join().isValid()).isTrue();
                asked.join().close();
            }
        }

        @Test
        void cancellingADependentStageIsNoCancellationOfTheWait() {
            try (Deployment deployment = Deployment.onManualTime()) {
                Instance app = deployment.instance("app");
                CompletableFuture<Lease> asked = app.mutex().acquireAsync(KEY);
                CompletableFuture<Void> dependent = asked.thenAccept(lease -> {});
                dependent.cancel(true);
                deployment.time.runDue();
                assertThat(asked).isCompleted();
                asked.join().close();
            }
        }

        @RepeatedTest(5)
        void manyCancellationsAtAnyMomentLeaveNothing() {
            try (Deployment deployment = Deployment.inRealTime()) {
                DistributedMutex mutex =
                        deployment.instance("app").mutex().with(o -> o.retryInterval(Duration.ofMillis(10)));
                DistributedMutex other = deployment.instance("other").mutex();
                AtomicBoolean ended = new AtomicBoolean();
                Worker<Void> holder = Worker.start(() -> {
                    while (!ended.get()) {
                        other.acquire(KEY).close();
                    }
                    return null;
                });
                AtomicInteger granted = new AtomicInteger();
                for (int i = 0; i < 300; i++) {
                    CompletableFuture<Lease> asked = mutex.acquireAsync(KEY);
                    long end = System.nanoTime() + i * 2_000L;
                    while (System.nanoTime() - end < 0) {
                        Thread.onSpinWait();
                    }
                    if (!asked.cancel(true)) {
                        granted.incrementAndGet();
                        asked.join().close();
                    }
                }
                ended.set(true);
                holder.result();
                Await.until(() -> deployment.server.contents().isEmpty());
                try (Lease lease = mutex.acquire(KEY)) {
                    assertThat(lease.isValid()).isTrue();
                }
            }
        }
    }

    @Test
    void anInstanceIsMadeWithALabelOfItsOwnUnlessToldOtherwise() {
        try (DistributedMutex mutex =
                DistributedMutex.builder(new InMemoryLockStore()).build()) {
            Lease lease = mutex.acquire(KEY);
            String label = mutex.inspect(KEY).orElseThrow().holder().orElseThrow();
            assertThat(label).endsWith(":" + ProcessHandle.current().pid()).hasSizeGreaterThan(3);
            lease.close();
        }
    }

    @Test
    void anUnreachableStoreDoesNotKeepAnInstanceFromBeingMadeAndClosed() {
        SystemEnvironment environment = new SystemEnvironment();
        FaultyLockStore store = new FaultyLockStore(new InMemoryLockStore(), environment);
        store.failNext(1_000, call -> true);
        try (DistributedMutex mutex =
                DistributedMutex.builder(store).environment(environment).build()) {
            assertThatExceptionOfType(StoreUnreachableException.class).isThrownBy(() -> mutex.tryAcquire(KEY));
        }
        Await.until(() -> Deployment.libraryThreads().isEmpty());
    }

    @Test
    void aStoreThatCannotBeStartedLeavesNothingOfTheInstanceThatWasNotMade() {
        ManualTime time = ManualTime.create();
        Environment environment = time.newEnvironment();
        AtomicReference<Runnable> start = new AtomicReference<>(() -> {
            environment.runAfter(() -> {}, 1_000);
            throw new IllegalStateException("thrown by the test");
        });
        LockStore store = intercepted(new InMemoryLockStore(time), "start", start);
        assertThatIllegalStateException()
                .isThrownBy(() ->
                        DistributedMutex.builder(store).environment(environment).build())
                .withMessage("thrown by the test");
        assertThat(time.pendingTimers()).isZero();
    }

    /** A store whose next call of a method waits for something to happen first, as a thread that is not scheduled would. */
    private static LockStore intercepted(LockStore store, String method, AtomicReference<Runnable> before) {
        return (LockStore) Proxy.newProxyInstance(
                LockStore.class.getClassLoader(), new Class<?>[] {LockStore.class}, (proxy, called, arguments) -> {
                    Runnable first = called.getName().equals(method) ? before.getAndSet(null) : null;
                    if (first != null) {
                        first.run();
                    }
                    return called.invoke(store, arguments);
                });
    }

    private static Throwable failure(CompletableFuture<?> future) {
        assertThat(future).isCompletedExceptionally();
        try {
            future.join();
            throw new AssertionError("did not fail");
        } catch (CancellationException e) {
            return e;
        } catch (CompletionException e) {
            return e.getCause();
        }
    }

    private static void uninterruptibly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
