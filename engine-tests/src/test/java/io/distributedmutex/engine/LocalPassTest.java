package io.distributedmutex.engine;

import static io.distributedmutex.engine.World.KEY;
import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** How a lease passes between the waiters of one instance. */
class LocalPassTest {

    @Test
    void aBlockOfFencingTokensIsPassedOnWithoutTheStoreAndInOrder() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            List<CompletableFuture<Lease>> asked = new ArrayList<>();
            for (int i = 0; i < 129; i++) {
                asked.add(a.ask(KEY));
            }
            long before = 0;
            for (CompletableFuture<Lease> next : asked) {
                Lease lease = world.granted(next);
                assertThat(lease.fencingToken()).isGreaterThan(before);
                before = lease.fencingToken();
                lease.close();
            }
            world.time.runDue();
            // 1 on the first grant, then blocks of 64: asked at the 1st, 2nd and 66th, and not at the 129th.
            assertThat(a.store().count(Operation.ACQUIRE)).isEqualTo(3);
            assertThat(a.store().count(Operation.RELEASE)).isEqualTo(1);
        }
    }

    @Test
    void anotherInstanceWaitsForOnePassWindowAtMost() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease holder = world.held(a, KEY);
            List<CompletableFuture<Lease>> local = new ArrayList<>();
            for (int i = 0; i < 50; i++) {
                local.add(a.ask(KEY));
            }
            CompletableFuture<Lease> remote = b.ask(KEY);
            world.waits(remote);
            int servedBefore = 0;
            for (CompletableFuture<Lease> next : local) {
                world.time.advance(Duration.ofNanos(300_000));
                holder.close();
                world.time.runDue();
                if (remote.isDone()) {
                    break;
                }
                servedBefore++;
                holder = world.granted(next);
            }
            // The first release already lets the other instance in: it has waited in the store's queue for longer.
            assertThat(servedBefore).isLessThanOrEqualTo(7);
            world.granted(remote).close();
            for (CompletableFuture<Lease> next : local) {
                world.granted(next).close();
            }
        }
    }

    @Test
    void whoWaitsHereForLongStandsInTheStoresQueueToo() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease holder = world.held(a, KEY);
            CompletableFuture<Lease> local = a.ask(KEY);
            world.advanceMillis(5);
            CompletableFuture<Lease> remote = b.ask(KEY);
            world.advanceMillis(5);
            holder.close();
            Lease first = world.granted(local);
            world.waits(remote);
            world.advanceMillis(5);
            first.close();
            world.granted(remote).close();
        }
    }

    @Test
    void whoStillWaitsHereAfterAGrantStandsInTheStoresQueueAgainSoon() {
        try (World world = new World()) {
            Instance b = world.instance("b");
            Lease first = world.held(world.instance("a"), KEY);
            CompletableFuture<Lease> second = b.ask(KEY);
            CompletableFuture<Lease> third = b.ask(KEY);
            world.time.runDue();
            first.close();
            Lease holder = world.granted(second);
            assertThat(world.server.contents().waiters()).isEmpty();
            world.advanceMillis(2);
            assertThat(world.server.contents().waiters()).containsEntry(KEY, 1);
            CompletableFuture<Lease> remote = world.instance("c").ask(KEY);
            world.waits(remote);
            holder.close();
            Lease next = world.granted(third);
            world.waits(remote);
            next.close();
            world.granted(remote).close();
        }
    }

    @Test
    void whoStillWaitsHereAfterALocalPassStandsInTheStoresQueueSoon() {
        try (World world = new World()) {
            Instance b = world.instance("b");
            Lease first = world.held(world.instance("a"), KEY);
            CompletableFuture<Lease> second = b.ask(KEY);
            CompletableFuture<Lease> third = b.ask(KEY);
            CompletableFuture<Lease> fourth = b.ask(KEY);
            world.time.runDue();
            first.close();
            world.time.advance(Duration.ofNanos(500_000));
            world.granted(second).close();
            Lease holder = world.granted(third);
            world.time.advance(Duration.ofNanos(1_500_000));
            assertThat(world.server.contents().waiters()).containsEntry(KEY, 1);
            holder.close();
            world.granted(fourth).close();
        }
    }

    /** What is left of it is less than the next waiter wants, and it is not confirmed yet that there will be more. */
    @Test
    void aClaimIsPassedOnBeforeItIsConfirmed() {
        try (World world = new World()) {
            Instance b = world.instance("b");
            world.advanceMillis(60_000);
            Lease first = world.held(world.instance("a"), KEY);
            CompletableFuture<Lease> asked = b.ask(KEY);
            CompletableFuture<Lease> next = b.ask(KEY);
            world.time.runDue();
            first.close();
            Lease claimed = world.granted(asked);
            assertThat(claimed.remaining()).isEqualTo(Duration.ofMillis(1_978));
            claimed.close();
            Lease second = world.granted(next);
            assertThat(second.fencingToken()).isEqualTo(claimed.fencingToken() + 1);
            assertThat(second.remaining()).isEqualTo(Duration.ofMillis(1_978));
            assertThat(b.store().count(Operation.ACQUIRE)).isEqualTo(1);
            second.close();
        }
    }

    @Test
    void aLeaseThatIsPassedOnIsExtendedOnlyForWhoHoldsItOn() {
        try (World world = new World()) {
            Instance b = world.instance("b", World.options(Duration.ofSeconds(3)));
            Lease first = world.held(world.instance("a"), KEY);
            CompletableFuture<Lease> asked = b.ask(KEY);
            CompletableFuture<Lease> same = b.ask(KEY);
            CompletableFuture<Lease> other =
                    b.mutex().with(o -> o.leaseTime(Duration.ofSeconds(4))).acquireAsync(KEY);
            world.time.runDue();
            first.close();
            world.granted(asked).close();
            world.granted(same).close();
            Lease third = world.granted(other);
            assertThat(b.store().counts()).as("all passed").isEqualTo(java.util.Map.of(Operation.ACQUIRE, 1));
            world.advanceMillis(50);
            assertThat(b.store().count(Operation.RENEW)).isEqualTo(1);
            assertThat(third.remaining()).isEqualTo(Duration.ofMillis(3_958));
            third.close();
        }
    }

    /** If the next holder's process dies, others wait for its lease time and not for that of the one before. */
    @Test
    void whoeverWantsLessThanTheStoreHasGoesThroughTheStore() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> shorter =
                    a.mutex().with(o -> o.leaseTime(Duration.ofSeconds(3))).acquireAsync(KEY);
            first.close();
            Lease second = world.granted(shorter);
            assertThat(storeRemaining(world)).isEqualTo(Duration.ofSeconds(3));
            assertThat(second.remaining()).isEqualTo(Duration.ofMillis(2_968));
            assertThat(a.store().counts()).containsOnlyKeys(Operation.ACQUIRE);
            second.close();
        }
    }

    @Test
    void whoeverWantsMoreIsPassedTheLeaseWhichIsThenLengthened() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> shorter =
                    a.mutex().with(o -> o.leaseTime(Duration.ofSeconds(3))).acquireAsync(KEY);
            CompletableFuture<Lease> longer = a.ask(KEY);
            first.close();
            Lease granted = world.granted(shorter);
            granted.close();
            Lease second = world.granted(longer);
            assertThat(second.fencingToken()).isEqualTo(granted.fencingToken() + 1);
            assertThat(second.remaining()).isEqualTo(Duration.ofMillis(2_968));
            world.advanceMillis(50);
            assertThat(storeRemaining(world)).isEqualTo(Duration.ofMinutes(1));
            assertThat(second.remaining()).isEqualTo(Duration.ofMillis(59_398));
            second.close();
        }
    }

    /** An extension counts as well: what is passed on has the store's end. */
    @Test
    void anExtendedLeaseIsNotPassedToAWaiterWhoWantsLess() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> next = a.ask(KEY);
            CompletableFuture<Lease> last = a.ask(KEY);
            first.close();
            Lease extended = world.granted(next);
            extended.extend(Duration.ofMinutes(5));
            extended.close();
            Lease second = world.granted(last);
            assertThat(storeRemaining(world)).isEqualTo(Duration.ofMinutes(1));
            second.close();
        }
    }

    @Test
    void aLeaseWithoutRenewalThatIsPassedOnFromARenewedOneIsNotRenewed() {
        try (World world = new World()) {
            Lease passed = passedFromRenewed(world, world.instance("a"));
            world.advanceMillis(59_397);
            assertThat(passed.isValid()).isTrue();
            world.advanceMillis(1);
            assertThat(passed.state()).isEqualTo(LeaseState.LOST);
            world.advanceMillis(1_000);
        }
    }

    private static Lease passedFromRenewed(World world, Instance a) {
        Lease first = world.held(a, KEY);
        CompletableFuture<Lease> renewed =
                a.mutex().with(o -> o.autoRenew(Duration.ofHours(1))).acquireAsync(KEY);
        CompletableFuture<Lease> next = a.ask(KEY);
        first.close();
        world.granted(renewed).close();
        a.store().resetCounts();
        Lease passed = world.granted(next);
        assertThat(a.store().counts()).as("passed on").isEmpty();
        return passed;
    }

    @Test
    void aLeaseWithAMinimumHoldIsNotPassedOnWithLessLeft() {
        try (World world = new World()) {
            Instance b = world.instance("b");
            Lease first = world.held(world.instance("a"), KEY);
            CompletableFuture<Lease> asked = b.ask(KEY);
            CompletableFuture<Lease> kept =
                    b.mutex().with(o -> o.minimumHold(Duration.ofSeconds(30))).acquireAsync(KEY);
            world.time.runDue();
            first.close();
            Lease claimed = world.granted(asked);
            assertThat(storeRemaining(world)).isEqualTo(Duration.ofSeconds(2));
            claimed.close();
            Lease lease = world.granted(kept);
            assertThat(storeRemaining(world)).isEqualTo(Duration.ofMinutes(1));
            lease.close();
            world.advanceMillis(30_001);
        }
    }

    @Test
    void aStepThatReleasesAndAsksAnewSurvivesALostReplyAndALostRequest() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> second = a.ask(KEY);
            a.store().loseReplies(1, Operation.ACQUIRE);
            first.close();
            world.waits(second);
            world.advanceMillis(250);
            Lease held = world.granted(second);
            assertThat(first.state()).isEqualTo(LeaseState.RELEASED);
            CompletableFuture<Lease> third = a.ask(KEY);
            world.advanceMillis(1);
            a.store().failNext(2, Operation.ACQUIRE);
            held.close();
            world.advanceMillis(500);
            world.granted(third).close();
        }
    }

    @Test
    void whenAllGiveUpDuringThatStepTheLeaseIsReleasedAllTheSame() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> second = a.ask(KEY);
            a.store().failNext(1, Operation.ACQUIRE);
            first.close();
            world.waits(second);
            second.cancel(false);
            world.time.runDue();
            assertThat(world.server.contents().isEmpty()).isTrue();
        }
    }

    @Test
    void aTryIsRefusedWithoutAskingWhileThisInstanceHoldsTheKey() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease lease = world.held(a, KEY);
            a.store().resetCounts();
            assertThat(a.mutex().tryAcquire(KEY)).isEmpty();
            assertThat(a.store().counts()).isEmpty();
            lease.close();
        }
    }

    @Test
    void aTryDoesNotOvertakeThoseWhoWait() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Instance trying = world.instance(
                    "c", LockOptions.builder().waitTime(Duration.ZERO).build());
            Lease first = world.held(a, KEY);
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.advanceMillis(10);
            b.store().dropPushes();
            first.close();
            assertThat(world.failure(trying.ask(KEY))).hasMessageContaining("held by b for");
            world.advanceMillis(250);
            world.granted(asked).close();
        }
    }

    @Test
    void waitersAreCountedOnceForEachInstance() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease lease = world.held(a, KEY);
            List<CompletableFuture<Lease>> asked = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                asked.add(b.ask(KEY));
            }
            world.time.runDue();
            assertThat(a.mutex().inspect(KEY).orElseThrow().waiters()).isEqualTo(1);
            assertThat(b.store().count(Operation.ACQUIRE)).isEqualTo(1);
            lease.close();
            for (CompletableFuture<Lease> next : asked) {
                world.granted(next).close();
            }
        }
    }

    private static Duration storeRemaining(World world) {
        return world.look().remaining().orElseThrow();
    }
}
