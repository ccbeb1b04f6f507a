package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.api.Deployment.Instance;
import io.distributedmutex.testing.Await;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** Threads that wait for each other in a circle are noticed; threads that merely wait are not reported. */
class DeadlockDetectionTest {

    /** A wait that long has been looked at. */
    private static final Duration LOOKED_AT = Duration.ofMillis(250);

    private final RecordingListener listener = new RecordingListener();
    private final Deployment deployment = Deployment.inRealTime();
    private final Instance app = deployment.instance("app", builder -> builder.listener(listener));
    private final DistributedMutex mutex = app.mutex().with(o -> o.waitTime(LOOKED_AT));
    private final DistributedMutex patient = app.mutex().with(o -> o.waitTime(Await.BOUND));

    @AfterEach
    void nothingIsLeft() {
        deployment.close();
    }

    @Test
    void aThreadThatWaitsForWhatItHoldsItselfIsNoticed() {
        try (Lease held = mutex.acquire("a\nb")) {
            assertThatExceptionOfType(LockNotAcquiredException.class)
                    .isThrownBy(() -> mutex.acquire("a\nb"))
                    .withMessageContaining("held by the same thread of this instance (app) for ");
            assertThat(mutex.tryAcquire("a\nb")).isEmpty();
            assertThat(held.isValid()).isTrue();
        }
        assertThat(awaitReports()).containsExactly("deadlock [a\nb]");
        assertThat(deployment.takeWarnings())
                .hasSize(1)
                .first(STRING)
                .matches("WARN DEADLOCK: app \\(.*\\) has waited \\d+ ms for 'a\\\\u000Ab', held by itself for \\d+ ms;"
                        + " it lasts until a lease ends or a wait time is over");
    }

