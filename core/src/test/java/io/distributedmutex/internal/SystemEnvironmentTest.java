package io.distributedmutex.internal;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.Timer;
import java.lang.reflect.Field;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Time, threads and randomness of the real world. */
class SystemEnvironmentTest {

    private final CapturedLog log = new CapturedLog();
    private final CountDownLatch testEnds = new CountDownLatch(1);
    private final AtomicInteger blocked = new AtomicInteger();
    private final Set<Thread> threadsBefore = new HashSet<>();
    private final SystemEnvironment environment = new SystemEnvironment();

    @BeforeEach
    void lookAround() {
        threadsBefore.addAll(Await.threads("dmutex-"));
    }

    @AfterEach
    void allThreadsEndAfterClose() {
        testEnds.countDown();
        environment.close();
        environment.close();
        Await.until(() -> threads().isEmpty(), Await.LONG);
        log.close();
    }

    // ---- tokens

    @Test
    void aTokenIs128BitsIn22CharactersOfUnpaddedBase64Url() {
        for (int i = 0; i < 1_000; i++) {
            String token = newToken(environment);
            assertThat(token).matches("[A-Za-z0-9_-]{22}");
            assertThat(Base64.getUrlDecoder().decode(token)).hasSize(16);
        }
    }

    @Test
    void tokensOfManyThreadsAndTwoEnvironmentsAreAllDifferent() throws InterruptedException {
        SystemEnvironment other = new SystemEnvironment();
        Set<String> tokens = ConcurrentHashMap.newKeySet();
        AtomicInteger made = new AtomicInteger();
        List<Thread> threads = IntStream.range(0, 4)
                .mapToObj(i -> new Thread(() -> {
                    for (int n = 0; n < 5_000; n++) {
                        tokens.add(newToken(i < 3 ? environment : other));
                        made.incrementAndGet();
                    }
                }))
                .toList();
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(made).hasValue(20_000);
        assertThat(tokens).hasSize(20_000);
        other.close();
    }

    @Test
    void everyBitOfATokenIsDrawn() {
        byte[] everOne = new byte[16];
        byte[] everZero = new byte[16];
        for (int i = 0; i < 300; i++) {
            byte[] token = Base64.getUrlDecoder().decode(newToken(environment));
            for (int b = 0; b < 16; b++) {
                everOne[b] |= token[b];
                everZero[b] |= (byte) ~token[b];
            }
        }
        // That a fair bit is 300 times the same happens once in 2^299 runs.
        assertThat(everOne).containsOnly(0xFF);
        assertThat(everZero).containsOnly(0xFF);
    }

    @Test
    void randomBytesFillArraysOfAnyLengthAndAreNeverTheSame() {
        Set<String> seen = new HashSet<>();
        for (int i = 0; i < 1_000; i++) {
            // Some of them do not end where what was drawn ends; some are longer than all of that.
            byte[] bytes = new byte[i == 500 ? 10_000 : 9];
            environment.randomBytes(bytes);
            assertThat(seen.add(HexFormat.of().formatHex(bytes))).isTrue();
            assertThat(Arrays.equals(bytes, bytes.length - 8, bytes.length, new byte[8], 0, 8))
                    .isFalse();
        }
        environment.randomBytes(new byte[0]);
    }

    private static String newToken(Environment from) {
        return Token.draw(from).text();
    }

    // ---- callbacks

    @Test
    void aCallbackRunsOnADaemonThreadOfItsOwn() {
        AtomicReference<Thread> ran = new AtomicReference<>();
        environment.execute(() -> ran.set(Thread.currentThread()));
        Await.until(() -> ran.get() != null, Await.LONG);
        assertThat(ran.get()).isNotSameAs(Thread.currentThread());
        assertThat(ran.get().isDaemon()).isTrue();
        assertThat(ran.get().getName()).startsWith("dmutex-callback-");
    }

    @Test
    void callbacksThatBlockDelayNoOther() {
        IntStream.range(0, 60).forEach(i -> environment.execute(this::blockUntilTestEnds));
        Await.until(() -> blocked.get() == 60, Await.LONG);
        CountDownLatch ran = new CountDownLatch(1);
        environment.execute(ran::countDown);
        Await.until(() -> ran.getCount() == 0, Await.LONG);
    }

