package io.distributedmutex.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.Deadlock;
import io.distributedmutex.DeadlockException;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexListener;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Owners of many instances wait for each other. Each is named, so that futures can stand for threads on a manual clock. */
class DeadlockTest {

    private static final LockOptions PATIENT = LockOptions.builder()
            .leaseTime(Duration.ofMinutes(30))
            .waitTime(Duration.ofMinutes(10))
            .build();

    private final World world = new World();
    private final List<Deadlock> reports = new ArrayList<>();
    private final List<Lease> leases = new ArrayList<>();
    private final List<CompletableFuture<Lease>> waits = new ArrayList<>();

    @AfterEach
    void nothingIsLeft() {
        waits.forEach(wait -> wait.cancel(false));
        waits.stream()
                .filter(wait -> !wait.isCompletedExceptionally())
                .forEach(wait -> wait.join().close());
        leases.forEach(Lease::close);
        world.close();
    }

    private Instance instance(String label) {
        return instance(label, OnDeadlock.REPORT);
    }

    private Instance instance(String label, OnDeadlock reaction) {
        return instance(label, reaction, world.time.newEnvironment());
    }

    private Instance instance(String label, OnDeadlock reaction, Environment environment) {
        return world.instance(
                label,
                PATIENT,
                environment,
                builder -> builder.deadlocks(reaction).listener(new MutexListener() {
                    @Override
                    public void onDeadlock(Deadlock circle) {
                        reports.add(circle);
                    }
                }));
    }

    private Lease holds(Instance instance, String owner, String key) {
        Lease lease = world.granted(instance.mutex().owner(owner).acquireAsync(key));
        leases.add(lease);
        return lease;
    }

    private CompletableFuture<Lease> waitsFor(Instance instance, String owner, String key) {
        CompletableFuture<Lease> wait = instance.mutex().owner(owner).acquireAsync(key);
        waits.add(wait);
        // So that one began to wait before the other, by any clock.
        world.advanceMillis(2);
        return wait;
    }

    private List<String> described() {
        return reports.stream().map(DeadlockTest::description).toList();
    }

    /** Without times. */
    private static String description(Deadlock circle) {
        StringBuilder text = new StringBuilder();
        circle.waits().forEach(wait -> text.append(wait.holderLabel() + "/" + wait.owner() + ">" + wait.key() + " "));
        return text.toString().trim();
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
        assertThat(description(circle)).startsWith("i" + last + "/o" + last + ">k0 i0/o0>k1");
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
            assertThat(description(failure.circle())).isEqualTo("c/3>k1 a/1>k2 b/2>k3");
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
    void aLateMessageTellsNothing() {
        Instance a = instance("a");
        Instance b = instance("b");
        holds(a, "1", "k1");
        holds(b, "2", "k2");
        a.store().holdPushes();
        CompletableFuture<Lease> other = waitsFor(b, "2", "k1");
        waitsFor(a, "1", "k2");
        // Everything that comes home to a's wait is held back.
        world.advanceMillis(1_300);
        b.store().dropPushes();
        world.advanceMillis(1_700);
        a.store().deliverPushes();
        assertThat(reports).isEmpty();
        other.cancel(false);
        b.store().deliverPushes();
        world.advanceMillis(20_000);
        assertThat(reports).isEmpty();
    }

    // ---- messages that are forged

    @Test
    void nonsenseIsDropped() {
        Instance a = instance("a");
        holds(a, "1", "k1");
        try (Stranger stranger = new Stranger()) {
            String id = stranger.ownerOf("k1").substring(0, 11);
            Random random = new Random(1);
            for (int i = 0; i < 500; i++) {
                StringBuilder text = new StringBuilder(i % 2 == 0 ? "probe1|" : "");
                for (int n = random.nextInt(i % 50 == 0 ? 70_000 : 50); n > 0; n--) {
                    text.append((char) random.nextInt(65_536));
                }
                assertThat(stranger.sends(id, text.toString())).isTrue();
                world.advanceMillis(10);
            }
        }
        assertThat(reports).isEmpty();
    }

    /** Whoever is waited for sees a probe, and can make a circle of it. */
    @Test
    void aForgedProbeMakesALineOfBoundedAndEscapedText() {
        Instance a = instance("a");
        holds(a, "1", "k1");
        try (Stranger stranger = new Stranger()) {
            stranger.takes("theirs");
            String victim = stranger.ownerOf("k1");
            waitsFor(a, "1", "theirs");
            world.advanceMillis(1_100);
            String probe = stranger.messages.get(stranger.messages.size() - 1);
            String forged = forged(probe, "\u001b[31m\n".repeat(20), "n".repeat(128), "k1", victim);
            assertThat(stranger.sends(victim.substring(0, 11), forged)).isTrue();
            // It is asked to confirm, and lies.
            String question = stranger.messages.get(stranger.messages.size() - 1);
            assertThat(question).isNotEqualTo(probe);
            assertThat(stranger.sends(victim.substring(0, 11), question.replaceFirst("1:01:211:", "1:11:211:")))
                    .isTrue();
            world.time.runDue();
            assertThat(reports).hasSize(1);
            assertThat(reports.get(0).toString()).doesNotContain("\n", "\u001b").hasSizeLessThan(2_000);
            stranger.releases("theirs");
        }
    }

    /** With one more edge. */
    private static String forged(String probe, String label, String owner, String key, String token) {
        // Sequence, start, position 0, and one edge.
        String[] parts = probe.split("1:01:111:", 2);
        assertThat(parts).hasSize(2);
        String edge = "11:AAAAAAAAAAA" + field(label) + field(owner) + field(key) + "1:1" + field(token) + "1:01:0";
        // What the stranger says of its own lease.
        String held = parts[1].replaceFirst("1:01:0$", "1:71:7");
        return parts[0] + "1:11:211:" + held + edge;
    }

    private static String field(String text) {
        return text.length() + ":" + text;
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

    /** A client that speaks to the store itself. */
    private final class Stranger implements StoreEvents, AutoCloseable {
        private final InMemoryLockStore store = world.server.sibling();
        final List<String> messages = new ArrayList<>();
        private static final String ID = "stranger-id";
        private static final String TOKEN = ID + "-0123456789";

        Stranger() {
            store.start("stranger", ID, this);
        }

        void takes(String key) {
            assertThat(ask(key)).isInstanceOf(AcquireReply.Granted.class);
        }

        void releases(String key) {
            store.release(key, TOKEN, 0).toCompletableFuture().join();
        }

        String ownerOf(String key) {
            return ((AcquireReply.Refused) ask(key)).ownerToken();
        }

        private AcquireReply ask(String key) {
            AcquireRequest request = new AcquireRequest(key, TOKEN, 600_000, false, 2_000, 2_000, null);
            return store.acquire(request).toCompletableFuture().join();
        }

        boolean sends(String instance, String text) {
            return store.send(instance, text).toCompletableFuture().join();
        }

        @Override
        public void granted(String key, String token, long fencingToken, int fencingTokens) {}

        @Override
        public void message(String text) {
            messages.add(text);
        }

        @Override
        public void reconnected() {}

        @Override
        public void close() {
            store.close();
        }
    }
}
