package io.distributedmutex.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.Deadlock;
import io.distributedmutex.DeadlockException;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.Timer;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Owners of many instances wait for each other. */
class DeadlockTest {

    private final DeadlockWorld deadlocks = new DeadlockWorld();
    private final World world = deadlocks.world;
    private final List<Deadlock> reports = deadlocks.reports;
    private final List<Lease> leases = deadlocks.leases;
    private final List<CompletableFuture<Lease>> waits = deadlocks.waits;

    @AfterEach
    void nothingIsLeft() {
        deadlocks.close();
    }

    private Instance instance(String label) {
        return deadlocks.instance(label);
    }

    private Instance instance(String label, OnDeadlock reaction) {
        return deadlocks.instance(label, reaction);
    }

    private Instance instance(String label, OnDeadlock reaction, Environment environment) {
        return deadlocks.instance(label, reaction, environment);
    }

    private Lease holds(Instance instance, String owner, String key) {
        return deadlocks.holds(instance, owner, key);
    }

    private CompletableFuture<Lease> waitsFor(Instance instance, String owner, String key) {
        return deadlocks.waitsFor(instance, owner, key);
    }

    private List<String> described() {
        return deadlocks.described();
    }

    // ---- what is found

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 5, 64})
    void aCircleThroughManyInstancesIsToldOnceByTheYoungestWaitWithinASecond(int size) {
        List<Instance> instances = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            instances.add(instance("i" + i));
            holds(instances.get(i), "o" + i, "k" + i);
        }
        world.advanceMillis(3_000);
        for (int i = 0; i < size; i++) {
            waitsFor(instances.get(i), "o" + i, "k" + (i + 1) % size);
        }
        world.advanceMillis(997);
        assertThat(reports).isEmpty();
        world.advanceMillis(5);

        assertThat(reports).hasSize(1);
        Deadlock circle = reports.get(0);
        int last = size - 1;
        assertThat(DeadlockWorld.description(circle)).startsWith("i" + last + "/o" + last + ">k0 i0/o0>k1");
        assertThat(circle.waits()).hasSize(size);
        assertThat(circle.waits().get(0).waited()).isEqualTo(Duration.ofSeconds(1));
        assertThat(circle.waits().get(0).held()).isGreaterThan(Duration.ofSeconds(3));
        assertThat(circle.waits().get(0).fencingToken()).isEqualTo(leases.get(0).fencingToken());
        world.advanceMillis(60_000);
        assertThat(reports).as("told once").hasSize(1);
    }

    /** What is passed from owner to owner within an instance needs no message. */
    @Test
    void aCircleMayGoThroughAnInstanceMoreThanOnce() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        holds(a, "2", "k2");
        holds(b, "3", "k3");
        holds(a, "4", "k4");
        waitsFor(a, "1", "k2");
        waitsFor(a, "2", "k3");
        waitsFor(b, "3", "k4");
        waitsFor(a, "4", "k1");
        world.advanceMillis(1_100);
        assertThat(described()).containsExactly("a/4>k1 a/1>k2 a/2>k3 b/3>k4");
    }

    /** Of waits that began in one millisecond, the name says which is the younger. Messages cross each other. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void ofWaitsThatBeganTogetherOneGivesUp(int run) {
        List<Instance> both = List.of(instance("a" + run, OnDeadlock.FAIL), instance("b", OnDeadlock.FAIL));
        holds(both.get(0), "1", "k1");
        holds(both.get(1), "2", "k2");
        deadlocks.waitsAtOnce(both.get(0), "1", "k2");
        deadlocks.waitsAtOnce(both.get(1), "2", "k1");
        both.forEach(instance -> instance.store().holdPushes());
        world.advanceMillis(1_000);
        for (int hop = 0; hop < 10; hop++) {
            for (Instance instance : both) {
                instance.store().deliverPushes();
                instance.store().holdPushes();
            }
        }
        world.time.runDue();
        assertThat(reports).hasSize(1);
        assertThat(waits).filteredOn(wait -> wait.isCompletedExceptionally()).hasSize(1);
        both.forEach(instance -> instance.store().deliverPushes());
    }

    @Test
    void aCircleWithinAnInstanceNeedsNoMessage() {
        Instance a = instance("a");
        holds(a, "1", "k1");
        holds(a, "2", "k2");
        waitsFor(a, "2", "k1");
        waitsFor(a, "1", "k2");
        world.advanceMillis(1_100);
        assertThat(described()).containsExactly("a/1>k2 a/2>k1");
        assertThat(a.store().count(Operation.SEND)).isZero();
    }

    @Test
    void anOwnerThatWaitsForItsOwnKeyIsTheSmallestCircle() {
        Instance a = instance("a", OnDeadlock.FAIL);
        holds(a, "1", "k1");
        CompletableFuture<Lease> again = waitsFor(a, "1", "k1");
        world.advanceMillis(1_100);
        assertThat(world.failure(again))
                .isInstanceOf(DeadlockException.class)
                .hasMessageMatching(
                        "'k1' not acquired: deadlock: a \\(1\\) has waited 1 s for 'k1', held by itself for 1 s");
        assertThat(described()).containsExactly("a/1>k1");
    }

    @Test
    void anOwnerThatWaitsForSeveralKeysIsStuckIfOneOfThemIsPartOfACircle() {
        Instance a = instance("a");
        Instance b = instance("b");
        Instance c = instance("c");
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        holds(c, "3", "k3");
        waitsFor(b, "2", "k1");
        waitsFor(a, "1", "k3");
        waitsFor(a, "1", "k2");
        world.advanceMillis(1_100);
        assertThat(described()).containsExactly("a/1>k2 b/2>k1");
    }

    @Test
    void twoCirclesThroughOneWaitAreBothTold() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        holds(a, "1", "k0");
        holds(b, "2", "k2");
        waitsFor(b, "2", "k1");
        waitsFor(b, "2", "k0");
        waitsFor(a, "1", "k2");
        world.advanceMillis(1_100);
        assertThat(described()).containsExactlyInAnyOrder("a/1>k2 b/2>k1", "a/1>k2 b/2>k0");
    }

    /** A circle closes by a grant, too: who holds the key when the wait has begun long ago. */
    @Test
    void aCircleThatAHandOffClosesIsFoundByARepeatedProbe() {
        Instance a = instance("a");
        Instance b = instance("b");
        Instance c = instance("c");
        holds(a, "1", "k1");
        Lease first = holds(c, "first", "k2");
        CompletableFuture<Lease> next = waitsFor(b, "2", "k2");
        waitsFor(b, "2", "k1");
        waitsFor(a, "1", "k2");
        world.advanceMillis(3_000);
        assertThat(reports).isEmpty();
        first.close();
        world.granted(next);
        world.advanceMillis(3_000);
        assertThat(described()).containsExactly("a/1>k2 b/2>k1");
    }

    @Test
    void aWaiterOutsideTheCircleTellsNothing() {
        Instance a = instance("a");
        Instance b = instance("b");
        Instance c = instance("c");
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        holds(c, "3", "k3");
        waitsFor(a, "1", "k2");
        waitsFor(b, "2", "k1");
        waitsFor(c, "3", "k1");
        world.advanceMillis(60_000);
        assertThat(described()).containsExactly("b/2>k1 a/1>k2");
    }

    /** Which wait is the youngest is for the clocks of the machines to say; that there is one does not depend on them. */
    @ParameterizedTest
    @ValueSource(longs = {-3_600_000, -1_000, 1_000, 3_600_000})
    void clocksThatDifferChangeWhoFindsItAndNothingElse(long skewMillis) {
        Instance a = instance("a", OnDeadlock.FAIL, new Skewed(world.time.newEnvironment(), skewMillis));
        Instance b = instance("b", OnDeadlock.FAIL);
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        CompletableFuture<Lease> older = waitsFor(a, "1", "k2");
        CompletableFuture<Lease> younger = waitsFor(b, "2", "k1");
        world.advanceMillis(1_100);
        assertThat(reports).hasSize(1);
        assertThat(world.failure(skewMillis > 0 ? older : younger)).isInstanceOf(DeadlockException.class);
        world.waits(skewMillis > 0 ? younger : older);
    }

    // ---- what becomes of it

    @Test
    void failEndsOneWaitAndTheOthersGoOn() {
        Instance a = instance("a", OnDeadlock.FAIL);
        Instance b = instance("b", OnDeadlock.FAIL);
        Instance c = instance("c", OnDeadlock.FAIL);
        Lease first = holds(a, "1", "k1");
        Lease second = holds(b, "2", "k2");
        Lease third = holds(c, "3", "k3");
        CompletableFuture<Lease> one = waitsFor(a, "1", "k2");
        CompletableFuture<Lease> two = waitsFor(b, "2", "k3");
        CompletableFuture<Lease> three = waitsFor(c, "3", "k1");
        world.advanceMillis(1_100);

        assertThat(world.failure(three)).isInstanceOfSatisfying(DeadlockException.class, failure -> {
            assertThat(DeadlockWorld.description(failure.circle())).isEqualTo("c/3>k1 a/1>k2 b/2>k3");
            assertThat(failure.key()).isEqualTo("k1");
            assertThat(failure.holder()).contains("a");
            assertThat(failure)
                    .isInstanceOf(LockNotAcquiredException.class)
                    .hasMessageStartingWith("'k1' not acquired");
        });
        assertThat(reports).hasSize(1);
        world.waits(one);
        world.waits(two);
        third.close();
        world.granted(two).close();
        second.close();
        world.granted(one).close();
        first.close();
        world.advanceMillis(60_000);
        assertThat(reports).hasSize(1);
    }

    @Test
    void reportLeavesAllWaiting() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        waitsFor(a, "1", "k2");
        waitsFor(b, "2", "k1");
        world.advanceMillis(60_000);
        assertThat(reports).hasSize(1);
        waits.forEach(world::waits);
    }

    @Test
    void ignoreTakesNoPart() {
        Instance a = instance("a", OnDeadlock.IGNORE);
        Instance b = instance("b");
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        waitsFor(b, "2", "k1");
        waitsFor(a, "1", "k2");
        world.advanceMillis(60_000);
        assertThat(reports).isEmpty();
        assertThat(a.store().count(Operation.SEND)).isZero();
    }

    // ---- what it costs

    @Test
    void nothingIsSentBeforeASecondNorForAnOwnerThatHoldsNothing() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        waitsFor(a, "1", "k2");
        waitsFor(b, "idle", "k1");
        world.advanceMillis(990);
        assertThat(a.store().count(Operation.SEND)).isZero();
        world.advanceMillis(60_000);
        assertThat(a.store().count(Operation.SEND)).as("growing pauses").isBetween(18, 26);
        assertThat(b.store().count(Operation.SEND)).isZero();
    }

    @Test
    void messagesHaveALimit() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(b, "other", "theirs");
        for (int i = 0; i < 1_000; i++) {
            holds(a, "o" + i, "k" + i);
            waits.add(a.mutex().owner("o" + i).acquireAsync("theirs"));
        }
        world.advanceMillis(999);
        a.store().resetCounts();
        world.advanceMillis(1);
        assertThat(a.store().count(Operation.SEND)).isEqualTo(200);
    }

    /** Where each owner waits for two keys of the next, there are 2^10 ways through ten of them. */
    @Test
    void aWaitPassesEachProbeOnOnce() {
        List<Instance> instances = new ArrayList<>();
        for (int i = 0; i <= 10; i++) {
            instances.add(instance("i" + i));
            holds(instances.get(i), "o" + i, "a" + i);
            holds(instances.get(i), "o" + i, "b" + i);
        }
        for (int i = 9; i >= 0; i--) {
            waitsFor(instances.get(i), "o" + i, "a" + (i + 1));
            waitsFor(instances.get(i), "o" + i, "b" + (i + 1));
        }
        instances.forEach(instance -> instance.store().resetCounts());
        world.advanceMillis(1_100);
        // Each of the 20 waits sends a probe of its own, and passes on those of the younger ones.
        assertThat(instances.get(9).store().count(Operation.SEND)).isBetween(20, 2 * 20);
        assertThat(reports).isEmpty();
    }

    @Test
    void aCircleOfMoreThan64WaitsIsNotFollowed() {
        Instance a = instance("a");
        int size = 65;
        for (int i = 0; i < size; i++) {
            holds(a, "o" + i, "k" + i);
        }
        for (int i = 0; i < size; i++) {
            waitsFor(a, "o" + i, "k" + (i + 1) % size);
        }
        world.advanceMillis(20_000);
        assertThat(reports).isEmpty();
    }

    @Test
    void ofManyCirclesThroughOneWaitSixteenAreTold() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        for (int i = 0; i < 20; i++) {
            holds(a, "1", "k1-" + i);
        }
        holds(b, "2", "k2");
        for (int i = 0; i < 20; i++) {
            waitsFor(b, "2", "k1-" + i);
        }
        waitsFor(a, "1", "k2");
        world.advanceMillis(60_000);
        assertThat(reports).hasSize(16);
    }

    // ---- no false alarm

    @Test
    void aChainThatEndsSomewhereIsNoDeadlock() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        holds(a, "3", "k3");
        waitsFor(a, "1", "k2");
        waitsFor(b, "2", "k3");
        world.advanceMillis(60_000);
        assertThat(reports).isEmpty();
    }

    @Test
    void ownersOfOneNameInTwoInstancesAreTwo() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "same", "k1");
        waitsFor(b, "same", "k1");
        world.advanceMillis(5_000);
        assertThat(reports).isEmpty();
    }

    @Test
    void aLeaseWithoutAnOwnerEndsAProbe() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        leases.add(world.held(b, "k2"));
        waitsFor(a, "1", "k2");
        waits.add(b.ask("k1"));
        world.advanceMillis(60_000);
        assertThat(reports).isEmpty();
    }

    @Test
    void aForeignHolderIsAskedNothing() {
        Instance a = instance("a");
        holds(a, "1", "k1");
        world.server.putForeign("k2", Duration.ofMinutes(1));
        waitsFor(a, "1", "k2");
        world.advanceMillis(30_000);
        assertThat(a.store().count(Operation.SEND)).isZero();
        world.server.delete("k2");
    }

    /** It listens to no messages, so it hears of nothing; what goes through it is not found, and all else is. */
    @Test
    void anOlderVersionBesideNewOnesEndsProbes() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        holds(b, "3", "k3");
        try (Stranger old = new Stranger(world)) {
            old.takes("old");
            old.stopsListening();
            waitsFor(a, "1", "old");
            waitsFor(b, "3", "k1");
            world.advanceMillis(5_000);
            assertThat(reports).isEmpty();
            waitsFor(b, "2", "k1");
            waitsFor(a, "1", "k2");
            world.advanceMillis(1_100);
            assertThat(described()).containsExactly("a/1>k2 b/2>k1");
            old.releases("old");
        }
    }

    @Test
    void anInstanceThatIsGoneEndsAProbe() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        waitsFor(b, "2", "k1");
        waitsFor(a, "1", "k2");
        b.store().dropPushes();
        world.advanceMillis(30_000);
        assertThat(reports).isEmpty();
    }

    /** The edges stood one after the other, but never all at once. */
    @Test
    void aHandOffBetweenTheRoundsMakesNoPhantom() {
        Instance a = instance("a");
        Instance b = instance("b");
        Instance c = instance("c");
        holds(a, "1", "k1");
        Lease given = holds(b, "2", "k2");
        CompletableFuture<Lease> ends = waitsFor(b, "2", "k1");
        waitsFor(a, "1", "k2");
        // The first round comes home; the message of the second one is held back before it gets to b.
        world.advanceMillis(990);
        a.store().holdPushes();
        world.advanceMillis(20);
        b.store().holdPushes();
        a.store().deliverPushes();
        assertThat(reports).isEmpty();
        // The circle is broken, and k2 goes to somebody who waits for k1 just as b's owner did.
        ends.cancel(false);
        CompletableFuture<Lease> next = waitsFor(c, "3", "k2");
        given.close();
        b.store().deliverPushes();
        world.advanceMillis(200);
        assertThat(reports).isEmpty();
        assertThat(next).isNotNull();
    }

    /** Its holder does not know yet that it is evicted, and confirms; the wait that has ended so meanwhile tells of nothing. */
    @ParameterizedTest
    @EnumSource(
            value = OnDeadlock.class,
            names = {"REPORT", "FAIL"})
    void aWaitThatIsGrantedItsKeyInTheLastMomentTellsNothing(OnDeadlock reaction) {
        Instance a = instance("a", reaction);
        Instance b = instance("b", reaction);
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        CompletableFuture<Lease> older = waitsFor(b, "2", "k1");
        CompletableFuture<Lease> granted = waitsFor(a, "1", "k2");
        world.advanceMillis(990);
        a.store().holdPushes();
        world.advanceMillis(9);
        b.store().holdPushes();
        world.advanceMillis(1);
        // The first round is held back on its way to b; then the second; then what b has confirmed, behind the grant.
        b.store().deliverPushes();
        b.store().holdPushes();
        a.store().deliverPushes();
        a.store().holdPushes();
        instance("c").mutex().forceRelease("k2");
        b.store().deliverPushes();
        assertThat(reports).isEmpty();
        a.store().deliverPushes();
        world.granted(granted).close();
        world.advanceMillis(20_000);
        assertThat(reports).isEmpty();
        world.waits(older);
    }

    @Test
    void aWaitThatEndedIsNoPartOfACircle() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        CompletableFuture<Lease> over = waitsFor(b, "2", "k1");
        world.advanceMillis(2_000);
        over.cancel(false);
        waitsFor(a, "1", "k2");
        world.advanceMillis(60_000);
        assertThat(reports).isEmpty();
    }

    // ---- messages that are lost, late or repeated

    @Test
    void lostMessagesAreSentAgain() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        a.store().dropPushes();
        waitsFor(b, "2", "k1");
        waitsFor(a, "1", "k2");
        world.advanceMillis(5_000);
        assertThat(reports).isEmpty();
        a.store().deliverPushes();
        world.advanceMillis(5_000);
        assertThat(described()).containsExactly("a/1>k2 b/2>k1");
    }

    @Test
    void aRepeatedMessageRepeatsNothing() {
        Instance a = instance("a", OnDeadlock.FAIL);
        Instance b = instance("b", OnDeadlock.FAIL);
        a.store().repeatPushes();
        b.store().repeatPushes();
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        CompletableFuture<Lease> older = waitsFor(b, "2", "k1");
        CompletableFuture<Lease> younger = waitsFor(a, "1", "k2");
        world.advanceMillis(5_000);
        assertThat(reports).hasSize(1);
        assertThat(world.failure(younger)).isInstanceOf(DeadlockException.class);
        world.waits(older);
    }

    @Test
    void aConfirmationOfAnEarlierProbeTellsNothing() {
        // The fourth probe is sent 2.4 s after the first, and a moment before the confirmation of the first comes.
        aLateConfirmationTellsNothing(1, 2_400);
    }

    @Test
    void aConfirmationThatTookLongTellsNothing() {
        // There are 3 s until the next probe.
        aLateConfirmationTellsNothing(8, 2_400);
    }

    private void awaitSent(Instance instance, int messages) {
        for (int millis = 0; instance.store().count(Operation.SEND) < messages; millis++) {
            assertThat(millis).as("until %d messages are sent", messages).isLessThan(60_000);
            world.advanceMillis(1);
        }
    }

    private void aLateConfirmationTellsNothing(int probe, long lateMillis) {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        CompletableFuture<Lease> other = waitsFor(b, "2", "k1");
        a.store().dropPushes();
        waitsFor(a, "1", "k2");
        // The older wait sends its own just before, and has passed on all but the latest.
        awaitSent(b, 2 * probe - 1);
        a.store().holdPushes();
        awaitSent(a, probe);
        // The first round comes home, and the second is held back there.
        b.store().holdPushes();
        a.store().deliverPushes();
        a.store().holdPushes();
        b.store().deliverPushes();
        assertThat(a.store().count(Operation.SEND)).isEqualTo(probe + 1);
        other.cancel(false);
        world.advanceMillis(lateMillis);
        a.store().deliverPushes();
        world.advanceMillis(20_000);
        assertThat(reports).isEmpty();
    }

    // ---- limits

    @Test
    void aNameOfAnOwnerIsText() {
        DistributedMutex mutex = instance("a").mutex();
        assertThatThrownBy(() -> mutex.owner("")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> mutex.owner(null)).isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> mutex.owner("x".repeat(129)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("owner must have at most 128 characters, but has 129");
        assertThatThrownBy(() -> mutex.owner("\uD800")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theTimeUntilAWaitIsLookedAtHasBounds() {
        DistributedMutex.Builder builder = DistributedMutex.builder(world.server.sibling());
        assertThatThrownBy(() -> builder.deadlocksAfter(Duration.ofMillis(9)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("deadlocksAfter");
        assertThatThrownBy(() -> builder.deadlocksAfter(Duration.ofHours(2)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> builder.deadlocks(null)).isInstanceOf(NullPointerException.class);
    }

    /** Who waits has an outcome at once, and says so on a callback thread, which may be late. */
    @Test
    void aWaitThatHasEndedAndDoesNotKnowItYetIsNoPartOfACircle() {
        Instance a = instance("a");
        LateEnvironment late = new LateEnvironment(world.time.newEnvironment(), 0);
        Instance b = instance("b", OnDeadlock.REPORT, late);
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        waits.add(b.mutex()
                .with(options -> options.waitTime(Duration.ofSeconds(3)))
                .owner("2")
                .acquireAsync("k1"));
        // Keeps its instance asking for that key.
        waitsFor(b, "idle", "k1");
        world.advanceMillis(2_500);
        waitsFor(a, "1", "k2");
        late.callbacks(true);
        world.advanceMillis(2_000);
        assertThat(reports).isEmpty();
        late.callbacks(false);
    }

    /** The holder believes less than the store; in between it has no lease any more, though its timer may be late. */
    @Test
    void aLeaseThatIsOverIsNoPartOfACircle() {
        Instance a = instance("a");
        Instance b = instance("b", OnDeadlock.REPORT, new LateEnvironment(world.time.newEnvironment(), 100));
        holds(a, "1", "k1");
        leases.add(world.granted(b.mutex()
                .with(options -> options.leaseTime(Duration.ofSeconds(10)))
                .owner("2")
                .acquireAsync("k2")));
        waitsFor(b, "2", "k1");
        world.advanceMillis(8_950);
        CompletableFuture<Lease> next = waitsFor(a, "1", "k2");
        // It is looked at after 9.95 s. From 9.9 s on the holder does not believe in its lease.
        world.advanceMillis(1_030);
        world.waits(next);
        assertThat(a.store().count(Operation.SEND)).isEqualTo(1);
        assertThat(reports).isEmpty();
        world.advanceMillis(1_000);
        world.granted(next).close();
    }

    /** A process that is late to do what it has to. */
    private static final class LateEnvironment extends ForwardingEnvironment {

        private final long timersLateNanos;
        private final List<Runnable> callbacks = new ArrayList<>();
        private boolean holdsCallbacks;

        LateEnvironment(Environment own, long timersLateMillis) {
            super(own);
            this.timersLateNanos = timersLateMillis * 1_000_000;
        }

        void callbacks(boolean held) {
            holdsCallbacks = held;
            if (!held) {
                callbacks.forEach(own::execute);
                callbacks.clear();
            }
        }

        @Override
        public void execute(Runnable callback) {
            if (holdsCallbacks) {
                callbacks.add(callback);
            } else {
                own.execute(callback);
            }
        }

        @Override
        public void schedule(Timer timer, long atNanos) {
            own.schedule(timer, atNanos + timersLateNanos);
        }
    }

    /** A machine with another wall clock. */
    private static final class Skewed extends ForwardingEnvironment {

        private final long skewMillis;

        Skewed(Environment own, long skewMillis) {
            super(own);
            this.skewMillis = skewMillis;
        }

        @Override
        public long epochMillis() {
            return own.epochMillis() + skewMillis;
        }
    }
}
