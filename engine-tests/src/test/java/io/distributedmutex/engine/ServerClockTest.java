package io.distributedmutex.engine;

import static io.distributedmutex.engine.World.KEY;
import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LossReason;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/**
 * The server's clock is stepped by an hour. Keys are counted by that clock: after a step forward leases and
 * queues are gone, after a step back they last an hour longer. ({@code SteppedServerClockTest} does it to a real Redis.)
 */
class ServerClockTest {

    private static final Duration HOUR = Duration.ofHours(1);
    private static final long POLL_MILLIS = 250;
    private static final long CLAIM_MILLIS = 2_000;

    @Test
    void afterAStepForwardWaitersAreServedWithinOnePollAndTheHolderIsToldAtItsNextRenewal() {
        try (World world = new World()) {
            Instance holder = world.instance("holder", World.renewed(Duration.ofSeconds(30), Duration.ofMinutes(10)));
            Lease held = world.held(holder, KEY);
            CompletableFuture<Lease> second = world.instance("second").ask(KEY);
            CompletableFuture<Lease> third = world.instance("third").ask(KEY);
            world.waits(second);
            world.waits(third);

            world.server.stepClock(HOUR);
            world.advanceMillis(POLL_MILLIS);

            // Both polled in the same millisecond; the queue that knew their order is gone.
            Lease next = world.granted(CompletableFuture.anyOf(second, third).thenApply(Lease.class::cast));
            assertThat(next.fencingToken()).isGreaterThan(held.fencingToken());
            assertThat(held.isValid()).as("the overlap that is documented").isTrue();
            world.advanceMillis(10_000);
            assertThat(held.state()).isEqualTo(LeaseState.LOST);
            assertThat(held.lossReason()).contains(LossReason.TAKEN);
            assertThat(next.isValid()).isTrue();
            CompletableFuture<Lease> last = second.isDone() ? third : second;
            // Its wait time is over: it waited behind a lease, and not in vain for a key that was free.
            assertThat(last).isCompletedExceptionally();
            next.close();
        }
    }

    @Test
    void afterAStepForwardThoseWhoWaitStillAreServedByPushAgain() {
        try (World world = new World()) {
            Lease held = world.held(world.instance("holder"), KEY);
            List<CompletableFuture<Lease>> waiting = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                waiting.add(world.instance("waiter " + i).ask(KEY));
                world.advanceMillis(1);
            }
            world.server.stepClock(HOUR);
            held.close();
            world.advanceMillis(POLL_MILLIS);

            long last = held.fencingToken();
            while (!waiting.isEmpty()) {
                CompletableFuture<Lease> granted = waiting.stream()
                        .filter(CompletableFuture::isDone)
                        .findFirst()
                        .orElseThrow(() -> new AssertionError("nobody was granted at once"));
                waiting.remove(granted);
                assertThat(granted.join().fencingToken()).isGreaterThan(last);
                last = granted.join().fencingToken();
                granted.join().close();
                world.time.runDue();
            }
        }
    }

    @Test
    void afterAStepBackTheHolderHoldsAndWaitersAreServedByPushInOrder() {
        try (World world = new World()) {
            Lease held = world.held(
                    world.instance("holder", World.renewed(Duration.ofSeconds(3), Duration.ofMinutes(10))), KEY);
            CompletableFuture<Lease> second = world.instance("second").ask(KEY);
            world.advanceMillis(1);
            CompletableFuture<Lease> third = world.instance("third").ask(KEY);
            world.waits(second);

            world.server.stepClock(HOUR.negated());
            world.advanceMillis(4_000);
            assertThat(held.isValid()).isTrue();
            world.waits(second);
            world.waits(third);

            held.close();
            Lease next = world.granted(second);
            assertThat(next.fencingToken()).isGreaterThan(held.fencingToken());
            world.waits(third);
            next.close();
            Lease last = world.granted(third);
            assertThat(last.fencingToken()).isGreaterThan(next.fencingToken());
            last.close();
        }
    }

    @Test
    void afterAStepBackADeadWaiterThatCountsAsAliveDelaysOthersByItsClaimTimeOnceAndNotForAnHour() {
        try (World world = new World();
                InMemoryLockStore dead = world.server.sibling()) {
            Lease held = world.held(world.instance("holder"), KEY);
            dead.start("dead", "instance-id", new Deaf());
            AcquireReply queued = dead.acquire(
                            new AcquireRequest(KEY, "dead-token", 60_000, true, CLAIM_MILLIS, 2_000, null))
                    .toCompletableFuture()
                    .join();
            assertThat(queued).isInstanceOf(AcquireReply.Refused.class);
            Instance live = world.instance("live");
            CompletableFuture<Lease> waiting = live.ask(KEY);
            world.waits(waiting);

            world.server.stepClock(HOUR.negated());
            world.advanceMillis(2_500);
            held.close();
            world.advanceMillis(CLAIM_MILLIS - 1);
            world.waits(waiting);
            world.advanceMillis(3);

            world.granted(waiting).close();
            world.held(live, KEY).close();
        }
    }

    @Test
    void afterAStepBackTheKeyOfADeadHolderStaysAnHourLonger() {
        try (World world = new World()) {
            Instance holder = world.instance("holder", World.options(Duration.ofSeconds(1)));
            Lease forgotten = world.held(holder, KEY);
            world.server.stepClock(HOUR.negated());
            world.advanceMillis(1_100);

            assertThat(forgotten.state()).isEqualTo(LeaseState.LOST);
            assertThat(world.look().remaining().orElseThrow()).isBetween(Duration.ofMinutes(59), HOUR);
            // What an administrator can do about it.
            world.instance("administrator").mutex().forceRelease(KEY);
        }
    }

    @Test
    void tokensRiseOverStepsToAndFro() {
        try (World world = new World()) {
            Instance instance = world.instance("one");
            long last = 0;
            for (int i = 0; i < 400; i++) {
                world.server.stepClock(i % 2 == 0 ? HOUR : HOUR.negated());
                Lease lease = world.held(instance, KEY);
                assertThat(lease.fencingToken()).as("after step %d", i).isGreaterThan(last);
                last = lease.fencingToken();
                lease.close();
            }
        }
    }

    /** Listens, and does nothing about it. */
    private static final class Deaf implements StoreEvents {
        @Override
        public void granted(String key, String token, long fencingToken, int fencingTokens) {}

        @Override
        public void message(String text) {}

        @Override
        public void reconnected() {}
    }
}
