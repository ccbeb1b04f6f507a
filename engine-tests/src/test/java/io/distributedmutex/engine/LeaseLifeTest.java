package io.distributedmutex.engine;

import static io.distributedmutex.engine.World.KEY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.testkit.FaultyLockStore.Call;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** Renewal, extension and every way to lose a lease. */
class LeaseLifeTest {

    private static final Duration HOUR = Duration.ofHours(1);
    private static final Predicate<Call> ALL = call -> true;

    @Test
    void aLeaseThatIsNotRenewedIsLostAtItsDeadlineBeforeTheStoreFreesTheKey() {
        try (World world = new World()) {
            Lease lease = world.held(world.instance("a"), KEY);
            List<Lease> heard = new ArrayList<>();
            lease.onLost(heard::add);
            CompletableFuture<LossReason> lost = lease.lost();
            world.advanceMillis(59_397);
            assertThat(lease.state()).isEqualTo(LeaseState.HELD);
            world.advanceMillis(1);
            assertThat(heard).containsExactly(lease);
            assertThat(lost).isCompletedWithValue(LossReason.EXPIRED);
            assertThat(lease.state()).isEqualTo(LeaseState.LOST);
            assertThat(lease.lossReason()).contains(LossReason.EXPIRED);
            assertThat(lease.release()).isFalse();
            assertThat(world.server.contents().heldKeys())
                    .as("the store is later")
                    .isNotEmpty();
            world.advanceMillis(603);
        }
    }

    @Test
    void aLeaseShowsItsKeyItsFencingTokenAndItsState() {
        try (World world = new World()) {
            Lease lease = world.held(world.instance("a"), "line\nbreak");
            assertThat(lease).hasToString("Lease[line\\u000Abreak, fencing token " + lease.fencingToken() + ", HELD]");
            lease.close();
            assertThat(lease.toString()).endsWith(", RELEASED]");
        }
    }

    @Test
    void aListenerAddedAfterTheLossIsCalledAtOnceAndOneOfAReleasedLeaseNever() {
        try (World world = new World()) {
            List<Lease> heard = new ArrayList<>();
            Lease lost = world.held(world.instance("a"), KEY);
            world.advanceMillis(60_001);
            lost.onLost(heard::add);
            world.time.runDue();
            assertThat(heard).containsExactly(lost);
            Lease released = world.held(world.instance("b"), KEY);
            CompletableFuture<LossReason> future = released.lost();
            released.onLost(heard::add);
            released.close();
            world.advanceMillis(60_000);
            assertThat(heard).containsExactly(lost);
            assertThat(future).isCancelled();
        }
    }

