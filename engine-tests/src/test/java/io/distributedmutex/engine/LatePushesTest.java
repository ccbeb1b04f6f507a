package io.distributedmutex.engine;

import static io.distributedmutex.engine.World.KEY;
import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Grants that come when nobody waits for them any more, or when they are not true any more. */
class LatePushesTest {

    @Test
    void aGrantThatNobodyHereWaitsForIsPassedOnAtOnceThoughTheCancelWasLost() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b");
            CompletableFuture<Lease> given = b.ask(KEY);
            CompletableFuture<Lease> next = world.instance("c").ask(KEY);
            world.time.runDue();
            b.store().failNext(1, Operation.CANCEL);
            given.cancel(false);
            first.close();
            world.granted(next).close();
            assertThat(world.time.elapsed()).isZero();
            world.advanceMillis(250);
        }
    }

    @Test
    void aGrantToThoseWhoGaveUpIsPassedOnThoughOthersWaitHereNow() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b");
            CompletableFuture<Lease> given = b.ask(KEY);
            world.time.runDue();
            b.store().holdPushes();
            first.close();
            b.store().failNext(1, Operation.CANCEL);
            given.cancel(false);
            CompletableFuture<Lease> next = b.ask(KEY);
            world.waits(next);
            b.store().deliverPushes();
            world.granted(next).close();
            assertThat(world.time.elapsed()).isZero();
            world.advanceMillis(250);
        }
    }

    /** Else the lease might be over before it is lengthened. */
    @Test
    void aGrantThatWasAskedForByAShorterWaiterAndIsNearlyOverIsAskedForAgain() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            a.store().holdReplies(1, Operation.ACQUIRE);
            CompletableFuture<Lease> shorter = a.mutex()
                    .with(options -> options.leaseTime(Duration.ofMillis(29)))
                    .acquireAsync(KEY);
            CompletableFuture<Lease> longer = a.ask(KEY);
            shorter.cancel(false);
            world.advanceMillis(26);
            a.store().holdReplies(1, Operation.RENEW);
            a.store().releaseHeld();
            world.time.runDue();
            Lease lease = world.granted(longer);
            world.advanceMillis(20);
            assertThat(lease.isValid()).isTrue();
            lease.close();
            a.store().releaseHeld();
            world.time.runDue();
        }
    }

    /** Its holder may not believe in it for longer than its own lease time; then nobody waits for what is left in the store. */
    @Test
    void aGrantThatWasAskedForByALongerWaiterIsBelievedForTheLeaseTimeAlone() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            a.store().holdReplies(1, Operation.ACQUIRE);
            CompletableFuture<Lease> longer = a.mutex()
                    .with(options -> options.leaseTime(Duration.ofMinutes(5)))
                    .acquireAsync(KEY);
            CompletableFuture<Lease> shorter = a.mutex()
                    .with(options -> options.leaseTime(Duration.ofSeconds(10)))
                    .acquireAsync(KEY);
            longer.cancel(false);
            a.store().releaseHeld();
            Lease lease = world.granted(shorter);
            assertThat(lease.remaining()).isEqualTo(Duration.ofMillis(9_898));
            world.advanceMillis(9_898);
            assertThat(lease.isValid()).isFalse();
            assertThat(world.server.contents().heldKeys()).isEmpty();
        }
    }

    /** A cancel would free the key before the release does, and the release would find it gone. */
    @Test
    void aLatePushOfWhatIsBeingGivenBackIsNoReasonToGiveItBackTwice() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b");
            CompletableFuture<Lease> askedSecond = b.ask(KEY);
            CompletableFuture<Lease> askedThird = b.ask(KEY);
            world.time.runDue();
            b.store().holdPushes();
            first.close();
            world.advanceMillis(250);
            Lease second = world.granted(askedSecond);
            b.store().failNext(1, Operation.ACQUIRE);
            world.advanceMillis(5);
            b.store().holdRequests(1, Operation.ACQUIRE);
            second.close();
            b.store().deliverPushes();
            b.store().releaseHeld();
            world.granted(askedThird).close();
            assertThat(second.state()).isEqualTo(LeaseState.RELEASED);
            assertThat(b.store().count(Operation.CANCEL)).isZero();
        }
    }

    @Test
    void whoeverIsGrantedTheKeyAnewDisplacesALeaseOfItsInstanceThatTheStoreHasLost() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease first = world.held(a, KEY);
            List<Lease> heard = new ArrayList<>();
            first.onLost(heard::add);
            CompletableFuture<Lease> asked = a.ask(KEY);
            world.advanceMillis(5);
            world.server.delete(KEY);
            world.advanceMillis(250);
            Lease second = world.granted(asked);
            assertThat(first.lossReason()).contains(LossReason.TAKEN);
            assertThat(heard).containsExactly(first);
            assertThat(second.isValid()).isTrue();
            second.close();
        }
    }

    @Test
    void whoIsRefusedForGoodLeavesTheQueueInWhichItStood() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b");
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.time.runDue();
            b.store()
                    .failNext(
                            1,
                            Operation.ACQUIRE,
                            new StoreRefusedException(StoreRefusedException.Reason.WRONG_TYPE, "made to fail", null));
            world.advanceMillis(250);
            assertThat(world.failure(asked)).hasMessage("'tenant:1' not acquired: made to fail");
            assertThat(world.server.contents().waiters()).isEmpty();
            first.close();
        }
    }

    @Test
    void aGrantThatCameTooLateIsWhatFailedIfTheNextIsNotAnsweredInTime() {
        try (World world = new World()) {
            LockOptions options = LockOptions.builder()
                    .leaseTime(Duration.ofMillis(300))
                    .waitTime(Duration.ofSeconds(1))
                    .build();
            Instance a = world.instance("a", options);
            world.advanceMillis(10_000);
            a.store().holdReplies(1, Operation.ACQUIRE);
            CompletableFuture<Lease> asked = a.ask(KEY);
            world.advanceMillis(400);
            a.store().hangNext(10, Operation.ACQUIRE, Duration.ofSeconds(2));
            a.store().releaseHeld();
            world.advanceMillis(600);
            assertThat(world.failure(asked))
                    .hasMessage("'tenant:1' not acquired within 1 s: the store's grant arrived after 400 ms, when the"
                            + " lease time of 300 ms was over");
            a.store().heal();
            world.advanceMillis(2_000);
        }
    }
}