    @Test
    void callbacksBeyondTheNumberOfThreadsAreKeptUntilOneIsFree() {
        AtomicInteger ran = new AtomicInteger();
        IntStream.range(0, 200).forEach(i -> environment.execute(this::blockUntilTestEnds));
        environment.execute(ran::incrementAndGet);
        Await.until(() -> blocked.get() == 64, Await.LONG);
        assertThat(threads()).hasSize(64);
        testEnds.countDown();
        Await.until(() -> ran.get() == 1, Await.LONG);
        Await.until(() -> blocked.get() == 200, Await.LONG);
    }

    @Test
    void callbacksThatBlockDelayNoTimer() {
        IntStream.range(0, 100).forEach(i -> environment.execute(this::blockUntilTestEnds));
        Await.until(() -> blocked.get() == 64, Await.LONG);
        CountDownLatch ran = new CountDownLatch(1);
        environment.runAfter(ran::countDown, 1);
        Await.until(() -> ran.getCount() == 0, Await.LONG);
    }

    @Test
    void whatACallbackThrowsIsLoggedAndHarmsNothing() {
        CountDownLatch ran = new CountDownLatch(200);
        for (int i = 0; i < 100; i++) {
            environment.execute(() -> {
                ran.countDown();
                throw new IllegalStateException("thrown by the test");
            });
            environment.execute(() -> {
                ran.countDown();
                throw new StackOverflowError("an error by the test");
            });
        }
        Await.until(() -> ran.getCount() == 0, Await.LONG);
        Await.until(() -> log.lines(Level.WARN).size() == 200, Await.LONG);
        assertThat(log.lines(Level.WARN)).allMatch(line -> line.contains("a callback threw"));
        assertThat(log.thrown()).contains("thrown by the test", "an error by the test");
        CountDownLatch later = new CountDownLatch(1);
        environment.execute(later::countDown);
        Await.until(() -> later.getCount() == 0, Await.LONG);
    }

    // ---- threads

    @Test
    void thereIsNoThreadBeforeTheFirstUse() {
        assertThat(threads()).isEmpty();
        environment.nanoTime();
        newToken(environment);
        environment.park(this, 1);
        assertThat(threads()).isEmpty();
    }

    @Test
    void timersHaveOneThreadHoweverManyThereAre() {
        IntStream.range(0, 1_000).forEach(i -> environment.runAfter(() -> {}, 60_000_000_000L + i));
        assertThat(threads())
                .singleElement()
                .satisfies(thread -> assertThat(thread.getName()).startsWith("dmutex-timer-"));
    }

    @Test
    void callbackThreadsEndWithoutWork() {
        environment.execute(blocked::incrementAndGet);
        Await.until(() -> blocked.get() == 1, Await.LONG);
        assertThat(threads()).hasSize(1);
        // After five seconds.
        Await.until(() -> threads().isEmpty(), Await.LONG);
    }

    @Test
    void closeDropsTimersButRunsTheCallbacksThatItWasGiven() {
        AtomicBoolean timerRan = new AtomicBoolean();
        AtomicInteger callbacksRan = new AtomicInteger();
        IntStream.range(0, 64).forEach(i -> environment.execute(this::blockUntilTestEnds));
        environment.runAfter(() -> timerRan.set(true), 50_000_000);
        environment.execute(callbacksRan::incrementAndGet);
        environment.close();
        environment.execute(callbacksRan::incrementAndGet);
        assertThat(callbacksRan).as("the last runs on its caller's thread").hasValue(1);
        testEnds.countDown();
        Await.until(() -> callbacksRan.get() == 2, Await.LONG);
        Await.until(() -> threads().isEmpty(), Await.LONG);
        assertThat(timerRan).isFalse();
    }

    @Test
    void whatACallbackThrowsAfterCloseDoesNotReachItsCaller() {
        environment.close();
        environment.execute(() -> {
            throw new IllegalStateException("thrown by the test");
        });
        assertThat(log.thrown()).containsExactly("thrown by the test");
    }

    /** The pool refuses a callback while all its threads are busy; its caller is then stopped until they have gone. */
    @Test
    void aCallbackRefusedByThreadsThatHaveGoneMeanwhileRunsOnANewOne() throws ReflectiveOperationException {
        AtomicReference<Thread> ran = new AtomicReference<>();
        ThreadPoolExecutor pool = pool();
        pool.getRejectedExecutionHandler().rejectedExecution(() -> ran.set(Thread.currentThread()), pool);
        Await.until(() -> ran.get() != null, Await.LONG);
        assertThat(ran.get().getName()).startsWith("dmutex-callback-");
    }

