package io.distributedmutex.engine;

import static io.distributedmutex.engine.World.KEY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.distributedmutex.Deadlock;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockInterruptedException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexListener;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** How long a thread waits, to the nanosecond, and what may happen to it meanwhile; on a clock that does not begin at zero. */
class BlockingCallsTest {

    private static final Duration SECOND = Duration.ofSeconds(1);
    private static final LockOptions OPTIONS =
            LockOptions.builder().waitTime(SECOND).build();
    private static final LockOptions SHORT = LockOptions.builder()
            .leaseTime(Duration.ofSeconds(2))
            .waitTime(SECOND)
            .build();

    @Test
    void aWaiterLooksForADeadlockAfterASecondAndWaitsForItsWaitTime() {
        try (World world = new World()) {
            PassingTime time = new PassingTime(world.time);
            Lease held = world.held(world.instance("a"), KEY);
            Instance b = world.instance(
                    "b", OPTIONS.toBuilder().waitTime(SECOND.multipliedBy(3)).build(), time);
            world.advanceMillis(10_000);
            assertThatExceptionOfType(LockNotAcquiredException.class)
                    .isThrownBy(() -> b.mutex().acquire(KEY))
                    .withMessageStartingWith("'tenant:1' not acquired within 3 s: held by a for ");
            assertThat(time.parks()).containsExactly(SECOND, SECOND.multipliedBy(2));
            held.close();
        }
    }

    @Test
    void aWaitThatIsOverIsNoPartOfACircleOfThreads() throws Exception {
        ExecutorService other = Executors.newSingleThreadExecutor();
        try (World world = new World()) {
            List<Deadlock> found = new ArrayList<>();
            DistributedMutex mutex = DistributedMutex.builder(world.server.sibling())
                    .environment(new PassingTime(world.time))
                    .options(OPTIONS)
                    .deadlocksAfter(Duration.ofMillis(50))
                    .listener(new MutexListener() {
                        @Override
                        public void onDeadlock(Deadlock circle) {
                            found.add(circle);
                        }
                    })
                    .build();
            Lease mine = mutex.acquire("mine");
            Lease others = other.submit(() -> mutex.acquire("others")).get(20, TimeUnit.SECONDS);
            // One after the other, so never both.
            assertThatExceptionOfType(LockNotAcquiredException.class).isThrownBy(() -> mutex.acquire("others"));
            assertThat(other.submit(() -> mutex.acquire("mine")))
                    .failsWithin(Duration.ofSeconds(20))
                    .withThrowableThat()
                    .withCauseInstanceOf(LockNotAcquiredException.class);
            world.time.runDue();
            assertThat(found).isEmpty();
            mine.close();
            others.close();
            mutex.close();
        } finally {
            other.shutdownNow();
        }
    }

    @Test
    void whoIsInterruptedInTheMomentOfItsGrantLeavesNothing() {
        try (World world = new World()) {
            PassingTime time = new PassingTime(world.time);
            Lease first = world.held(world.instance("a"), KEY);
            LockOptions kept = OPTIONS.toBuilder().minimumHold(SECOND).build();
            Instance b = world.instance("b", kept, time);
            time.nextParkEndsWith(() -> {
                first.close();
                world.time.runDue();
                Thread.currentThread().interrupt();
            });
            assertThatExceptionOfType(LockInterruptedException.class)
                    .isThrownBy(() -> b.mutex().acquire(KEY));
            assertThat(Thread.interrupted()).as("the flag is kept").isTrue();
            assertThat(world.server.contents().isEmpty()).isTrue();
        }
    }

    @Test
    void aReleaseIsWaitedForForTheWaitTimeInSpiteOfWakeUpsForNothing() {
        try (World world = new World()) {
            PassingTime time = new PassingTime(world.time);
            Instance a = world.instance("a", OPTIONS, time);
            world.advanceMillis(10_000);
            Lease lease = world.held(a, KEY);
            a.store().holdReplies(1, Operation.RELEASE);
            time.nextParkEndsWith(() -> world.advanceMillis(300));
            assertThatExceptionOfType(StoreUnreachableException.class)
                    .isThrownBy(lease::release)
                    .withMessageContaining("not confirmed within 1 s");
            assertThat(time.parks()).containsExactly(SECOND, Duration.ofMillis(700));
            a.store().releaseHeld();
        }
    }

