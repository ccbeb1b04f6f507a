package io.distributedmutex.engine;

import static io.distributedmutex.engine.World.KEY;
import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Lease;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Waiters of one key with different retry intervals: the instance asks as often as the least patient of them wants. */
class RetryIntervalTest {

    @Test
    void aWaiterIsNotServedAtThePaceOfAMorePatientOneBeforeIt() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease held = world.held(a, KEY);
            CompletableFuture<Lease> patient = ask(b, Duration.ofSeconds(60));
            world.waits(patient);
            b.store().dropPushes();
            CompletableFuture<Lease> hasty = ask(b, Duration.ofMillis(250));
            world.waits(hasty);
            world.advanceMillis(1_000);
            held.close();
            world.advanceMillis(251);
            world.granted(patient).close();
            world.granted(hasty).close();
        }
    }

    @Test
    void whoStaysKeepsItsPlaceWhenTheLeastPatientLeaves() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Instance c = world.instance("c");
            Lease held = world.held(a, KEY);
            CompletableFuture<Lease> hasty = ask(b, Duration.ofMillis(250));
            CompletableFuture<Lease> patient = ask(b, Duration.ofSeconds(20));
            world.waits(patient);
            CompletableFuture<Lease> behind =
                    c.mutex().with(o -> o.waitTime(Duration.ofMinutes(1))).acquireAsync(KEY);
            world.waits(behind);
            hasty.cancel(false);
            world.advanceMillis(15_000);
            held.close();
            Lease first = world.granted(patient);
            world.waits(behind);
            first.close();
            world.granted(behind).close();
        }
    }

    @Test
    void theStoreIsAskedAsRarelyAsAPatientWaiterWantsOnceItIsAlone() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease held = world.held(a, KEY);
            CompletableFuture<Lease> hasty = ask(b, Duration.ofMillis(250));
            CompletableFuture<Lease> patient = ask(b, Duration.ofSeconds(20));
            world.waits(patient);
            hasty.cancel(false);
            world.advanceMillis(250);
            b.store().resetCounts();
            world.advanceMillis(19_000);
            assertThat(b.store().count(Operation.ACQUIRE)).isZero();
            held.close();
            world.granted(patient).close();
        }
    }

    private static CompletableFuture<Lease> ask(Instance instance, Duration retryInterval) {
        return instance.mutex()
                .with(o -> o.waitTime(Duration.ofMinutes(1)).retryInterval(retryInterval))
                .acquireAsync(KEY);
    }
}