    @Test
    void aRenewedLeaseLivesUntilItsMaximumHoldAndThenFreesTheKeyAtOnce() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(3), Duration.ofSeconds(60)));
            Lease lease = world.held(a, KEY);
            world.advanceMillis(59_999);
            assertThat(lease.isValid()).isTrue();
            assertThat(a.store().count(Operation.RENEW))
                    .as("one each third of the lease")
                    .isEqualTo(59);
            world.advanceMillis(1);
            assertThat(lease.state()).isEqualTo(LeaseState.LOST);
            assertThat(lease.lossReason()).contains(LossReason.EXPIRED);
            assertThat(world.server.contents().heldKeys()).isEmpty();
        }
    }

    @Test
    void renewalStopsWithTheLease() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(3), HOUR));
            for (int i = 0; i < 100; i++) {
                world.held(a, KEY).close();
            }
            Lease lease = world.held(a, KEY);
            a.store().resetCounts();
            world.advanceMillis(30_500);
            assertThat(a.store().counts()).isEqualTo(java.util.Map.of(Operation.RENEW, 30));
            lease.close();
            a.store().resetCounts();
            world.advanceMillis(30_000);
            assertThat(a.store().counts()).isEmpty();
        }
    }

    @Test
    void failingRenewalPutsALeaseAtRiskAndASuccessMendsIt() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(6), HOUR));
            Lease lease = world.held(a, KEY);
            a.store().failNext(5, Operation.RENEW);
            world.advanceMillis(1_999);
            assertThat(lease.state()).isEqualTo(LeaseState.HELD);
            world.advanceMillis(1);
            assertThat(lease.state()).isEqualTo(LeaseState.AT_RISK);
            assertThat(lease.isValid()).isTrue();
            world.advanceMillis(5 * 250);
            assertThat(lease.state()).isEqualTo(LeaseState.HELD);
            lease.close();
        }
    }

    @Test
    void aStoreThatNeverAnswersPutsALeaseAtRiskAndItIsLostBeforeItsExpiry() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(6), HOUR));
            Lease lease = world.held(a, KEY);
            List<Duration> lostAt = new ArrayList<>();
            lease.onLost(lost -> lostAt.add(world.time.elapsed()));
            a.store().hangNext(1_000, ALL, Duration.ofSeconds(2));
            world.advanceMillis(3_100);
            assertThat(lease.state())
                    .as("no answer to the first for a sixth of the lease")
                    .isEqualTo(LeaseState.AT_RISK);
            world.advanceMillis(2_837);
            assertThat(lease.isValid()).isTrue();
            world.advanceMillis(1);
            assertThat(lostAt).containsExactly(Duration.ofMillis(5_938));
            a.store().heal();
            world.advanceMillis(3_000);
        }
    }

    @Test
    void aRenewalThatIsNotAnsweredIsRepeatedAfterAQuarterOfWhatIsLeft() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(6), HOUR));
            Lease lease = world.held(a, KEY);
            a.store().hangNext(1_000, Operation.RENEW, Duration.ofSeconds(60));
            world.advanceMillis(2_000);
            assertThat(renewalAfter(world, a)).isEqualTo(Duration.ofNanos(984_500_000));
            assertThat(renewalAfter(world, a)).isEqualTo(Duration.ofNanos(738_375_000));
            a.store().heal();
            lease.close();
            world.advanceMillis(60_000);
        }
    }

    @Test
    void aRenewalThatIsNotAnsweredIsRepeatedAfterASixthOfTheLeaseTimeIfMoreIsLeft() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(6), HOUR));
            Lease lease = world.held(a, KEY);
            lease.extend(Duration.ofSeconds(60));
            a.store().hangNext(1_000, Operation.RENEW, Duration.ofSeconds(10));
            world.advanceMillis(2_000);
            assertThat(renewalAfter(world, a)).isEqualTo(Duration.ofSeconds(1));
            a.store().heal();
            lease.close();
            world.advanceMillis(10_000);
        }
    }

    @Test
    void aRenewalThatFailsIsRepeatedAfterATwelfthOfAShortLeaseTime() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofMillis(1_200), HOUR));
            Lease lease = world.held(a, KEY);
            world.advanceMillis(399);
            a.store().failNext(2, Operation.RENEW);
            assertThat(renewalAfter(world, a)).isEqualTo(Duration.ofMillis(1));
            assertThat(renewalAfter(world, a)).isEqualTo(Duration.ofMillis(100));
            lease.close();
        }
    }

    @Test
    void anAnswerThatComesWhenTheNextRenewalIsDueIsFollowedByThatAtOnce() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(3), HOUR));
            Lease lease = world.held(a, KEY);
            a.store().holdReplies(1, Operation.RENEW);
            a.store().hangNext(2, Operation.RENEW, Duration.ofSeconds(60));
            world.advanceMillis(2_100);
            assertThat(a.store().count(Operation.RENEW)).isEqualTo(3);
            a.store().releaseHeld();
            world.time.runDue();
            assertThat(a.store().count(Operation.RENEW)).isEqualTo(4);
            assertThat(lease.remaining()).isEqualTo(Duration.ofMillis(2_968));
            lease.close();
            world.advanceMillis(60_000);
        }
    }

    /** The answer took a part of the lease: a sixteenth of it and 4 ms are borne, what is more is asked for anew. */
    @Test
    void aGrantWhoseAnswerTookLongIsExtendedAfter50Ms() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.options(Duration.ofSeconds(1)));
            world.advanceMillis(10_000);
            grantedAfter(world, a, 64).close();
            assertThat(a.store().count(Operation.RENEW)).isZero();
            Lease late = grantedAfter(world, a, 66);
            assertThat(a.store().count(Operation.RENEW)).isZero();
            world.advanceMillis(50);
            assertThat(a.store().count(Operation.RENEW)).isEqualTo(1);
            assertThat(late.remaining()).isEqualTo(Duration.ofMillis(988));
            late.close();
        }
    }

    private static Lease grantedAfter(World world, Instance instance, long millis) {
        instance.store().holdReplies(1, Operation.ACQUIRE);
        CompletableFuture<Lease> asked = instance.ask(KEY);
        world.advanceMillis(millis);
        instance.store().releaseHeld();
        return world.granted(asked);
    }

    @Test
    void aLeaseThatAPollMadeLongerThanItsHolderBelievesIsFreedAtItsDeadline() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b", World.options(Duration.ofSeconds(10)));
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.time.runDue();
            b.store().holdPushes();
            first.close();
            b.store().holdReplies(1, Operation.ACQUIRE);
            world.advanceMillis(250);
            b.store().failNext(1_000, Operation.RENEW);
            b.store().deliverPushes();
            Lease second = world.granted(asked);
            b.store().releaseHeld();
            assertThat(world.look().remaining().orElseThrow()).isGreaterThan(Duration.ofSeconds(9));
            world.advanceMillis(2_000);
            assertThat(second.lossReason()).contains(LossReason.EXPIRED);
            assertThat(world.server.contents().heldKeys()).isEmpty();
        }
    }

    /** How long it takes until the next renewal is sent. */
    private static Duration renewalAfter(World world, Instance instance) {
        int before = instance.store().count(Operation.RENEW);
        Duration start = world.time.elapsed();
        while (instance.store().count(Operation.RENEW) == before) {
            assertThat(world.time.elapsed().minus(start)).isLessThan(Duration.ofSeconds(3));
            world.time.advance(Duration.ofNanos(125_000));
        }
        return world.time.elapsed().minus(start);
    }

    @Test
    void oneHungKeyDoesNotDelayTheRenewalOfAnother() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(3), HOUR));
            Lease hung = world.held(a, "hung");
            Lease sound = world.held(a, "sound");
            a.store().hangNext(10_000, call -> call.key().equals("hung"), Duration.ofSeconds(2));
            world.advanceMillis(10_000);
            assertThat(hung.state()).isEqualTo(LeaseState.LOST);
            assertThat(sound.state()).isEqualTo(LeaseState.HELD);
            sound.close();
            a.store().heal();
            world.advanceMillis(3_000);
        }
    }

    @Test
    void aRenewalThatArrivesAfterTheDeadlineResurrectsNothingAndFreesTheKey() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(3), HOUR));
            Lease lease = world.held(a, KEY);
            a.store().holdReplies(100, Operation.RENEW);
            world.advanceMillis(2_968);
            assertThat(lease.state()).isEqualTo(LeaseState.LOST);
            a.store().heal();
            assertThat(lease.state()).isEqualTo(LeaseState.LOST);
            world.advanceMillis(3_000);
        }
    }

    @Test
    void theHolderLearnsAtItsNextRenewalWhatBecameOfItsKey() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(3), HOUR));
            Lease deleted = world.held(a, KEY);
            Lease unharmed = world.held(a, "other");
            world.server.delete(KEY);
            world.advanceMillis(1_000);
            assertThat(deleted.lossReason()).contains(LossReason.REVOKED);
            assertThat(unharmed.isValid()).isTrue();

            Lease forced = world.held(a, KEY);
            Instance b = world.instance("b");
            CompletableFuture<Lease> next = b.ask(KEY);
            world.time.runDue();
            assertThat(b.mutex().forceRelease(KEY).orElseThrow().holder()).contains("a");
            Lease taken = world.granted(next);
            world.advanceMillis(1_000);
            assertThat(forced.lossReason()).contains(LossReason.TAKEN);
            assertThat(taken.release()).isTrue();
            unharmed.close();

            Lease flushed = world.held(a, KEY);
            world.server.loseData();
            world.advanceMillis(1_000);
            assertThat(flushed.lossReason()).contains(LossReason.STORE_LOST);
        }
    }

    @Test
    void fencingTokensRiseEvenWhenTheStoreLosesItsData() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease before = world.held(a, KEY);
            before.close();
            world.server.loseData();
            world.advanceMillis(1);
            Lease after = world.held(a, KEY);
            assertThat(after.fencingToken()).isGreaterThan(before.fencingToken());
            after.close();
        }
    }

    @Test
    void aLateReleaseHarmsNobodyAndTheHolderIsToldByAllMeans() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease old = world.held(a, KEY);
            List<Lease> heard = new ArrayList<>();
            old.onLost(heard::add);
            world.server.delete(KEY);
            Lease successor = world.held(b, KEY);
            old.close();
            world.time.runDue();
            assertThat(old.state()).isEqualTo(LeaseState.LOST);
            assertThat(old.lossReason()).contains(LossReason.TAKEN);
            assertThat(heard).containsExactly(old);
            assertThat(successor.release()).isTrue();

            Lease revoked = world.held(a, KEY);
            world.server.delete(KEY);
            assertThat(revoked.release()).isFalse();
            assertThat(revoked.lossReason()).contains(LossReason.REVOKED);
        }
    }

    @Test
    void extendSetsTheRemainingTime() {
        try (World world = new World()) {
            Lease lease = world.held(world.instance("a"), KEY);
            lease.extend(Duration.ofSeconds(120));
            assertThat(world.look().remaining()).contains(Duration.ofSeconds(120));
            assertThat(lease.remaining()).isEqualTo(Duration.ofMillis(118_798));
            world.advanceMillis(118_798);
            assertThat(lease.state()).isEqualTo(LeaseState.LOST);
            assertThatExceptionOfType(LeaseLostException.class)
                    .isThrownBy(() -> lease.extend(Duration.ofSeconds(10)))
                    .withMessage("the lease on 'tenant:1' cannot be extended: it was lost (EXPIRED)")
                    .satisfies(e -> assertThat(e.reason()).contains(LossReason.EXPIRED));
            world.advanceMillis(1_300);
        }
    }

    @Test
    void ensureExtendsUntilTheMaximumHoldAndSaysThatThisIsNotEnough() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(3), Duration.ofSeconds(10)));
            Lease lease = world.held(a, KEY);
            world.advanceMillis(6_500);
            lease.ensure(Duration.ofMillis(3_500));
            assertThatExceptionOfType(LeaseLostException.class)
                    .isThrownBy(() -> lease.ensure(Duration.ofSeconds(5)))
                    .withMessage("the lease on 'tenant:1' cannot last for 5 s still: its maximum hold of 10 s"
                            + " ends in 3.5 s")
                    .satisfies(e -> assertThat(e.reason()).contains(LossReason.EXPIRED));
            assertThat(lease.isValid()).isTrue();
            a.store().failNext(1_000, Operation.RENEW);
            world.advanceMillis(3_499);
            assertThat(lease.isValid()).as("extended as far as it may").isTrue();
            world.advanceMillis(1);
            assertThat(lease.state()).isEqualTo(LeaseState.LOST);
        }
    }

    @Test
    void ensureAsksTheStoreOnlyWhenLessRemains() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease lease = world.held(a, KEY);
            lease.ensure(Duration.ofSeconds(59));
            assertThat(a.store().count(Operation.RENEW)).isZero();
            world.advanceMillis(30_000);
            lease.ensure(Duration.ofSeconds(40));
            assertThat(a.store().count(Operation.RENEW)).isEqualTo(1);
            assertThat(lease.remaining()).isGreaterThanOrEqualTo(Duration.ofSeconds(59));
            Duration enough = lease.remaining();
            lease.ensure(enough);
            assertThat(a.store().count(Operation.RENEW)).isEqualTo(1);
            lease.ensure(Duration.ofSeconds(60));
            // 60 s, 10 ms and a fiftieth of 60 s, less the margin.
            assertThat(lease.remaining()).isEqualTo(Duration.ofNanos(60_595_900_000L));
            lease.close();
        }
    }

    @Test
    void anExtensionNeverShortens() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.options(Duration.ofSeconds(60)));
            Lease lease = world.held(a, KEY);
            Duration before = lease.remaining();
            lease.extend(Duration.ofSeconds(5));
            assertThat(a.store().count(Operation.RENEW))
                    .as("asked whether it is held")
                    .isEqualTo(1);
            assertThat(lease.remaining()).isEqualTo(before);
            assertThat(world.look().remaining()).contains(Duration.ofSeconds(60));
            world.server.delete(KEY);
            assertThatExceptionOfType(LeaseLostException.class).isThrownBy(() -> lease.extend(Duration.ofSeconds(5)));
        }
    }

    /** The key would stay taken until the end of an extension that its holder does not know of. */
    @Test
    void anExtensionThatTookEffectThoughItFailedDoesNotOutliveTheLease() {
        try (World world = new World()) {
            Instance a = world.instance(
                    "a",
                    World.options(Duration.ofSeconds(10)).toBuilder()
                            .waitTime(Duration.ZERO)
                            .build());
            Lease lease = world.held(a, KEY);
            a.store().loseReplies(1, Operation.RENEW);
            assertThatExceptionOfType(StoreUnreachableException.class)
                    .isThrownBy(() -> lease.extend(Duration.ofMinutes(5)));
            assertThat(world.look().remaining()).contains(Duration.ofMinutes(5));
            world.advanceMillis(10_000);
            assertThat(lease.state()).isEqualTo(LeaseState.LOST);
            assertThat(world.server.contents().heldKeys()).isEmpty();
        }
    }

    /** What is planned for the lease time goes on, whatever the user asks for meanwhile. */
    @Test
    void aShortExtensionDoesNotKeepAGrantByPushFromItsLeaseTime() {
        try (World world = new World()) {
            Lease first = world.held(world.instance("a"), KEY);
            Instance b = world.instance("b", World.options(Duration.ofSeconds(60)));
            CompletableFuture<Lease> asked = b.ask(KEY);
            world.waits(asked);
            first.close();
            Lease lease = world.granted(asked);
            lease.extend(Duration.ofSeconds(1));
            world.advanceMillis(60);
            assertThat(world.look().remaining().orElseThrow()).isGreaterThan(Duration.ofSeconds(59));
            lease.close();
        }
    }

    @Test
    void aReleaseIsRepeatedUntilTheLeaseEndsAndThenReportedAsUnconfirmed() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.options(Duration.ofSeconds(2)));
            Lease mended = world.held(a, KEY);
            a.store().failNext(3, Operation.RELEASE);
            mended.close();
            assertThat(mended.isValid()).as("not waiting costs no safety").isFalse();
            world.advanceMillis(750);
            assertThat(world.server.contents().heldKeys()).isEmpty();

            Lease unconfirmed = world.held(a, KEY);
            CompletableFuture<LossReason> lost = unconfirmed.lost();
            a.store().failNext(1_000, Operation.RELEASE);
            unconfirmed.close();
            world.advanceMillis(1_700);
            assertThat(lost).as("it may turn out that it was lost").isNotDone();
            world.advanceMillis(301);
            assertThat(unconfirmed.state()).isEqualTo(LeaseState.RELEASED);
            assertThat(lost).isCancelled();
            assertThat(unconfirmed.lost()).isCancelled();
            assertThat(a.store().count(Operation.RELEASE)).isBetween(10, 14);
            a.store().heal();
        }
    }

    @Test
    void aReleaseThatFailedIsRepeatedAtOnceWhenTheConnectionIsBackAndOnlyOnce() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease lease = world.held(a, KEY);
            CompletableFuture<Lease> waiting = b.ask(KEY);
            a.store().failNext(1, Operation.RELEASE);
            lease.close();
            world.waits(waiting);
            a.store().announceReconnection();
            world.granted(waiting).close();
            assertThat(world.time.pendingTimers()).isZero();
            world.advanceMillis(1_000);
            assertThat(a.store().count(Operation.RELEASE)).isEqualTo(2);
            assertThat(lease.state()).isEqualTo(LeaseState.RELEASED);
        }
    }

    @Test
    void aRepeatedReleaseToAStoreThatLostItsDataTellsOfTheLoss() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease lease = world.held(a, KEY);
            a.store().failNext(1, Operation.RELEASE);
            lease.close();
            world.time.runDue();
            world.server.loseData();
            world.advanceMillis(250);
            assertThat(lease.state()).isEqualTo(LeaseState.LOST);
            assertThat(lease.lossReason()).contains(LossReason.STORE_LOST);
        }
    }

    @Test
    void closingWakesWaitersAndTakesWhatIsHeld() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease lease = world.held(a, KEY);
            CompletableFuture<Lease> here = a.ask(KEY);
            CompletableFuture<Lease> there = b.ask(KEY);
            world.time.runDue();
            a.mutex().close();
            assertThat(world.failure(here))
                    .isInstanceOf(MutexClosedException.class)
                    .hasMessage("'tenant:1' not acquired: closed while waiting");
            assertThat(lease.lossReason()).contains(LossReason.CLOSED);
            world.granted(there).close();
            assertThatExceptionOfType(MutexClosedException.class)
                    .isThrownBy(() -> a.mutex().tryAcquire(KEY));
        }
    }

    @Test
    void closingKeepsAKeyForItsMinimumHold() {
        try (World world = new World()) {
            Instance a = world.instance(
                    "a",
                    LockOptions.builder().minimumHold(Duration.ofSeconds(30)).build());
            Lease lease = world.held(a, KEY);
            world.advanceMillis(10_000);
            a.mutex().close();
            assertThat(lease.lossReason()).contains(LossReason.CLOSED);
            assertThat(world.look().remaining()).contains(Duration.ofSeconds(20));
            world.advanceMillis(20_001);
        }
    }

    @Test
    void aLeaseWhoseDeadlineHasPassedWhenItsInstanceClosesHasExpired() {
        try (World world = new World()) {
            PassingTime time = new PassingTime(world.time);
            Instance a = world.instance("a", World.options(Duration.ofSeconds(1)), time);
            Lease lease = world.held(a, KEY);
            time.sleep(Duration.ofSeconds(2));
            a.mutex().close();
            assertThat(lease.lossReason()).contains(LossReason.EXPIRED);
            world.advanceMillis(2_000);
        }
    }

    @Test
    void aKeyThatBecomesOneOfAnotherTypeIsALossThatTheNextRenewalTells() {
        try (World world = new World()) {
            Lease lease = world.held(world.instance("a", World.renewed(Duration.ofSeconds(3), HOUR)), KEY);
            CompletableFuture<LossReason> lost = lease.lost();
            world.server.putWrongType(KEY);
            world.advanceMillis(1_000);
            assertThat(lost).isCompletedWithValue(LossReason.TAKEN);
            world.server.delete(KEY);
        }
    }

    @Test
    void aKeyOfAnotherTypeIsAClearErrorAndIsLeftAlone() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            world.server.putWrongType(KEY);
            assertThat(world.failure(a.ask(KEY)))
                    .isInstanceOfSatisfying(
                            StoreRefusedException.class,
                            e -> assertThat(e.reason()).isEqualTo(StoreRefusedException.Reason.WRONG_TYPE));
            world.server.delete(KEY);
            assertThat(world.server.contents().isEmpty()).isTrue();
        }
    }
}