    @Test
    void anExtensionThatFailsIsRepeatedAsLongAsTheNextAttemptIsWithinTheWaitTime() {
        try (World world = new World()) {
            PassingTime time = new PassingTime(world.time);
            Instance a = world.instance("a", OPTIONS, time);
            world.advanceMillis(10_000);
            Lease lease = world.held(a, KEY);
            a.store().failNext(1_000, Operation.RENEW);
            // Woken before its time, it sleeps on for the rest.
            time.nextParkEndsWith(() -> world.advanceMillis(100));
            assertThatExceptionOfType(StoreUnreachableException.class)
                    .isThrownBy(() -> lease.extend(Duration.ofMinutes(2)));
            assertThat(a.store().count(Operation.RENEW)).isEqualTo(4);
            assertThat(time.parks())
                    .isEqualTo(List.of(
                            Duration.ofMillis(250),
                            Duration.ofMillis(150),
                            Duration.ofMillis(250),
                            Duration.ofMillis(250)));
            a.store().heal();
            lease.close();
        }
    }

    @Test
    void ensureLooksAgainAfterASlowAnswerAndExtendsOnceMore() {
        try (World world = new World()) {
            PassingTime time = new PassingTime(world.time);
            Instance a = world.instance("a", SHORT, time);
            Lease lease = world.held(a, KEY);
            a.store().holdReplies(1, Operation.RENEW);
            time.nextParkEndsWith(() -> {
                world.advanceMillis(900);
                a.store().releaseHeld();
            });
            world.advanceMillis(1_000);
            lease.ensure(Duration.ofMillis(1_500));
            assertThat(lease.remaining()).isEqualTo(Duration.ofMillis(1_978));
            assertThat(a.store().count(Operation.RENEW)).isEqualTo(2);
            lease.close();
        }
    }

    @Test
    void ensureFailsWhenTheStoreHasAnsweredTooSlowlyForTheWaitTime() {
        try (World world = new World()) {
            PassingTime time = new PassingTime(world.time);
            Instance a = world.instance("a", SHORT, time);
            Lease lease = world.held(a, KEY);
            a.store().holdReplies(2, Operation.RENEW);
            Runnable slowly = () -> {
                world.advanceMillis(600);
                a.store().releaseHeld();
            };
            time.nextParkEndsWith(slowly);
            time.nextParkEndsWith(slowly);
            world.advanceMillis(1_000);
            assertThatExceptionOfType(StoreUnreachableException.class)
                    .isThrownBy(() -> lease.ensure(Duration.ofMillis(1_500)))
                    .withMessage("'tenant:1' is held for 1.4 s still, not for 1.5 s: the store answers too slowly");
            assertThat(lease.isValid()).isTrue();
            lease.close();
        }
    }

    /** A claim only lengthens, so nothing has to be waited for. */
    @Test
    void aGrantByPushCanBeExtendedBeforeItsClaimIsConfirmed() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b", OPTIONS, new PassingTime(world.time));
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.time.runDue();
            b.store().holdReplies(1, Operation.RENEW);
            first.close();
            Lease second = world.granted(asked);
            world.advanceMillis(50);
            second.extend(Duration.ofMinutes(2));
            assertThat(second.remaining()).isEqualTo(Duration.ofMillis(118_798));
            b.store().releaseHeld();
            second.close();
        }
    }

    @Test
    void anExtensionIsRepeatedInSpiteOfAnInterruptWhoseFlagIsKept() {
        try (World world = new World()) {
            PassingTime time = new PassingTime(world.time);
            Instance a = world.instance("a", OPTIONS, time);
            Lease lease = world.held(a, KEY);
            a.store().failNext(1, Operation.RENEW);
            time.nextParkEndsWith(() -> Thread.currentThread().interrupt());
            lease.extend(Duration.ofMinutes(2));
            assertThat(Thread.interrupted()).isTrue();
            // It parks for a moment without the flag, with which every park would end at once, and then for the rest.
            assertThat(time.parks()).startsWith(Duration.ofMillis(250), Duration.ofMillis(1), Duration.ofMillis(249));
            lease.close();
        }
    }

    @Test
    void closingWaitsForTwoSecondsForAStoreThatDoesNotAnswer() {
        try (World world = new World()) {
            PassingTime time = new PassingTime(world.time);
            Instance a = world.instance("a", OPTIONS, time);
            world.advanceMillis(10_000);
            a.store().hangNext(1_000, call -> true, Duration.ofMinutes(1));
            world.waits(a.ask(KEY));
            time.nextParkEndsWith(() -> world.advanceMillis(300));
            a.mutex().close();
            assertThat(time.parks()).containsExactly(Duration.ofSeconds(2), Duration.ofMillis(1_700));
        }
    }

    @Test
    void closingWaitsNoLongerThanUntilTheStoreHasAnswered() {
        try (World world = new World()) {
            PassingTime time = new PassingTime(world.time);
            Instance a = world.instance("a", OPTIONS, time);
            world.held(a, KEY);
            a.store().holdReplies(1, Operation.RELEASE);
            time.nextParkEndsWith(() -> a.store().releaseHeld());
            a.mutex().close();
            assertThat(time.parks()).containsExactly(Duration.ofSeconds(2));
            assertThat(world.time.elapsed()).isZero();
        }
    }
}