    /** As above, and the instance closes in between: after it was asked whether it has. */
    @Test
    void aCallbackRefusedBeforeACloseThatEndsAllThreadsIsNotForgotten() throws ReflectiveOperationException {
        ThreadPoolExecutor pool = pool();
        AtomicInteger ran = new AtomicInteger();
        environment.execute(ran::incrementAndGet);
        Await.until(() -> ran.get() == 1, Await.LONG);
        ClosingPool closing = new ClosingPool(pool, () -> {
            environment.close();
            Await.until(pool::isTerminated, Await.LONG);
        });
        pool.getRejectedExecutionHandler().rejectedExecution(ran::incrementAndGet, closing);
        assertThat(pool.isTerminated()).as("closed in between").isTrue();
        Await.until(() -> ran.get() == 2, Await.LONG);
        closing.shutdown();
    }

    private ThreadPoolExecutor pool() throws ReflectiveOperationException {
        Field field = SystemEnvironment.class.getDeclaredField("callbacks");
        field.setAccessible(true);
        return (ThreadPoolExecutor) field.get(environment);
    }

    /** A pool that is closed just after it was first asked whether it is. */
    private static final class ClosingPool extends ThreadPoolExecutor {
        private final ThreadPoolExecutor pool;
        private final AtomicReference<Runnable> close;

        ClosingPool(ThreadPoolExecutor pool, Runnable close) {
            super(0, 1, 1, TimeUnit.SECONDS, new LinkedTransferQueue<>());
            this.pool = pool;
            this.close = new AtomicReference<>(close);
        }

        @Override
        public boolean isShutdown() {
            boolean before = pool.isShutdown();
            Runnable first = close.getAndSet(null);
            if (first != null) {
                first.run();
            }
            return before;
        }

        @Override
        public int getPoolSize() {
            return pool.getPoolSize();
        }

        @Override
        public void execute(Runnable task) {
            pool.execute(task);
        }
    }

    // ---- time

    @Test
    void aTimerRunsNotBeforeItsTimeOnTheEnvironmentsClock() {
        AtomicReference<Long> ranAt = new AtomicReference<>();
        long start = environment.nanoTime();
        environment.runAfter(() -> ranAt.set(environment.nanoTime()), 20_000_000);
        Await.until(() -> ranAt.get() != null, Await.LONG);
        assertThat(Duration.ofNanos(ranAt.get() - start)).isBetween(Duration.ofMillis(20), Await.LONG);
    }

    @Test
    void aTimerThatIsCancelledDoesNotRun() {
        Machine machine = new Machine();
        SystemEnvironment standing = new SystemEnvironment(machine.clockWithUptime());
        AtomicBoolean cancelledRan = new AtomicBoolean();
        CountDownLatch laterRan = new CountDownLatch(1);
        Timer cancelled = standing.runAfter(() -> cancelledRan.set(true), 1_000_000);
        standing.runAfter(laterRan::countDown, 2_000_000);
        standing.cancel(cancelled);
        machine.pass(Duration.ofMillis(2));
        Await.until(() -> laterRan.getCount() == 0, Await.LONG);
        assertThat(cancelledRan).isFalse();
        standing.close();
    }

    @Test
    void parkEndsWhenTheTimeIsOver() {
        long start = System.nanoTime();
        environment.park(this, 10_000_000);
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Await.LONG);
    }

    @Test
    void parkSaysWhatIsWaitedForAndEndsWhenTheThreadIsUnparkedOrInterrupted() {
        Object blocker = new Object();
        AtomicInteger returned = new AtomicInteger();
        AtomicBoolean flag = new AtomicBoolean();
        Thread unparked = new Thread(() -> {
            environment.park(blocker, Long.MAX_VALUE);
            returned.incrementAndGet();
        });
        Thread interrupted = new Thread(() -> {
            environment.park(blocker, Long.MAX_VALUE);
            flag.set(Thread.currentThread().isInterrupted());
            returned.incrementAndGet();
        });
        unparked.start();
        interrupted.start();
        Await.until(() -> LockSupport.getBlocker(unparked) == blocker, Await.LONG);
        Await.until(() -> LockSupport.getBlocker(interrupted) == blocker, Await.LONG);
        LockSupport.unpark(unparked);
        interrupted.interrupt();
        Await.until(() -> returned.get() == 2, Await.LONG);
        assertThat(flag).as("the flag is the caller's to clear").isTrue();
    }

    private void blockUntilTestEnds() {
        blocked.incrementAndGet();
        try {
            testEnds.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private Set<Thread> threads() {
        Set<Thread> threads = Await.threads("dmutex-");
        threads.removeAll(threadsBefore);
        return threads;
    }
}
