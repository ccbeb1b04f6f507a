package io.distributedmutex.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.Timer;
import io.distributedmutex.testing.Await;
import java.io.InputStream;
import java.lang.ref.WeakReference;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.crac.Core;
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
        Await.until(() -> threads().isEmpty(), Await.BOUND);
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

    /** A copy of the machine may go on elsewhere, with the same memory. */
    @Test
    void whatWasDrawnAheadIsNotUsedAfterTheMachineWasStopped() throws ReflectiveOperationException {
        Machine machine = new Machine();
        SystemEnvironment standing = new SystemEnvironment(machine.clockWithUptime());
        for (Runnable stop : List.<Runnable>of(
                () -> machine.suspend(Duration.ofSeconds(1)), () -> machine.setWallClock(Duration.ofSeconds(1)))) {
            standing.randomBytes(new byte[9]);
            byte[] ahead = nextDrawn(standing, 16);
            byte[] used = new byte[16];
            standing.randomBytes(used);
            assertThat(used).as("without a stop").isEqualTo(ahead);
            ahead = nextDrawn(standing, 16);
            stop.run();
            standing.randomBytes(used);
            assertThat(used).as("after a stop").isNotEqualTo(ahead);
        }
        standing.close();
    }

    @Test
    void whatWasDrawnAheadDoesNotSurviveACheckpoint() throws Exception {
        environment.randomBytes(new byte[9]);
        byte[] ahead = nextDrawn(environment, 16);
        assertThat(ahead).isNotEqualTo(new byte[16]);
        Core.checkpoint();
        assertThat(nextDrawn(environment, 16)).as("in the image").isEqualTo(new byte[16]);
        environment.randomBytes(new byte[9]);
        ahead = nextDrawn(environment, 16);
        Core.restore();
        byte[] used = new byte[16];
        environment.randomBytes(used);
        assertThat(used).isNotEqualTo(ahead);
    }

    /** Each process that goes on from it would believe in the lease. */
    @Test
    void thereIsNoCheckpointWhileALeaseIsHeld() throws Exception {
        Engine engine = new Engine(
                new GrantingStore(), environment, "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        Lease lease = engine.acquire("k", LockOptions.defaults(), null);
        assertThatThrownBy(Core::checkpoint).hasMessageContaining("holds leases or waits for some");
        lease.close();
        Core.checkpoint();
        engine.close();
    }

    /** What the next bytes would be. */
    private static byte[] nextDrawn(SystemEnvironment of, int length) throws ReflectiveOperationException {
        Field field = SystemEnvironment.class.getDeclaredField("drawn");
        field.setAccessible(true);
        ByteBuffer drawn = (ByteBuffer) field.get(of);
        return Arrays.copyOfRange(drawn.array(), drawn.position(), drawn.position() + length);
    }

    private static String newToken(Environment from) {
        byte[] halves = new byte[16];
        from.randomBytes(halves);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(halves);
    }

    // ---- callbacks

    @Test
    void aCallbackRunsOnADaemonThreadOfItsOwn() {
        for (Consumer<Runnable> way : List.<Consumer<Runnable>>of(environment::execute, environment::executeAtOnce)) {
            AtomicReference<Thread> ran = new AtomicReference<>();
            way.accept(() -> ran.set(Thread.currentThread()));
            Await.until(() -> ran.get() != null, Await.BOUND);
            assertThat(ran.get()).isNotSameAs(Thread.currentThread());
            assertThat(ran.get().isDaemon()).isTrue();
            assertThat(ran.get().getName()).startsWith("dmutex-callback-");
        }
    }

    @Test
    void callbacksRunOnVirtualThreadsWhereThoseDoNotHoldOthersUp() throws ReflectiveOperationException {
        int feature = Runtime.version().feature();
        AtomicReference<Thread> ran = new AtomicReference<>();
        environment.execute(() -> ran.set(Thread.currentThread()));
        Await.until(() -> ran.get() != null, Await.BOUND);
        Object isVirtual = feature >= 21 ? Thread.class.getMethod("isVirtual").invoke(ran.get()) : false;
        // Until JDK 24 those that block in a monitor keep their carrier.
        assertThat(isVirtual).isEqualTo(feature >= 24);
    }

    @Test
    void callbacksThatBlockDelayNoOtherHoweverManyTheyAre() {
        IntStream.range(0, 500).forEach(i -> environment.execute(this::blockUntilTestEnds));
        Await.until(() -> blocked.get() == 500, Await.BOUND);
        CountDownLatch ran = new CountDownLatch(2);
        environment.execute(ran::countDown);
        environment.executeAtOnce(ran::countDown);
        Await.until(() -> ran.getCount() == 0, Await.BOUND);
    }

    /** Virtual threads have few threads of the platform under them, and none is taken from code that computes. */
    @Test
    void callbacksThatComputeForLongDelayNothingThatMustBeToldInTime() {
        IntStream.range(0, 2 * Runtime.getRuntime().availableProcessors())
                .forEach(i -> environment.execute(() -> {
                    while (testEnds.getCount() > 0) {
                        Thread.onSpinWait();
                    }
                }));
        CountDownLatch ran = new CountDownLatch(1);
        environment.executeAtOnce(ran::countDown);
        Await.until(() -> ran.getCount() == 0, Await.BOUND);
    }

    // ---- callbacks on the user's executor

    @Test
    void callbacksRunOnTheUsersExecutorButWhatMustBeToldInTimeDoesNot() {
        ConcurrentLinkedQueue<Runnable> taken = new ConcurrentLinkedQueue<>();
        SystemEnvironment users = new SystemEnvironment(true, taken::add);
        AtomicInteger ran = new AtomicInteger();
        users.execute(ran::incrementAndGet);
        CountDownLatch told = new CountDownLatch(1);
        users.executeAtOnce(told::countDown);
        Await.until(() -> told.getCount() == 0, Await.BOUND);
        assertThat(ran).as("before the executor runs it").hasValue(0);
        taken.forEach(Runnable::run);
        assertThat(ran).hasValue(1);
        users.close();
    }

    @Test
    void whatTheUsersExecutorDoesNotTakeRunsOnAThreadOfTheEnvironmentAndThatIsSaidOnce() {
        AtomicInteger ran = new AtomicInteger();
        List<Executor> poor = List.of(
                task -> {
                    throw new RejectedExecutionException("by the test");
                },
                task -> {
                    throw new OutOfMemoryError("by the test");
                },
                task -> {
                    // Once is enough, all the same.
                    task.run();
                    throw new IllegalStateException("by the test");
                });
        for (Executor executor : poor) {
            SystemEnvironment users = new SystemEnvironment(true, executor);
            ran.set(0);
            IntStream.range(0, 10).forEach(i -> users.execute(ran::incrementAndGet));
            Await.until(() -> ran.get() == 10, Await.BOUND);
            users.close();
            users.execute(ran::incrementAndGet);
            assertThat(ran).as("after the close, too").hasValue(11);
        }
        assertThat(log.lines(Level.WARN)).hasSize(3).allMatch(line -> line.contains("did not take a callback"));
    }

    // ---- callbacks without threads

    @Test
    void aCallbackForWhichThereIsNoThreadToBeHadRunsWhenThereIs() {
        AtomicInteger failures = new AtomicInteger();
        SystemEnvironment poor = new SystemEnvironment((body, name) -> new Thread(body, name) {
            @Override
            public synchronized void start() {
                if (failures.getAndDecrement() > 0) {
                    throw new OutOfMemoryError("unable to create native thread: by the test");
                }
                super.start();
            }
        });
        CountDownLatch timerRan = new CountDownLatch(1);
        poor.runAfter(timerRan::countDown, 0);
        Await.until(() -> timerRan.getCount() == 0, Await.BOUND);
        failures.set(7);
        AtomicInteger ran = new AtomicInteger();
        IntStream.range(0, 5).forEach(i -> poor.executeAtOnce(ran::incrementAndGet));
        Await.until(() -> ran.get() == 5, Await.BOUND);
        poor.close();
        poor.executeAtOnce(ran::incrementAndGet);
        assertThat(ran).hasValue(6);
    }

    // ---- what threads inherit

    private static final InheritableThreadLocal<String> IDENTITY = new InheritableThreadLocal<>();

    @Test
    void noThreadInheritsTheIdentityOrTheClassLoaderOfWhoeverCausesIt() throws InterruptedException {
        ConcurrentLinkedQueue<String> inherited = new ConcurrentLinkedQueue<>();
        CountDownLatch ran = new CountDownLatch(3);
        Runnable look = () -> {
            Thread self = Thread.currentThread();
            inherited.add(IDENTITY.get() + ", "
                    + (self.getContextClassLoader() == getClass().getClassLoader()) + ", " + self.getPriority());
            ran.countDown();
        };
        Thread tenant = new Thread(() -> {
            IDENTITY.set("the tenant");
            Thread.currentThread().setContextClassLoader(new ClassLoader() {});
            environment.runAfter(look, 0);
            environment.execute(look);
            environment.executeAtOnce(look);
        });
        tenant.setPriority(Thread.MIN_PRIORITY);
        tenant.start();
        tenant.join();
        Await.until(() -> ran.getCount() == 0, Await.BOUND);
        assertThat(inherited).hasSize(3).containsOnly("null, true, 5");
    }

    /** Threads keep the access control context of whoever makes them, and that keeps the classes on its stack. */
    @Test
    void noThreadKeepsTheClassesOfWhoeverCausesIt() throws Exception {
        Runnable[] tenant = {
            tenant(() -> {
                environment.runAfter(() -> {}, Duration.ofHours(1).toNanos());
                environment.execute(this::blockUntilTestEnds);
                environment.executeAtOnce(this::blockUntilTestEnds);
            })
        };
        WeakReference<ClassLoader> loader =
                new WeakReference<>(tenant[0].getClass().getClassLoader());
        assertThat(loader.get()).isNotSameAs(getClass().getClassLoader());
        tenant[0].run();
        tenant[0] = null;
        Await.until(() -> blocked.get() == 2, Await.BOUND);
        Await.until(
                () -> {
                    System.gc();
                    return loader.get() == null;
                },
                Await.BOUND);
        assertThat(threads()).as("there still").hasSizeGreaterThanOrEqualTo(2);
    }

    /** Calls something from a class of a loader of its own. */
    private static Runnable tenant(Runnable body) throws Exception {
        String name = Tenant.class.getName();
        byte[] bytes;
        try (InputStream code = Tenant.class.getResourceAsStream("SystemEnvironmentTest$Tenant.class")) {
            bytes = code.readAllBytes();
        }
        ClassLoader loader = new ClassLoader(SystemEnvironmentTest.class.getClassLoader()) {
            @Override
            protected Class<?> loadClass(String wanted, boolean resolve) throws ClassNotFoundException {
                if (!wanted.equals(name)) {
                    return super.loadClass(wanted, resolve);
                }
                Class<?> known = findLoadedClass(name);
                return known != null ? known : defineClass(name, bytes, 0, bytes.length);
            }
        };
        return (Runnable) loader.loadClass(name).getConstructor(Runnable.class).newInstance(body);
    }

    /** A frame on the stack. */
    public static final class Tenant implements Runnable {
        private final Runnable body;

        public Tenant(Runnable body) {
            this.body = body;
        }

        @Override
        public void run() {
            body.run();
        }
    }

    // ---- what callbacks throw

    @Test
    void callbacksThatBlockDelayNoTimer() {
        IntStream.range(0, 100).forEach(i -> environment.execute(this::blockUntilTestEnds));
        Await.until(() -> blocked.get() == 100, Await.BOUND);
        CountDownLatch ran = new CountDownLatch(1);
        environment.runAfter(ran::countDown, 1);
        Await.until(() -> ran.getCount() == 0, Await.BOUND);
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
        Await.until(() -> ran.getCount() == 0, Await.BOUND);
        Await.until(() -> log.lines(Level.WARN).size() == 200, Await.BOUND);
        assertThat(log.lines(Level.WARN)).allMatch(line -> line.contains("a callback threw"));
        assertThat(log.thrown()).contains("thrown by the test", "an error by the test");
        CountDownLatch later = new CountDownLatch(1);
        environment.execute(later::countDown);
        Await.until(() -> later.getCount() == 0, Await.BOUND);
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
        environment.executeAtOnce(blocked::incrementAndGet);
        Await.until(() -> blocked.get() == 1, Await.BOUND);
        assertThat(threads()).hasSize(1);
        // After five seconds.
        Await.until(() -> threads().isEmpty(), Await.BOUND);
    }

    @Test
    void closeDropsTimersButRunsTheCallbacksThatItWasGiven() {
        AtomicBoolean timerRan = new AtomicBoolean();
        AtomicInteger callbacksRan = new AtomicInteger();
        environment.runAfter(() -> timerRan.set(true), 1_000_000_000);
        environment.execute(() -> {
            blockUntilTestEnds();
            callbacksRan.incrementAndGet();
        });
        environment.close();
        environment.execute(callbacksRan::incrementAndGet);
        assertThat(callbacksRan).as("the last runs on its caller's thread").hasValue(1);
        testEnds.countDown();
        Await.until(() -> callbacksRan.get() == 2, Await.BOUND);
        Await.until(() -> threads().isEmpty(), Await.BOUND);
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

    // ---- time

    @Test
    void aTimerRunsNotBeforeItsTimeOnTheEnvironmentsClock() {
        AtomicReference<Long> ranAt = new AtomicReference<>();
        long start = environment.nanoTime();
        environment.runAfter(() -> ranAt.set(environment.nanoTime()), 20_000_000);
        Await.until(() -> ranAt.get() != null, Await.BOUND);
        assertThat(Duration.ofNanos(ranAt.get() - start)).isBetween(Duration.ofMillis(20), Await.BOUND);
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
        Await.until(() -> laterRan.getCount() == 0, Await.BOUND);
        assertThat(cancelledRan).isFalse();
        standing.close();
    }

    @Test
    void parkEndsWhenTheTimeIsOver() {
        long start = System.nanoTime();
        environment.park(this, 10_000_000);
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Await.BOUND);
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
        Await.until(() -> LockSupport.getBlocker(unparked) == blocker, Await.BOUND);
        Await.until(() -> LockSupport.getBlocker(interrupted) == blocker, Await.BOUND);
        LockSupport.unpark(unparked);
        interrupted.interrupt();
        Await.until(() -> returned.get() == 2, Await.BOUND);
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
