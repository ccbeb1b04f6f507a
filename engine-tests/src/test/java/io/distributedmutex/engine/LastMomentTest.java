package io.distributedmutex.engine;

import static io.distributedmutex.engine.World.KEY;
import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** What happens at the very nanosecond of a lease's deadline, before the lease's own timer has noticed it. */
class LastMomentTest {

    private static final Duration DEADLINE = Duration.ofMillis(988);
    private static final LockOptions OPTIONS = World.options(Duration.ofSeconds(1));

    @Test
    void whoLooksFirstNoticesTheExpiryAndAllAreTold() {
        try (World world = new World()) {
            List<String> seen = new ArrayList<>();
            List<Lease> heard = new ArrayList<>();
            Lease[] lease = new Lease[1];
            world.time.runAfter(
                    () -> {
                        seen.add("valid " + lease[0].isValid());
                        seen.add(lease[0].lossReason().toString());
                        seen.add("timers " + world.time.pendingTimers());
                    },
                    DEADLINE.toNanos());
            lease[0] = world.held(world.instance("a", OPTIONS), KEY);
            lease[0].onLost(heard::add);
            world.time.advance(DEADLINE);
            assertThat(seen).containsExactly("valid false", "Optional[EXPIRED]", "timers 0");
            assertThat(heard).containsExactly(lease[0]);
            world.advanceMillis(13);
        }
    }

    @Test
    void aReleaseComesTooLate() {
        try (World world = new World()) {
            List<Boolean> released = new ArrayList<>();
            Lease[] lease = new Lease[1];
            world.time.runAfter(() -> released.add(lease[0].release()), DEADLINE.toNanos());
            Instance a = world.instance("a", OPTIONS);
            lease[0] = world.held(a, KEY);
            world.time.advance(DEADLINE);
            assertThat(released).containsExactly(false);
            assertThat(lease[0].state()).isEqualTo(LeaseState.LOST);
            assertThat(a.store().count(Operation.RELEASE)).isZero();
            world.advanceMillis(13);
        }
    }

    @Test
    void anExtensionComesTooLate() {
        try (World world = new World()) {
            List<String> refused = new ArrayList<>();
            Lease[] lease = new Lease[1];
            world.time.runAfter(
                    () -> {
                        try {
                            lease[0].extend(Duration.ofSeconds(1));
                        } catch (LeaseLostException e) {
                            refused.add(e.getMessage());
                        }
                    },
                    DEADLINE.toNanos());
            Instance a = world.instance("a", OPTIONS);
            lease[0] = world.held(a, KEY);
            world.time.advance(DEADLINE);
            assertThat(refused).containsExactly("the lease on 'tenant:1' cannot be extended: it was lost (EXPIRED)");
            assertThat(a.store().count(Operation.RENEW)).isZero();
            world.advanceMillis(13);
        }
    }

    /** The answer has made the key outlive the deadline in the store: nobody should wait for that. */
    @Test
    void aRenewalThatIsAnsweredThenIsNotBelievedAndTheKeyIsFreed() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(3), Duration.ofHours(1)));
            world.time.runAfter(() -> a.store().releaseHeld(), 2_968_000_000L);
            Lease lease = world.held(a, KEY);
            CompletableFuture<LossReason> lost = lease.lost();
            a.store().holdReplies(1, Operation.RENEW);
            a.store().failNext(1_000, Operation.RENEW);
            world.advanceMillis(2_968);
            assertThat(lost).isCompletedWithValue(LossReason.EXPIRED);
            assertThat(lease.lossReason()).contains(LossReason.EXPIRED);
            assertThat(a.store().count(Operation.CANCEL)).isEqualTo(1);
            assertThat(world.server.contents().heldKeys()).isEmpty();
        }
    }

    @Test
    void aGrantThatArrivesThenIsNotGiven() {
        try (World world = new World()) {
            LockOptions tries = LockOptions.builder()
                    .leaseTime(Duration.ofSeconds(1))
                    .waitTime(Duration.ZERO)
                    .build();
            Instance a = world.instance("a", OPTIONS);
            Instance b = world.instance("b", tries);
            world.advanceMillis(5_000);
            a.store().holdReplies(1, Operation.ACQUIRE);
            b.store().holdReplies(1, Operation.ACQUIRE);
            CompletableFuture<Lease> waited = a.ask(KEY);
            CompletableFuture<Lease> tried = b.ask("another key");
            world.time.advance(DEADLINE);
            a.store().releaseHeld();
            b.store().releaseHeld();
            Lease anew = world.granted(waited);
            assertThat(anew.remaining()).isEqualTo(DEADLINE);
            assertThat(world.failure(tried))
                    .hasMessage(
                            "'another key' not acquired: the store's grant arrived after 988 ms, when the lease time"
                                    + " of 1 s was over");
            anew.close();
        }
    }

    /** In the last two milliseconds: no request stands in the queue for them yet. */
    @Test
    void whoeverHopedForALocalPassAsksTheStoreInstead() {
        try (World world = new World()) {
            Instance a = world.instance("a", OPTIONS);
            Lease lost = world.held(a, KEY);
            world.advanceMillis(987);
            CompletableFuture<Lease> asked = a.ask(KEY);
            world.advanceMillis(1);
            assertThat(lost.isValid()).isFalse();
            assertThat(a.store().count(Operation.ACQUIRE)).as("asked at once").isEqualTo(2);
            world.advanceMillis(13);
            Lease next = world.granted(asked);
            assertThat(a.store().count(Operation.ACQUIRE)).isEqualTo(3);
            next.close();
        }
    }
}
