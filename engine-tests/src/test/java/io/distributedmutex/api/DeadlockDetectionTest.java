package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.distributedmutex.DeadlockException;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.api.Deployment.Instance;
import io.distributedmutex.testing.Await;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.LockSupport;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.slf4j.LoggerFactory;
import org.slf4j.helpers.NOPLogger;

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

    /** The ways in which an owner can take keys. */
    private enum Way {
        LEASE,
        LOCK,
        ADAPTER,
        FUTURE
    }

    /** Whoever waits last gives up, in its own way, and the three others go on. */
    @ParameterizedTest
    @EnumSource(Way.class)
    void ofACircleOfAllWaysOverTwoInstancesTheYoungestGivesUp(Way last) {
        UnaryOperator<DistributedMutex.Builder> fails =
                builder -> builder.deadlocks(OnDeadlock.FAIL).listener(listener);
        List<DistributedMutex> mutexes = Stream.of("one", "other")
                .map(label -> deployment.instance(label, fails).mutex().with(options -> options.waitTime(Await.BOUND)))
                .toList();
        List<Way> ways = new ArrayList<>(List.of(Way.values()));
        Collections.rotate(ways, ways.size() - 1 - ways.indexOf(last));
        List<CountDownLatch> turns =
                Stream.generate(() -> new CountDownLatch(1)).limit(4).toList();
        List<Worker<Boolean>> workers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            Way way = ways.get(i);
            DistributedMutex mutex = mutexes.get(i % 2);
            String first = "k" + i;
            String second = "k" + (i + 1) % 4;
            CountDownLatch turn = turns.get(i);
            workers.add(Worker.start(() -> takesBoth(way, mutex, first, second, turn)));
            Await.until(() -> deployment.look(first).isPresent());
        }
        for (int i = 0; i < 3; i++) {
            turns.get(i).countDown();
            deployment.awaitWaiters("k" + (i + 1) % 4, 1);
            // The next wait is to be younger by the wall clock, too.
            long now = System.currentTimeMillis();
            Await.until(() -> System.currentTimeMillis() > now + 1);
        }
        turns.get(3).countDown();
        for (int i = 0; i < 4; i++) {
            assertThat(workers.get(i).result()).as("%s", ways.get(i)).isEqualTo(ways.get(i) != last);
        }
        assertThat(awaitReports()).containsExactly("deadlock [k0, k1, k2, k3]");
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    /** Returns false if it was made to give up. */
    private static boolean takesBoth(Way way, DistributedMutex mutex, String first, String second, CountDownLatch turn)
            throws InterruptedException {
        try {
            switch (way) {
                case LEASE -> {
                    try (Lease one = mutex.acquire(first)) {
                        turn.await();
                        try (Lease two = mutex.acquire(second)) {
                            assertThat(one.isValid() && two.isValid()).isTrue();
                        }
                    }
                }
                case LOCK -> {
                    Lock one = mutex.asLock(first);
                    Lock two = mutex.asLock(second);
                    one.lock();
                    try {
                        turn.await();
                        two.lock();
                        two.unlock();
                    } finally {
                        one.unlock();
                    }
                }
                case ADAPTER -> {
                    MutexAdapter adapter = new MutexAdapter(mutex, NOPLogger.NOP_LOGGER);
                    assertThat(adapter.acquire(first)).isTrue();
                    turn.await();
                    boolean both = adapter.acquire(second, Await.BOUND);
                    if (both) {
                        adapter.release(second);
                    }
                    adapter.release(first);
                    return both;
                }
                case FUTURE -> {
                    DistributedMutex work = mutex.owner("work");
                    try (Lease one = work.acquireAsync(first).join()) {
                        turn.await();
                        try (Lease two = work.acquireAsync(second).join()) {
                            assertThat(one.isValid() && two.isValid()).isTrue();
                        }
                    }
                }
            }
            return true;
        } catch (DeadlockException e) {
            return false;
        } catch (CompletionException e) {
            assertThat(e).hasCauseInstanceOf(DeadlockException.class);
            return false;
        }
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
