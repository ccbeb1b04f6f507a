package io.distributedmutex.engine;

import static io.distributedmutex.engine.World.KEY;
import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is given back, by which request, how often, and who is told what became of it. */
class GivingBackTest {

    private static final LockOptions TRY =
            LockOptions.builder().waitTime(Duration.ZERO).build();

    @Test
    void aLeaseThatIsGivenBackWithTheNextRequestIsReleased() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease first = world.held(a, KEY);
            CompletableFuture<LossReason> lost = first.lost();
            CompletableFuture<Lease> next = a.ask(KEY);
            world.advanceMillis(5);
            assertThat(first.release()).isTrue();
            Lease second = world.granted(next);
            assertThat(lost).isCancelled();
            assertThat(a.store().count(Operation.RELEASE)).isZero();
            second.close();
        }
    }

    @Test
    void aLeaseThatIsGivenBackWithTheNextRequestIsToldThatItHadBeenLost() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> next = a.ask(KEY);
            world.server.delete(KEY);
            assertThat(first.release()).isFalse();
            assertThat(first.lossReason()).contains(LossReason.REVOKED);
            world.granted(next).close();
        }
    }

    @Test
    void aLocalPassIsAReleaseThatSucceeded() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            world.advanceMillis(1_000);
            Lease first = world.held(a, KEY);
            CompletableFuture<LossReason> lost = first.lost();
            CompletableFuture<Lease> second = a.ask(KEY);
            CompletableFuture<Lease> third = a.ask(KEY);
            // The first grant was one fencing token; the next is a block of them.
            assertThat(first.release()).isTrue();
            Lease passing = world.granted(second);
            CompletableFuture<LossReason> lostInPassing = passing.lost();
            a.store().resetCounts();
            assertThat(passing.release()).isTrue();
            Lease passed = world.granted(third);
            assertThat(a.store().counts()).isEmpty();
            assertThat(lost).isCancelled();
            assertThat(lostInPassing).isCancelled();
            passed.close();
        }
    }

    @Test
    void aGrantByPushDoesNotLeaveOpenWhatBecameOfTheLeaseThatItsRequestGaveBack() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease first = world.held(a, KEY);
            CompletableFuture<LossReason> lost = first.lost();
            CompletableFuture<Lease> there = world.instance("b").ask(KEY);
            world.time.runDue();
            CompletableFuture<Lease> here = a.ask(KEY);
            // The release takes effect, but its answer is lost.
            a.store().loseReplies(1, Operation.ACQUIRE);
            first.close();
            Lease second = world.granted(there);
            assertThat(lost).isNotDone();
            second.close();
            Lease third = world.granted(here);
            assertThat(world.time.elapsed()).isZero();
            assertThat(lost).isCancelled();
            assertThat(first.state()).isEqualTo(LeaseState.RELEASED);
            third.close();
        }
    }

    @Test
    void whatATryMayHaveAcquiredIsGivenBackUntilThatIsHeard() {
        try (World world = new World()) {
            Instance a = world.instance("a", TRY);
            world.advanceMillis(1_000);
            a.store().loseReplies(1, Operation.ACQUIRE);
            a.store().failNext(1, Operation.RELEASE);
            assertThat(world.failure(a.ask(KEY))).isInstanceOf(StoreUnreachableException.class);
            assertThat(world.server.contents().heldKeys()).containsExactly(KEY);
            world.advanceMillis(250);
            assertThat(world.server.contents().heldKeys()).isEmpty();
        }
    }

    @Test
    void whatATryAcquiredTooLateIsGivenBackUntilThatIsHeard() {
        try (World world = new World()) {
            Instance a = world.instance(
                    "a",
                    LockOptions.builder()
                            .leaseTime(Duration.ofSeconds(1))
                            .waitTime(Duration.ZERO)
                            .build());
            // The request is late, not its answer: the store's lease begins when nobody believes in it any more.
            a.store().holdRequests(1, Operation.ACQUIRE);
            a.store().failNext(1, Operation.RELEASE);
            CompletableFuture<Lease> asked = a.ask(KEY);
            world.advanceMillis(1_000);
            a.store().releaseHeld();
            assertThat(world.failure(asked)).isInstanceOf(StoreUnreachableException.class);
            assertThat(world.server.contents().heldKeys()).containsExactly(KEY);
            world.advanceMillis(250);
            assertThat(world.server.contents().heldKeys()).isEmpty();
        }
    }

    @Test
    void whatIsFreedAtTheMaximumHoldIsFreedUntilThatIsHeard() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(3), Duration.ofSeconds(3)));
            world.held(a, KEY);
            a.store().failNext(1, Operation.CANCEL);
            world.advanceMillis(3_000);
            assertThat(world.server.contents().heldKeys()).containsExactly(KEY);
            world.advanceMillis(250);
            assertThat(world.server.contents().heldKeys()).isEmpty();
        }
    }

    @Test
    void aMinimumHoldIsRoundedUpAndWhoWaitsHereAsksForTheKeyAllTheSame() {
        try (World world = new World()) {
            Instance a = world.instance(
                    "a",
                    LockOptions.builder().minimumHold(Duration.ofSeconds(3)).build());
            Lease lease = world.held(a, KEY);
            CompletableFuture<Lease> next = a.ask(KEY);
            world.time.advance(Duration.ofNanos(1_000_001));
            lease.close();
            assertThat(world.look().remaining()).contains(Duration.ofMillis(2_999));
            world.advanceMillis(3_000);
            world.granted(next).close();
            world.advanceMillis(3_001);
        }
    }

    @Test
    void aReleaseThatIsRepeatedKeepsTheKeyForWhatIsLeftOfItsMinimumHold() {
        try (World world = new World()) {
            Instance a = world.instance(
                    "a",
                    LockOptions.builder().minimumHold(Duration.ofSeconds(50)).build());
            Lease lease = world.held(a, KEY);
            a.store().failNext(96, Operation.RELEASE);
            lease.close();
            world.advanceMillis(24_000);
            assertThat(a.store().count(Operation.RELEASE)).isEqualTo(97);
            assertThat(world.look().remaining()).contains(Duration.ofSeconds(26));
            world.advanceMillis(26_001);
        }
    }

    @Test
    void aReleaseThatIsRepeatedAfterTheMinimumHoldFreesTheKey() {
        try (World world = new World()) {
            Instance a = world.instance(
                    "a",
                    LockOptions.builder().minimumHold(Duration.ofSeconds(1)).build());
            Lease lease = world.held(a, KEY);
            a.store().failNext(4, Operation.RELEASE);
            lease.close();
            world.advanceMillis(1_000);
            assertThat(world.server.contents().isEmpty()).isTrue();
        }
    }

    @Test
    void whatIsGivenBackUnusedIsNotKeptForAMinimumHold() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance(
                    "b",
                    LockOptions.builder().minimumHold(Duration.ofSeconds(1)).build());
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.waits(asked);
            b.store().holdPushes();
            first.close();
            world.time.runDue();
            b.store().deliverPushes();
            asked.cancel(false);
            world.time.runDue();
            assertThat(world.server.contents().isEmpty()).isTrue();
        }
    }

    @Test
    void whoGivesUpBeforeItsFirstAnswerLeavesTheQueueAllTheSame() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b");
            b.store().holdReplies(1, Operation.ACQUIRE);
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.time.runDue();
            assertThat(world.server.contents().waiters()).containsEntry(KEY, 1);
            asked.cancel(false);
            world.time.runDue();
            assertThat(world.server.contents().waiters()).isEmpty();
            b.store().releaseHeld();
            first.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    void aFutureThatIsEndedByItsUserLeavesTheQueueAtOnce(Ending ending) {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b");
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.waits(asked);
            ending.end.accept(asked, first);
            await(() -> {
                world.time.runDue();
                return world.server.contents().waiters().isEmpty();
            });
            first.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatIsGrantedToAFutureThatItsUserHasEndedIsGivenBack(Ending ending) {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b");
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.waits(asked);
            b.store().holdPushes();
            first.close();
            world.time.runDue();
            // Granted here, and told on a callback thread, whose turn has not come yet.
            b.store().deliverPushes();
            ending.end.accept(asked, first);
            await(asked::isDone);
            world.time.runDue();
            assertThat(world.server.contents().isEmpty()).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatATryAcquiresForAFutureThatItsUserHasEndedIsGivenBack(Ending ending) {
        try (World world = new World()) {
            Lease other = world.held(world.instance("a"), "other");
            Instance b = world.instance("b", TRY);
            b.store().holdReplies(1, Operation.ACQUIRE);
            CompletableFuture<Lease> asked = b.ask(KEY);
            ending.end.accept(asked, other);
            await(asked::isDone);
            b.store().releaseHeld();
            world.time.runDue();
            assertThat(world.server.contents().heldKeys()).containsExactly("other");
            other.close();
        }
    }

    /** The ways of a future to end that its user has; some come by a thread of the JDK's. */
    enum Ending {
        CANCEL((future, lease) -> future.cancel(true)),
        COMPLETE(CompletableFuture::complete),
        COMPLETE_EXCEPTIONALLY((future, lease) -> future.completeExceptionally(new IllegalStateException("enough"))),
        OR_TIMEOUT((future, lease) -> future.orTimeout(1, TimeUnit.MILLISECONDS)),
        COMPLETE_ON_TIMEOUT((future, lease) -> future.completeOnTimeout(lease, 1, TimeUnit.MILLISECONDS)),
        OBTRUDE(CompletableFuture::obtrudeValue);

        private final BiConsumer<CompletableFuture<Lease>, Lease> end;

        Ending(BiConsumer<CompletableFuture<Lease>, Lease> end) {
            this.end = end;
        }
    }

    /** A future may be ended by a thread of the JDK's, and what is attached to it runs a moment after it is done. */
    private static void await(BooleanSupplier condition) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("within 20 s").isLessThan(end);
            Thread.onSpinWait();
        }
    }

    @Test
    void aWaiterThatPollsSeldomCountsAsAliveForFourPolls() {
        try (World world = new World()) {
            LockOptions seldom = LockOptions.builder()
                    .retryInterval(Duration.ofSeconds(1))
                    .waitTime(Duration.ofSeconds(20))
                    .build();
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b", seldom);
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.time.runDue();
            b.store().hangNext(1, Operation.ACQUIRE, Duration.ofSeconds(10));
            world.advanceMillis(3_900);
            first.close();
            assertThat(world.look().holder()).contains("b");
            world.granted(asked).close();
            world.advanceMillis(10_000);
        }
    }
}
