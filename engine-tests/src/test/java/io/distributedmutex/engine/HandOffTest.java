package io.distributedmutex.engine;

import static io.distributedmutex.engine.World.KEY;
import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** How a key gets from one holder to the next. */
class HandOffTest {

    @Test
    void aFreeKeyIsGrantedWithOneRequestAndReleasedWithOne() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease lease = world.held(a, KEY);
            assertThat(lease.isValid()).isTrue();
            assertThat(lease.fencingToken()).isPositive().isLessThan(1L << 53);
            assertThat(lease.remaining()).isBetween(Duration.ofMillis(59_300), Duration.ofMillis(59_400));
            assertThat(world.server.contents().heldKeys()).containsExactly(KEY);
            assertThat(lease.release()).isTrue();
            assertThat(lease.isValid()).isFalse();
            assertThat(lease.release()).isFalse();
            lease.close();
            assertThat(a.store().counts()).isEqualTo(java.util.Map.of(Operation.ACQUIRE, 1, Operation.RELEASE, 1));
        }
    }

    @Test
    void aWaiterOfAnotherInstanceIsServedByPushWithoutTimePassing() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.waits(asked);
            world.advanceMillis(100);
            first.close();
            Lease second = world.granted(asked);
            assertThat(second.fencingToken()).isGreaterThan(first.fencingToken());
            assertThat(b.store().counts()).isEqualTo(java.util.Map.of(Operation.ACQUIRE, 1));
            second.close();
        }
    }

    @Test
    void aGrantByPushIsExtendedForWhoHoldsItForLongerThan50Ms() {
        try (World world = new World()) {
            Instance b = world.instance("b");
            Lease first = world.held(world.instance("a"), KEY);
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.waits(asked);
            first.close();
            Lease second = world.granted(asked);
            world.advanceMillis(49);
            assertThat(b.store().count(Operation.RENEW)).isZero();
            world.advanceMillis(1);
            assertThat(b.store().count(Operation.RENEW)).isEqualTo(1);
            assertThat(second.remaining()).isEqualTo(Duration.ofMillis(59_398));
            second.close();
        }
    }

    /** Else a holder that dies within 50 ms would keep the key for the claim time only, and its job would run again. */
    @Test
    void aGrantByPushHasItsMinimumHoldFromTheBeginning() {
        try (World world = new World()) {
            Instance b = world.instance(
                    "b",
                    LockOptions.builder().minimumHold(Duration.ofMinutes(1)).build());
            Lease first = world.held(world.instance("a"), KEY);
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.waits(asked);
            List<Duration> remaining = new ArrayList<>();
            CompletableFuture<Void> unused = asked.thenAccept(
                    lease -> remaining.add(world.lookNow().remaining().orElseThrow()));
            first.close();
            Lease second = world.granted(asked);
            assertThat(remaining).containsExactly(Duration.ofMinutes(1));
            second.close();
            world.advanceMillis(60_001);
        }
    }

    @Test
    void anExtensionThatFailsWhenItsRepetitionHasBeenConfirmedIsOfNoConsequence() {
        try (World world = new World()) {
            Instance b = world.instance("b");
            Lease first = world.held(world.instance("a"), KEY);
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.waits(asked);
            first.close();
            Lease second = world.granted(asked);
            b.store().hangNext(1, Operation.RENEW, Duration.ofSeconds(2));
            world.advanceMillis(2_000);
            assertThat(b.store().count(Operation.RENEW)).isEqualTo(2);
            world.advanceMillis(10_000);
            assertThat(second.state()).isEqualTo(LeaseState.HELD);
            assertThat(b.store().count(Operation.RENEW)).isEqualTo(2);
            second.close();
        }
    }

    @Test
    void aGrantIsUsableBeforeItsClaimIsConfirmedAndOnlyForTheClaimTime() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.advanceMillis(100);
            b.store().holdRequests(1, Operation.RENEW);
            first.close();
            Lease second = world.granted(asked);
            assertThat(second.isValid()).isTrue();
            // 2 s of claim less the margin, from when the last answered request was sent: 100 ms ago.
            assertThat(second.remaining()).isEqualTo(Duration.ofMillis(1_978 - 100));
            world.advanceMillis(50);
            assertThat(second.remaining()).isEqualTo(Duration.ofMillis(1_978 - 150));
            b.store().releaseHeld();
            assertThat(second.remaining()).isGreaterThan(Duration.ofSeconds(59));
            second.close();
        }
    }

    @Test
    void aLostPushCostsAtMostOnePollInterval() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.advanceMillis(10);
            b.store().dropPushes();
            first.close();
            world.advanceMillis(239);
            world.waits(asked);
            world.advanceMillis(1);
            Lease second = world.granted(asked);
            assertThat(second.remaining()).isGreaterThan(Duration.ofSeconds(59));
            second.close();
        }
    }

    @Test
    void aPushThatComesTwiceOrAfterThePollIsHarmless() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.advanceMillis(10);
            b.store().holdPushes();
            first.close();
            world.advanceMillis(250);
            Lease second = world.granted(asked);
            b.store().repeatPushes();
            b.store().deliverPushes();
            assertThat(second.isValid()).isTrue();
            assertThat(second.release()).isTrue();
        }
    }

    /** Else its holder would be told of a loss, though nothing is wrong but that the extension takes some time. */
    @Test
    void aPushWithLittleOfItsClaimLeftIsConfirmedBeforeItIsBelieved() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b", World.options(Duration.ofMillis(200)));
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> asked = b.ask(KEY);
            // B asked 97 ms ago, and a claim of 200 ms less the margin of 4 is counted from then.
            world.advanceMillis(97);
            b.store().holdReplies(1, Operation.ACQUIRE);
            first.close();
            world.waits(asked);
            world.advanceMillis(60);
            b.store().releaseHeld();
            Lease second = world.granted(asked);
            assertThat(second.remaining()).isGreaterThan(Duration.ofMillis(140));
            second.close();
        }
    }

    @Test
    void aPushDelayedBeyondItsClaimIsNotBelievedAfterAnotherHasTheKey() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance(
                    "b", LockOptions.builder().waitTime(Duration.ofSeconds(60)).build());
            Instance c = world.instance(
                    "c", LockOptions.builder().waitTime(Duration.ofSeconds(60)).build());
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> askedB = b.ask(KEY);
            CompletableFuture<Lease> askedC = c.ask(KEY);
            // B's push is delayed and so are its polls: the claim time passes, and C gets the key.
            b.store().holdPushes();
            b.store().holdRequests(1, Operation.ACQUIRE);
            world.advanceMillis(10);
            first.close();
            world.advanceMillis(2_300);
            Lease third = world.granted(askedC);
            // B's poll arrives now and is answered "queued"; then the push of the old grant.
            b.store().releaseHeld();
            world.waits(askedB);
            b.store().deliverPushes();
            world.waits(askedB);
            assertThat(third.isValid()).isTrue();
            third.close();
            Lease second = world.granted(askedB);
            assertThat(second.fencingToken()).isGreaterThan(third.fencingToken());
            second.close();
        }
    }

    @Test
    void instancesAreServedInTheOrderInWhichTheyCame() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("holder"), KEY);
            List<CompletableFuture<Lease>> asked = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                asked.add(world.instance("waiter-" + i).ask(KEY));
                world.advanceMillis(3);
            }
            Lease holder = first;
            for (int i = 0; i < 20; i++) {
                long before = holder.fencingToken();
                holder.close();
                for (int later = i + 1; later < 20; later++) {
                    world.waits(asked.get(later));
                }
                holder = world.granted(asked.get(i));
                assertThat(holder.fencingToken()).isGreaterThan(before);
                world.advanceMillis(20);
            }
            holder.close();
        }
    }

    @Test
    void aDeadHolderDelaysAWaiterUntilItsLeaseEndsAndNotMore() {
        try (World world = new World()) {
            Instance dead = world.instance("dead", World.options(Duration.ofMillis(1_900)));
            Instance b = world.instance("b");
            Lease lost = world.held(dead, KEY);
            // It is as dead as an instance can be here: its timer still runs, but it releases nothing by itself.
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.advanceMillis(1_899);
            world.waits(asked);
            world.advanceMillis(3);
            Lease next = world.granted(asked);
            assertThat(lost.isValid()).isFalse();
            next.close();
        }
    }

    @Test
    void aDeadWaiterIsSkippedAndADeafOneLosesItsTurnOnly() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b");
            CompletableFuture<Lease> askedB = b.ask(KEY);
            CompletableFuture<Lease> askedC = world.instance("c").ask(KEY);
            world.time.runDue();
            // B dies: no poll reaches the store any more, no push reaches B.
            b.store().hangNext(1_000, call -> true, Duration.ofSeconds(2));
            b.store().dropPushes();
            world.advanceMillis(2_100);
            first.close();
            Lease third = world.granted(askedC);
            third.close();
            b.store().heal();
            world.advanceMillis(2_500);
            world.granted(askedB).close();
        }
    }

    @Test
    void aWaiterThatDiesJustAfterItsGrantDelaysTheNextByTheClaimTime() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b");
            CompletableFuture<Lease> askedB = b.ask(KEY);
            CompletableFuture<Lease> askedC = world.instance("c").ask(KEY);
            world.time.runDue();
            b.store().hangNext(1_000, call -> true, Duration.ofSeconds(2));
            b.store().dropPushes();
            first.close();
            world.advanceMillis(1_990);
            world.waits(askedC);
            world.advanceMillis(30);
            Lease third = world.granted(askedC);
            b.store().heal();
            third.close();
            world.advanceMillis(2_500);
            world.granted(askedB).close();
        }
    }

    @Test
    void aWaiterWhoseTimeIsOverLeavesNothingAndIsToldWhoHoldsTheKeyAndForHowLong() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("host-a:17"), KEY);
            Instance b = world.instance("b");
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.advanceMillis(4_999);
            world.waits(asked);
            world.advanceMillis(1);
            assertThat(world.failure(asked)).isInstanceOfSatisfying(LockNotAcquiredException.class, e -> {
                assertThat(e.key()).isEqualTo(KEY);
                assertThat(e.holder()).contains("host-a:17");
                assertThat(e.remaining().orElseThrow()).isBetween(Duration.ofMillis(54_900), Duration.ofMillis(55_000));
                assertThat(e).hasMessageContaining("'tenant:1' not acquired within 5 s: held by host-a:17 for 5");
            });
            assertThat(world.server.contents().waiters()).isEmpty();
            first.close();
        }
    }

    @Test
    void aGrantThatCrossesTheEndOfTheWaitIsPassedOn() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Instance c = world.instance(
                    "c", LockOptions.builder().waitTime(Duration.ofSeconds(9)).build());
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> askedB = b.ask(KEY);
            CompletableFuture<Lease> askedC = c.ask(KEY);
            world.advanceMillis(4_990);
            b.store().holdPushes();
            first.close();
            world.advanceMillis(5);
            askedB.cancel(false);
            world.time.runDue();
            Lease third = world.granted(askedC);
            b.store().deliverPushes();
            assertThat(third.isValid()).isTrue();
            assertThat(third.release()).isTrue();
        }
    }

    @Test
    void aCancelThatIsLostIsRepeatedUntilItIsHeard() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b");
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.time.runDue();
            b.store().failNext(3, Operation.CANCEL);
            asked.cancel(false);
            world.time.runDue();
            assertThat(world.server.contents().waiters()).isNotEmpty();
            world.advanceMillis(751);
            assertThat(world.server.contents().waiters()).isEmpty();
            first.close();
        }
    }

    @Test
    void transientErrorsAreRetriedAndTheLastOneIsTheOutcome() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            a.store().failNext(2, Operation.ACQUIRE);
            CompletableFuture<Lease> asked = a.ask(KEY);
            world.waits(asked);
            world.advanceMillis(500);
            world.granted(asked).close();
            a.store().failNext(1_000, Operation.ACQUIRE);
            CompletableFuture<Lease> failing = a.ask(KEY);
            world.advanceMillis(5_000);
            assertThat(world.failure(failing))
                    .isInstanceOf(StoreUnreachableException.class)
                    .hasMessage("'tenant:1' not acquired within 5 s: made to fail by the test");
            a.store().heal();
        }
    }

    @Test
    void aLostReplyNeitherLeaksNorLosesTheLock() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            a.store().loseReplies(2, Operation.ACQUIRE);
            CompletableFuture<Lease> asked = a.ask(KEY);
            world.waits(asked);
            long fence = world.look().fencingToken().orElseThrow();
            world.advanceMillis(500);
            Lease lease = world.granted(asked);
            assertThat(lease.fencingToken()).as("the retry found its own token").isEqualTo(fence);
            a.store().loseReplies(1, Operation.RELEASE);
            lease.close();
            assertThat(world.server.contents().heldKeys()).isEmpty();
            world.advanceMillis(250);
            assertThat(lease.state()).isEqualTo(io.distributedmutex.LeaseState.RELEASED);
        }
    }

    @Test
    void aReplyThatTookLongerThanTheLeaseIsNotGivenAsValid() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.options(Duration.ofMillis(300)));
            a.store().holdReplies(1, Operation.ACQUIRE);
            CompletableFuture<Lease> asked = a.ask(KEY);
            world.advanceMillis(299);
            a.store().releaseHeld();
            Lease lease = world.granted(asked);
            assertThat(lease.remaining()).as("asked for anew").isGreaterThan(Duration.ofMillis(290));
            assertThat(a.store().count(Operation.ACQUIRE)).isEqualTo(2);
            lease.close();
        }
    }

    @Test
    void aTryWhoseReplyIsLostOrLateLeavesNothing() {
        try (World world = new World()) {
            Instance a = world.instance(
                    "a",
                    LockOptions.builder()
                            .leaseTime(Duration.ofMillis(300))
                            .waitTime(Duration.ZERO)
                            .build());
            a.store().loseReplies(1, Operation.ACQUIRE);
            CompletableFuture<Lease> lost = a.ask(KEY);
            assertThat(world.failure(lost)).isInstanceOf(StoreUnreachableException.class);
            assertThat(world.server.contents().heldKeys()).isEmpty();
            a.store().holdReplies(1, Operation.ACQUIRE);
            CompletableFuture<Lease> late = a.ask(KEY);
            world.advanceMillis(298);
            a.store().releaseHeld();
            assertThat(world.failure(late))
                    .isInstanceOf(StoreUnreachableException.class)
                    .hasMessageContaining("arrived after 298 ms, when the lease time of 300 ms was over");
        }
    }

    @Test
    void aReconnectionAsksAtOnceInsteadOfAtTheNextPoll() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b");
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.advanceMillis(10);
            b.store().dropPushes();
            first.close();
            world.waits(asked);
            b.store().announceReconnection();
            world.granted(asked).close();
        }
    }

    @Test
    void theMinimumHoldKeepsTheKeyTakenAfterTheRelease() {
        try (World world = new World()) {
            Instance a = world.instance(
                    "a",
                    LockOptions.builder().minimumHold(Duration.ofSeconds(3)).build());
            Lease lease = world.held(a, KEY);
            CompletableFuture<Lease> here = a.ask(KEY);
            CompletableFuture<Lease> there = world.instance("b").ask(KEY);
            world.advanceMillis(1_000);
            assertThat(lease.release()).isTrue();
            world.advanceMillis(1_998);
            world.waits(here);
            world.waits(there);
            world.advanceMillis(4);
            Lease second = world.granted(here.isDone() ? here : there);
            assertThat(here.isDone() && there.isDone()).isFalse();
            second.close();
            world.advanceMillis(3_001);
            world.granted(here).close();
            world.granted(there).close();
            world.advanceMillis(3_001);
        }
    }
}
