package io.distributedmutex.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import ch.qos.logback.classic.Level;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Timer;
import io.distributedmutex.testing.Await;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

/** What others do in the middle of a change: their hand is in whenever the clock is read. */
class KeyQueueTest {

    private static final String KEY = "k";

    private static final LockOptions ONCE =
            LockOptions.builder().waitTime(Duration.ZERO).build();

    /** Deadlock detection asks for the owner without the monitor, whenever it likes. */
    @Test
    void theOwnerCanBeAskedForAtAnyMomentOfAGrant() throws InterruptedException {
        ObservedEnvironment environment = new ObservedEnvironment();
        Engine engine = new Engine(
                new GrantingStore(), environment, "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        List<Throwable> failures = new CopyOnWriteArrayList<>();
        List<Thread> questions = new CopyOnWriteArrayList<>();
        environment.observer = () -> {
            KeyQueue queue = engine.queue(KEY);
            if (queue != null) {
                Thread question = new Thread(() -> {
                    boolean unused = queue.isHeldBy("somebody else");
                    queue.obstacle();
                });
                question.setUncaughtExceptionHandler((thread, failure) -> failures.add(failure));
                questions.add(question);
                question.start();
                // Long enough for an answer; not for ever, as it may have to wait for the monitor that we have.
                join(question, 100);
            }
        };
        Lease lease = engine.acquire(KEY, LockOptions.defaults(), null);
        environment.observer = () -> {};
        for (Thread question : questions) {
            question.join();
        }
        assertThat(questions).as("times when the owner was asked for").isNotEmpty();
        assertThat(failures).isEmpty();
        assertThat(engine.queue(KEY).isHeldBy(Thread.currentThread())).isTrue();
        lease.close();
        assertThat(engine.queue(KEY)).as("a queue with nothing in it").isNull();
        engine.close();
    }

    @Test
    void aTryWhoseQueueRetiresInThatMomentMakesAnother() {
        ObservedEnvironment environment = new ObservedEnvironment();
        Engine engine = new Engine(
                new GrantingStore(), environment, "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        List<KeyQueue> retired = new ArrayList<>();
        environment.observer = () -> {
            KeyQueue queue = engine.queue(KEY);
            if (queue != null && retired.isEmpty()) {
                retired.add(queue);
                queue.drain();
            }
        };
        Lease lease = engine.tryAcquire(KEY, LockOptions.defaults(), null);
        assertThat(retired).as("queues that retired").hasSize(1);
        assertThat(lease.isValid()).isTrue();
        assertThat(engine.queue(KEY)).isNotNull().isNotSameAs(retired.get(0));
        assertThat(lease.release()).isTrue();
        engine.close();
    }

    /** A thread that has released the key and tries for it again must not find it held by itself. */
    @Test
    void aTryIsSentBehindAReleaseThatWasDecidedBeforeIt() {
        OneKeyStore store = new OneKeyStore(true);
        Engine engine =
                new Engine(store, new StandingTime(), "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        Lease lease = engine.acquire(OneKeyStore.KEY, LockOptions.defaults(), null);
        KeyQueue queue = engine.queue(OneKeyStore.KEY);
        List<CompletableFuture<Lease>> tries = new ArrayList<>();
        List<Boolean> sentBefore = new ArrayList<>();
        synchronized (queue) {
            // In a step, so that the release is decided at once and sent when this one is done.
            queue.then(() -> {
                lease.close();
                tries.add(engine.acquireAsync(OneKeyStore.KEY, ONCE, null));
                sentBefore.add(tries.get(0).isDone());
            });
        }
        queue.drain();
        assertThat(sentBefore).containsExactly(false);
        assertThat(tries.get(0)).isCompleted();
        assertThat(tries.get(0).join().release()).isTrue();
        engine.close();
        assertThat(store.isEmpty()).as(store.contents()).isTrue();
    }

    @Test
    void aTryForAKeyThatOthersWaitForHereIsSentAtOnceAndOnce() {
        OneKeyStore store = new OneKeyStore(false);
        Engine engine =
                new Engine(store, new StandingTime(), "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        store.takenByAnother();
        CompletableFuture<Lease> waiting = engine.acquireAsync(OneKeyStore.KEY, LockOptions.defaults(), null);
        assertThat(store.deliver()).as("the answer to the request").isTrue();
        CompletableFuture<Lease> tried = engine.acquireAsync(OneKeyStore.KEY, ONCE, null);
        assertThat(store.deliver()).as("the answer to the try").isTrue();
        assertThat(tried).isCompletedExceptionally();
        assertThat(store.deliver()).as("a second answer").isFalse();
        assertThat(waiting).isNotDone();
        waiting.cancel(false);
        assertThat(store.deliver()).as("the answer to the cancel").isTrue();
        engine.close();
        store.releasedByTheOther();
        assertThat(store.isEmpty()).as(store.contents()).isTrue();
    }

    @Test
    void aTryWhoseQueueRetiresBeforeItsTurnIsMadeWithoutTheQueue() throws InterruptedException {
        OneKeyStore store = new OneKeyStore(true);
        Engine engine =
                new Engine(store, new StandingTime(), "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        Lease lease = engine.acquire(OneKeyStore.KEY, LockOptions.defaults(), null);
        KeyQueue queue = engine.queue(OneKeyStore.KEY);
        List<CompletableFuture<Lease>> tries = new CopyOnWriteArrayList<>();
        Thread trying = new Thread(() -> tries.add(engine.acquireAsync(OneKeyStore.KEY, ONCE, null)));
        synchronized (queue) {
            trying.start();
            // It has found the queue, and wants its monitor.
            Await.until(() -> trying.getState() == Thread.State.BLOCKED, Await.BOUND);
            lease.close();
            assertThat(engine.queue(OneKeyStore.KEY))
                    .as("a queue with nothing in it")
                    .isNull();
        }
        trying.join();
        assertThat(tries.get(0)).isCompleted();
        assertThat(tries.get(0).join().release()).isTrue();
        engine.close();
        assertThat(store.isEmpty()).as(store.contents()).isTrue();
    }

    @Test
    void whatATryAcquiresWhenTheInstanceClosesIsGivenBack() throws InterruptedException {
        ObservedEnvironment environment = new ObservedEnvironment();
        OneKeyStore store = new OneKeyStore(true);
        Engine engine = new Engine(store, environment, "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        List<Thread> closing = new ArrayList<>();
        environment.observer = () -> {
            if (engine.queue(OneKeyStore.KEY) != null && closing.isEmpty()) {
                // On a thread of its own, because it waits for the try.
                Thread closes = new Thread(engine::close);
                closing.add(closes);
                closes.start();
                Await.until(() -> engine.queue(OneKeyStore.KEY) == null, Duration.ofSeconds(20));
            }
        };
        assertThatExceptionOfType(MutexClosedException.class)
                .isThrownBy(() -> engine.tryAcquire(OneKeyStore.KEY, LockOptions.defaults(), null))
                .withMessage("'k' not acquired: closed meanwhile");
        closing.get(0).join();
        assertThat(store.isEmpty()).as(store.contents()).isTrue();
    }

    @Test
    void aTryThatFindsTheKeyHeldHereWhenTheInstanceClosesSaysThatItIsClosed() {
        ObservedEnvironment environment = new ObservedEnvironment();
        Engine engine = new Engine(
                new GrantingStore(), environment, "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        Lease held = engine.acquire(KEY, LockOptions.defaults(), null);
        environment.observer = engine::close;
        assertThatExceptionOfType(MutexClosedException.class)
                .isThrownBy(() -> engine.tryAcquire(KEY, LockOptions.defaults(), null));
        assertThat(held.isValid()).isFalse();
    }

    @Test
    void aStepThatThrowsKeepsNoOtherFromBeingDone() {
        Engine engine = new Engine(
                new GrantingStore(), new StandingTime(), "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        Lease lease = engine.acquire(KEY, LockOptions.defaults(), null);
        List<String> done = new ArrayList<>();
        try (CapturedLog log = new CapturedLog()) {
            KeyQueue queue = engine.queue(KEY);
            synchronized (queue) {
                queue.then(() -> {
                    throw new IllegalStateException("thrown by the test");
                });
                queue.then(() -> done.add("the next"));
            }
            queue.drain();
            assertThat(log.lines(Level.ERROR)).containsExactly("a step for k failed; please report this");
            assertThat(log.thrown()).containsExactly("thrown by the test");
        }
        assertThat(done).containsExactly("the next");
        assertThat(lease.release()).isTrue();
        engine.close();
    }

    @Test
    void aStoreThatThrowsIsToldAsARefusalAndOwesNothing() {
        StandingTime time = new StandingTime();
        LockStore broken = (LockStore) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {LockStore.class}, (self, call, with) -> {
                    if (call.getName().equals("acquire")) {
                        throw new IllegalStateException("thrown by the test");
                    }
                    return null;
                });
        Engine engine = new Engine(broken, time, "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        assertThatExceptionOfType(StoreRefusedException.class)
                .isThrownBy(() -> engine.tryAcquire(KEY, LockOptions.defaults(), null))
                .withMessage("'k' not acquired: the store failed: java.lang.IllegalStateException: thrown by the test")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(StoreRefusedException.Reason.OTHER));
        engine.close();
        assertThat(time.parks()).isZero();
    }

    /** As {@code AcquireReply.Refused} says; stores that give blocks of tokens never come that close. */
    @Test
    void aPushOfTheVeryTokenThatTheLatestAnswerKnewIsStale() {
        OneKeyStore store = new OneKeyStore(true);
        Engine engine =
                new Engine(store, new StandingTime(), "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        store.takenByAnother();
        CompletableFuture<Lease> asked = engine.acquireAsync(OneKeyStore.KEY, LockOptions.defaults(), null);
        engine.granted(OneKeyStore.KEY, StandingTime.token(1), OneKeyStore.BLOCK, 1);
        assertThat(asked).isNotDone();
        store.releasedByTheOther();
        assertThat(asked).isCompleted();
        assertThat(asked.join().release()).isTrue();
        engine.close();
        assertThat(store.isEmpty()).as(store.contents()).isTrue();
    }

    @Test
    void closingEndsWithTheLastAnswerOfTheStore() throws InterruptedException {
        OneKeyStore store = new OneKeyStore(false);
        StandingTime time = new StandingTime();
        Engine engine = new Engine(store, time, "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        CompletableFuture<Lease> asked = engine.acquireAsync(OneKeyStore.KEY, LockOptions.defaults(), null);
        assertThat(store.deliver()).isTrue();
        assertThat(asked).isCompleted();
        closesWithTheAnswerToTheRelease(engine, time, store);
    }

    private static void closesWithTheAnswerToTheRelease(Engine engine, StandingTime time, OneKeyStore store)
            throws InterruptedException {
        Thread closing = new Thread(engine::close);
        closing.setDaemon(true);
        closing.start();
        Await.until(() -> time.parks() > 0, Duration.ofSeconds(20));
        assertThat(store.deliver()).as("the answer to the release").isTrue();
        closing.join(20_000);
        assertThat(closing.isAlive()).isFalse();
    }

    @Test
    void closingWaitsForTheReleaseOfWhatATryAcquiredAlsoAfterManyTries() throws InterruptedException {
        OneKeyStore store = new OneKeyStore(false);
        StandingTime time = new StandingTime();
        Engine engine = new Engine(store, time, "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        for (int i = 0; i < 3; i++) {
            engine.acquireAsync(OneKeyStore.KEY, ONCE, null).thenAccept(Lease::close);
            assertThat(store.deliver()).as("the answer to the try").isTrue();
            assertThat(store.deliver()).as("the answer to the release").isTrue();
        }
        CompletableFuture<Lease> tried = engine.acquireAsync(OneKeyStore.KEY, ONCE, null);
        assertThat(store.deliver()).isTrue();
        assertThat(tried).isCompleted();
        closesWithTheAnswerToTheRelease(engine, time, store);
        assertThatExceptionOfType(MutexClosedException.class)
                .isThrownBy(() -> engine.acquireAsync(OneKeyStore.KEY, ONCE, null))
                .withMessage("'k' not acquired: this DistributedMutex is closed");
        assertThat(store.deliver()).as("the store was asked").isFalse();
    }

    /** A lease that somebody keeps must not keep the thread that acquired it. */
    @Test
    void aLeaseForgetsItsThreadWithItsEnd() {
        StandingTime time = new StandingTime();
        Engine engine =
                new Engine(new GrantingStore(), time, "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        LeaseHandle released = (LeaseHandle) engine.acquire(KEY, LockOptions.defaults(), null);
        assertThat(released.owner()).isSameAs(Thread.currentThread());
        released.close();
        assertThat(released.owner()).isNull();
        LeaseHandle lost = (LeaseHandle) engine.acquire(KEY, LockOptions.defaults(), null);
        time.pass(60_000_000_000L);
        assertThat(lost.state()).isEqualTo(LeaseState.LOST);
        assertThat(lost.owner()).isNull();
        engine.close();
    }

    @Test
    void aHolderWithoutTimeLeftStillHasAnExpiry() {
        LockNotAcquiredException ending = Outcomes.heldBy("", KEY, "other", 0);
        assertThat(ending.remaining()).contains(Duration.ZERO);
        assertThat(ending).hasMessage("held by other for 0 ms still");
        LockNotAcquiredException endless = Outcomes.heldBy("", KEY, "other", -1);
        assertThat(endless.remaining()).isEmpty();
        assertThat(endless).hasMessage("held by other, without an expiry");
    }

    private static void join(Thread thread, long millis) {
        try {
            thread.join(millis);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** The real one, but the test has its hand in whenever somebody reads the clock: also in the middle of a grant. */
    private static final class ObservedEnvironment implements Environment {
        private final SystemEnvironment system = new SystemEnvironment();
        private final ThreadLocal<Boolean> observing = ThreadLocal.withInitial(() -> false);
        volatile Runnable observer = () -> {};

        @Override
        public long nanoTime() {
            if (!observing.get()) {
                observing.set(true);
                try {
                    observer.run();
                } finally {
                    observing.set(false);
                }
            }
            return system.nanoTime();
        }

        @Override
        public void schedule(Timer timer, long atNanos) {
            system.schedule(timer, atNanos);
        }

        @Override
        public void cancel(Timer timer) {
            system.cancel(timer);
        }

        @Override
        public void execute(Runnable callback) {
            system.execute(callback);
        }

        @Override
        public void park(Object blocker, long nanos) {
            system.park(blocker, nanos);
        }

        @Override
        public void randomBytes(byte[] target) {
            system.randomBytes(target);
        }

        @Override
        public void close() {
            system.close();
        }
    }
}
