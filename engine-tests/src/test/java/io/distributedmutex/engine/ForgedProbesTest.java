package io.distributedmutex.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Deadlock;
import io.distributedmutex.Lease;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Somebody who can reach the store sends messages to instances that look for deadlocks. */
class ForgedProbesTest {

    private final DeadlockWorld deadlocks = new DeadlockWorld();
    private final World world = deadlocks.world;
    private final List<Deadlock> reports = deadlocks.reports;

    /** Of owner 1 on k1, whose token the stranger has seen. */
    private final Instance a = deadlocks.instance("a");

    private final Lease held = deadlocks.holds(a, "1", "k1");

    private final Stranger stranger = new Stranger(world);
    private final String victim = stranger.ownerOf("k1");

    @BeforeEach
    void theStrangerHasWhatAWillWaitFor() {
        stranger.takes("theirs");
    }

    @AfterEach
    void nothingIsLeft() {
        stranger.releases("theirs");
        stranger.close();
        deadlocks.close();
    }

    /** Owner 1 waits for the stranger, whom it sends a probe. */
    private String probeOfAWait() {
        deadlocks.waitsFor(a, "1", "theirs");
        world.advanceMillis(1_100);
        return stranger.lastMessage();
    }

    @Test
    void nonsenseIsDropped() {
        String id = victim.substring(0, 11);
        Random random = new Random(1);
        for (int i = 0; i < 500; i++) {
            StringBuilder text = new StringBuilder(i % 2 == 0 ? "probe1|" : "");
            for (int n = random.nextInt(i % 50 == 0 ? 70_000 : 50); n > 0; n--) {
                text.append((char) random.nextInt(65_536));
            }
            assertThat(stranger.sends(id, text.toString())).isTrue();
            world.advanceMillis(10);
        }
        assertThat(reports).isEmpty();
    }

    /** Whoever is waited for sees a probe, and can make a circle of it. */
    @Test
    void aForgedProbeMakesALineOfBoundedAndEscapedText() {
        String probe = probeOfAWait();
        stranger.sendsTo(victim, forged(probe, "\u001b[31m\n".repeat(20), "n".repeat(128), "k1", victim));
        // It is asked to confirm, and lies.
        String question = stranger.lastMessage();
        assertThat(question).isNotEqualTo(probe);
        stranger.sendsTo(victim, confirmed(question));
        world.time.runDue();
        assertThat(reports).hasSize(1);
        assertThat(reports.get(0).toString()).doesNotContain("\n", "\u001b").hasSizeLessThan(2_000);
    }

    @Test
    void aConfirmationOfAnotherLeaseTellsNothing() {
        stranger.sendsTo(victim, forged(probeOfAWait(), "stranger", "x", "k1", victim));
        String question = stranger.lastMessage();
        String fence = field(Long.toString(held.fencingToken()));
        assertThat(question).contains(fence);
        stranger.sendsTo(victim, confirmed(question.replace(fence, field(Long.toString(held.fencingToken() + 1)))));
        world.time.runDue();
        assertThat(reports).isEmpty();
        stranger.sendsTo(victim, confirmed(question));
        world.time.runDue();
        assertThat(reports).as("the right one does").hasSize(1);
    }

    /** Also copies of a process, which have one id, get probes for each other. */
    @Test
    void aTokenThatOwnsNothingEndsAProbe() {
        String probe = probeOfAWait();
        String like = victim.substring(0, 11) + "AAAAAAAAAAA";
        stranger.sendsTo(victim, forged(probe, "stranger", "x", "k1", like));
        assertThat(stranger.lastMessage()).isEqualTo(probe);
    }

    /** Who was in the way of a wait once knows its name, and may say that it is still. */
    @Test
    void whoIsNotInTheWayOfAWaitMakesNoCircleOfIt() {
        Instance b = deadlocks.instance("b");
        CompletableFuture<Lease> next = b.ask("theirs");
        String probe = probeOfAWait();
        stranger.releases("theirs");
        deadlocks.leases.add(world.granted(next));
        // With its next poll the instance knows who is in its way now.
        world.advanceMillis(300);
        // The name of the wait and the number of its probe are right.
        stranger.sendsTo(victim, forged(probe, "stranger", "x", "k1", victim));
        assertThat(stranger.lastMessage()).as("nobody asks to confirm that").isEqualTo(probe);
        world.time.runDue();
        assertThat(reports).isEmpty();
    }

    @Test
    void ofMoreThan200MessagesInASecondTheRestIsDropped() {
        probeOfAWait();
        for (int i = 0; i < 200; i++) {
            stranger.sendsTo(victim, "nonsense");
        }
        String probe = stranger.lastMessage();
        stranger.sendsTo(victim, forged(probe, "stranger", "x", "k1", victim));
        assertThat(stranger.lastMessage()).as("dropped").isEqualTo(probe);
        // The next second, and the next probe.
        world.advanceMillis(950);
        probe = stranger.lastMessage();
        stranger.sendsTo(victim, forged(probe, "stranger", "x", "k1", victim));
        assertThat(stranger.lastMessage()).as("taken").isNotEqualTo(probe);
    }

    /** An older wait that is waited for makes the younger one look again; it does not do so as often as it is asked to. */
    @Test
    void aWaitThatIsAskedToLookAgainDoesSoEvery50Milliseconds() {
        probeOfAWait();
        a.store().resetCounts();
        for (int i = 0; i < 100; i++) {
            String edge = field("AAAAAAAAAAA")
                    + field("stranger")
                    + field("x")
                    + field("k1")
                    + field("1")
                    + field(victim)
                    + field("0")
                    + field("0");
            stranger.sendsTo(victim, "probe1|1:0" + field("" + i) + field("1") + "1:01:1" + edge);
            world.advanceMillis(1);
        }
        assertThat(a.store().count(Operation.SEND)).isBetween(2, 3);
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

    /** The answer to a question whether the first of two edges stands. */
    private static String confirmed(String question) {
        assertThat(question).contains("1:01:211:");
        return question.replaceFirst("1:01:211:", "1:11:211:");
    }

    private static String field(String text) {
        return text.length() + ":" + text;
    }
}