    /** To log takes locks, and waiting for one uses up the permit with which the engine wakes a thread. */
    @Test
    void aGrantThatComesWhileTheDeadlockIsLoggedIsNotMissed() {
        Lease held = patient.acquire("a");
        Logger logger = (Logger) LoggerFactory.getLogger("io.distributedmutex");
        AppenderBase<ILoggingEvent> slow = new AppenderBase<>() {
            @Override
            protected void append(ILoggingEvent event) {
                if (event.getMessage().startsWith("DEADLOCK")) {
                    // The lease is released by another thread, and passed to this one, which waits for it.
                    Worker.start(() -> {
                                held.close();
                                return null;
                            })
                            .result();
                    LockSupport.parkNanos(1);
                }
            }
        };
        slow.start();
        logger.addAppender(slow);
        long start = System.nanoTime();
        try {
            patient.acquire("a").close();
        } finally {
            logger.detachAppender(slow);
        }
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Await.BOUND.dividedBy(2));
        assertThat(awaitReports()).hasSize(1);
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void twoThreadsThatWaitForEachOtherAreNoticedOnce() {
        untilReported(() -> {
            CyclicBarrier bothHold = new CyclicBarrier(2);
            Worker<Optional<LockNotAcquiredException>> one = Worker.start(() -> holdAndAcquire("a", bothHold, "b"));
            Worker<Optional<LockNotAcquiredException>> other = Worker.start(() -> holdAndAcquire("b", bothHold, "a"));
            // The wait time ends it: for one of them at least, and the other may have the key then.
            assertThat(one.result().isPresent() || other.result().isPresent()).isTrue();
        });
        // By the one who began to wait later, and in a millisecond of both by either.
        assertThat(reports())
                .hasSize(1)
                .allMatch(call -> call.equals("deadlock [a, b]") || call.equals("deadlock [b, a]"));
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void aLateSecondThreadClosesTheCircleAndNamesTheKeyItAskedForFirst() {
        CountDownLatch end = new CountDownLatch(1);
        Worker<Optional<LockNotAcquiredException>> late = Worker.startAndBlock(() -> {
            try (Lease held = mutex.acquire("b")) {
                end.await();
                return attempt("a");
            }
        });
        Await.until(() -> deployment.holder("b").equals("app"));
        Worker<Void> early = Worker.start(() -> {
            try (Lease held = patient.acquire("a")) {
                patient.acquire("b").close();
            }
            return null;
        });
        // It waits, and has been looked at without a finding: others who came after it have been, too.
        deployment.awaitWaiters("b", 1);
        assertThat(attemptByAnother("b")).isPresent();
        assertThat(reports()).isEmpty();
        end.countDown();
        assertThat(late.result()).isPresent();
        early.result();
        assertThat(awaitReports()).containsExactly("deadlock [a, b]");
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void aCircleOfThreeIsNoticed() {
        untilReported(() -> {
            CyclicBarrier allHold = new CyclicBarrier(3);
            List<Worker<Optional<LockNotAcquiredException>>> workers = List.of(
                    Worker.start(() -> holdAndAcquire("a", allHold, "b")),
                    Worker.start(() -> holdAndAcquire("b", allHold, "c")),
                    Worker.start(() -> holdAndAcquire("c", allHold, "a")));
            workers.forEach(Worker::result);
        });
        assertThat(reports())
                .hasSize(1)
                .allMatch(call -> List.of("deadlock [a, b, c]", "deadlock [b, c, a]", "deadlock [c, a, b]")
                        .contains(call));
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void aCircleOfLockViewsIsNoticed() throws InterruptedException {
        Lock a = app.mutex().asLock("a");
        Lock b = app.mutex().asLock("b");
        CyclicBarrier bothHold = new CyclicBarrier(2);
        Worker<Void> other = Worker.start(() -> {
            b.lock();
            bothHold.await();
            a.lock();
            a.unlock();
            b.unlock();
            return null;
        });
        a.lock();
        await(bothHold);
        boolean locked = b.tryLock(LOOKED_AT.toMillis(), TimeUnit.MILLISECONDS);
        assertThat(locked).isFalse();
        a.unlock();
        other.result();
        assertThat(awaitReports()).isNotEmpty();
        assertThat(deployment.takeWarnings()).isNotEmpty();
    }

    // ---- no false alarm

    @Test
    void waitingForAHolderThatWaitsForNothingIsNoDeadlock() {
        try (Lease held = mutex.acquire("a")) {
            assertThat(attemptByAnother("a")).isPresent();
            assertThat(held.isValid()).isTrue();
        }
        assertThat(reports()).isEmpty();
    }

    @Test
    void aChainOfWaitersThatEndsSomewhereIsNoDeadlock() {
        CountDownLatch end = new CountDownLatch(1);
        Worker<Void> last = Worker.startAndBlock(() -> {
            try (Lease held = patient.acquire("c")) {
                end.await();
            }
            return null;
        });
        Worker<Void> middle = Worker.start(() -> {
            try (Lease held = patient.acquire("b")) {
                patient.acquire("c").close();
            }
            return null;
        });
        Await.until(() -> deployment.holder("b").equals("app"));
        try (Lease held = mutex.acquire("a")) {
            assertThat(attempt("b")).isPresent();
            assertThat(held.isValid()).isTrue();
        }
        assertThat(reports()).isEmpty();
        end.countDown();
        last.result();
        middle.result();
    }

    @Test
    void waitingForAnotherInstanceWhileHoldingSomethingIsNoDeadlock() {
        DistributedMutex other = deployment.instance("other").mutex();
        try (Lease mine = mutex.acquire("a");
                Lease theirs = other.acquire("b")) {
            assertThat(attempt("b")).isPresent();
            assertThat(mine.isValid() && theirs.isValid()).isTrue();
        }
        assertThat(reports()).isEmpty();
    }

    @Test
    void aLeaseAcquiredWithoutAThreadBelongsToNone() {
        Lease held = mutex.acquireAsync("a").join();
        assertThat(attempt("a")).isPresent();
        held.close();
        assertThat(reports()).isEmpty();
    }

    @Test
    void whoReleasedAKeyIsNotTakenForItsHolder() {
        mutex.acquire("a").close();
        Lease others = Worker.start(() -> mutex.acquire("a")).result();
        assertThat(attempt("a")).isPresent();
        others.close();
        assertThat(reports()).isEmpty();
    }

    @Test
    void manyThreadsThatTakeTurnsForLongAreNoDeadlock() {
        List<Worker<Void>> workers = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            workers.add(Worker.start(() -> {
                for (int i = 0; i < 3; i++) {
                    // Long enough that the others are looked at, also at the very moment at which they are granted it.
                    try (Lease first = patient.acquire("a");
                            Lease second = patient.acquire("b")) {
                        long end = System.nanoTime() + 25_000_000;
                        Await.until(() -> System.nanoTime() - end >= 0);
                        assertThat(first.isValid() && second.isValid()).isTrue();
                    }
                }
                return null;
            }));
        }
        workers.forEach(Worker::result);
        assertThat(reports()).isEmpty();
    }

    private Optional<LockNotAcquiredException> holdAndAcquire(String held, CyclicBarrier allHold, String wanted) {
        try (Lease lease = mutex.acquire(held)) {
            await(allHold);
            Optional<LockNotAcquiredException> outcome = attempt(wanted);
            assertThat(lease.isValid()).isTrue();
            return outcome;
        }
    }

    /** Waits for a key in vain, as a rule. */
    private Optional<LockNotAcquiredException> attempt(String key) {
        try (Lease lease = mutex.acquire(key)) {
            assertThat(lease.isValid()).isTrue();
            return Optional.empty();
        } catch (LockNotAcquiredException e) {
            return Optional.of(e);
        }
    }

    private Optional<LockNotAcquiredException> attemptByAnother(String key) {
        return Worker.start(() -> attempt(key)).result();
    }

    /** Again while the machine keeps a thread waiting for so long that the others have given up: no circle closed then. */
    private void untilReported(Runnable circle) {
        Await.until("a circle to be reported", () -> {
            circle.run();
            // The listener is called by another thread.
            long end = System.nanoTime() + 1_000_000_000;
            while (reports().isEmpty() && System.nanoTime() < end) {
                LockSupport.parkNanos(1_000_000);
            }
            return !reports().isEmpty();
        });
    }

    private List<String> reports() {
        return listener.calls.stream()
                .filter(call -> call.startsWith("deadlock"))
                .toList();
    }

    /** The listener is called by another thread. */
    private List<String> awaitReports() {
        Await.until(() -> !reports().isEmpty());
        return reports();
    }

    private static void await(CyclicBarrier barrier) {
        try {
            barrier.await(Await.BOUND.toSeconds(), TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
