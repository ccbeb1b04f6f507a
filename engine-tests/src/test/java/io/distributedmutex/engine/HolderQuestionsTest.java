package io.distributedmutex.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.HolderStatus;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** One instance asks another what the holder of a key itself waits for. */
class HolderQuestionsTest {

    private final DeadlockWorld deadlocks = new DeadlockWorld();
    private final World world = deadlocks.world;
    private Instance a;
    private Instance b;

    @BeforeEach
    void twoInstances() {
        a = deadlocks.instance("a");
        b = deadlocks.instance("b");
    }

    @AfterEach
    void nothingIsLeft() {
        deadlocks.close();
    }

    @Test
    void theHolderAndWhatItWaitsForAreTold() {
        deadlocks.holds(a, "1", "k1");
        deadlocks.holds(b, "2", "k2");
        deadlocks.holds(b, "3", "k3");
        deadlocks.waitsFor(b, "2", "k1");
        world.advanceMillis(3_000);
        HolderStatus status = a.mutex().askHolder("k2").orElseThrow();
        assertThat(status.owner()).contains("2");
        assertThat(status.heldFor()).isEqualTo(Duration.ofMillis(3_002));
        assertThat(status.waits()).containsExactly(new HolderStatus.Wait("k1", Duration.ofMillis(3_002)));
        assertThat(a.mutex().askHolder("k3").orElseThrow().waits()).isEmpty();
        assertThat(b.mutex().askHolder("k2")).as("of itself").contains(status);
    }

    @Test
    void ofManyWaitsSixteenAreTold() {
        deadlocks.holds(b, "2", "k2");
        for (int i = 0; i < 20; i++) {
            deadlocks.holds(a, "1", "k1-" + i);
            deadlocks.waitsFor(b, "2", "k1-" + i);
        }
        world.advanceMillis(1_000);
        assertThat(a.mutex().askHolder("k2").orElseThrow().waits()).hasSize(16);
    }

    @Test
    void aHolderWithoutANameHasNone() {
        deadlocks.leases.add(world.held(b, "k2"));
        assertThat(a.mutex().askHolder("k2")).contains(new HolderStatus(Optional.empty(), Duration.ZERO, List.of()));
    }

    @Test
    void nobodyIsAskedAboutAFreeOrAForeignKey() {
        assertThat(a.mutex().askHolder("free")).isEmpty();
        world.server.putForeign("foreign", Duration.ofMinutes(1));
        assertThat(a.mutex().askHolder("foreign")).isEmpty();
        assertThat(world.time.elapsed()).isZero();
        world.server.delete("foreign");
    }

    @Test
    void whoIgnoresDeadlocksSaysNothing() {
        Instance c = deadlocks.instance("c", OnDeadlock.IGNORE);
        deadlocks.holds(c, "3", "k3");
        notAnswered("k3");
    }

    /** Nobody answers, which is known after a second of a clock that goes on while its thread is parked. */
    private void notAnswered(String key) {
        world.time.autoAdvance();
        Duration before = world.time.elapsed();
        assertThat(a.mutex().askHolder(key)).isEmpty();
        assertThat(world.time.elapsed().minus(before)).isEqualTo(Duration.ofSeconds(1));
    }

    @Test
    void anInstanceThatDoesNotAnswerIsWaitedForForASecond() {
        deadlocks.holds(b, "3", "k3");
        b.store().dropPushes();
        notAnswered("k3");
    }

    /** Nor one of a version that listens to no messages. */
    @Test
    void anInstanceThatDoesNotListenIsNotWaitedFor() {
        try (Stranger stranger = new Stranger(world)) {
            stranger.takes("theirs");
            stranger.stopsListening();
            assertThat(a.mutex().askHolder("theirs")).isEmpty();
            assertThat(world.time.elapsed()).isZero();
            stranger.releases("theirs");
        }
    }

    @Test
    void aStoreThatFailsIsToldOf() {
        a.store().failNext(1, Operation.SEND);
        assertThatThrownBy(() -> a.mutex().askHolder("k2"))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageStartingWith("'k2' not asked about: ");
    }

    @Test
    void aClosedInstanceAsksNothing() {
        a.mutex().close();
        assertThatThrownBy(() -> a.mutex().askHolder("k2")).isInstanceOf(MutexClosedException.class);
    }

    @Test
    void moreThan50QuestionsASecondAreNotAnswered() {
        deadlocks.holds(b, "2", "k2");
        for (int i = 0; i < 50; i++) {
            assertThat(a.mutex().askHolder("k2")).isPresent();
        }
        world.time.autoAdvance();
        assertThat(a.mutex().askHolder("k2")).isEmpty();
        assertThat(a.mutex().askHolder("k2")).as("in the next second").isPresent();
    }

    /** Whatever comes: nothing is thrown, and only a good question has an answer. */
    @Test
    void whatHasNotTheFormIsDropped() {
        deadlocks.holds(b, "2", "k2");
        try (Stranger stranger = new Stranger(world)) {
            Random random = new Random(1);
            String token = stranger.ownerOf("k2");
            String good = "asks1|11:AAAAAAAAAAA11:" + Stranger.ID + "2:k2";
            for (int i = 0; i < 300; i++) {
                StringBuilder odd = new StringBuilder(i % 2 == 0 ? good : "says1|11:AAAAAAAAAAA1:21:01:0");
                odd.setCharAt(6 + random.nextInt(odd.length() - 6), (char)
                        random.nextInt(random.nextBoolean() ? 128 : 65_536));
                stranger.sendsTo(token, odd.toString());
                world.advanceMillis(50);
            }
            stranger.messages.clear();
            stranger.sendsTo(token, good);
            assertThat(stranger.messages).hasSize(1);
            assertThat(stranger.lastMessage())
                    .startsWith("says1|11:AAAAAAAAAAA1:2")
                    .endsWith("1:0");
            stranger.sendsTo(token, good + "x");
            assertThat(stranger.messages).hasSize(1);
        }
        assertThat(a.mutex().askHolder("k2")).isPresent();
    }
}
