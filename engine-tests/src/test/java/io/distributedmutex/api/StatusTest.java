package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.MutexStatus;
import io.distributedmutex.api.Deployment.Instance;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What an instance says of itself. */
class StatusTest {

    private static final String KEY = "tenant:1";

    private final Deployment deployment = Deployment.onManualTime();
    private final Instance app = deployment.instance("app");
    private final DistributedMutex mutex = app.mutex();
    private final DistributedMutex other = deployment.instance("other").mutex();

    @AfterEach
    void nothingIsLeft() {
        deployment.close();
    }

    @Test
    void anInstanceThatDoesNothingHasNothingButItsName() {
        assertThat(mutex.status().holderLabel()).isEqualTo("app");
        assertNothing();
    }

    @Test
    void whatIsHeldIsToldByKeyWithItsTimesAndItsThread() {
        CompletableFuture<Lease> later = mutex.acquireAsync("b");
        deployment.time.runDue();
        deployment.time.advance(Duration.ofSeconds(2));
        Lease lease = mutex.acquire("a");
        deployment.time.advance(Duration.ofSeconds(3));

        assertThat(mutex.status().held())
                .containsExactly(
                        new MutexStatus.Held(
                                "a",
                                lease.fencingToken(),
                                LeaseState.HELD,
                                Duration.ofSeconds(3),
                                lease.remaining(),
                                Optional.of(Thread.currentThread().getName())),
                        new MutexStatus.Held(
                                "b",
                                later.join().fencingToken(),
                                LeaseState.HELD,
                                Duration.ofSeconds(5),
                                later.join().remaining(),
                                Optional.empty()));
        assertThat(other.status().held()).as("another instance's").isEmpty();
        lease.close();
        later.join().close();
        deployment.time.runDue();
        assertNothing();
    }

    @Test
    void thoseWhoWaitAreToldInTheOrderOfTheirArrivalWithWhatIsLeft() {
        Lease held = other.acquire(KEY);
        CompletableFuture<Lease> first = mutex.acquireAsync(KEY);
        deployment.time.advance(Duration.ofMillis(1_500));
        Worker<Void> patient = Worker.startAndBlock(() -> {
            mutex.asLock(KEY).lock();
            mutex.asLock(KEY).unlock();
            return null;
        });
        deployment.awaitParked(1);
        deployment.time.advance(Duration.ofMillis(500));

        assertThat(mutex.status().waiting()).hasSize(2);
        assertThat(mutex.status().waiting().get(0))
                .isEqualTo(new MutexStatus.Waiting(
                        KEY, Duration.ofSeconds(2), Optional.of(Duration.ofSeconds(3)), Optional.empty()));
        assertThat(mutex.status().waiting().get(1)).satisfies(second -> {
            assertThat(second.waited()).isEqualTo(Duration.ofMillis(500));
            assertThat(second.left()).as("lock() waits without limit").isEmpty();
            assertThat(second.thread()).isPresent();
        });

        held.close();
        deployment.time.runDue();
        first.join().close();
        deployment.time.runDue();
        patient.result();
        assertNothing();
    }

    @Test
    void aLeaseAtRiskIsHeldStillAndALostOneIsNot() {
        Lease lease = mutex.with(o -> o.leaseTime(Duration.ofSeconds(3)).autoRenew(Duration.ofMinutes(1)))
                .acquire(KEY);
        app.store().failNext(1_000, Operation.RENEW);
        deployment.time.advance(Duration.ofMillis(1_100));
        assertThat(mutex.status().held())
                .singleElement()
                .satisfies(held -> assertThat(held.state()).isEqualTo(LeaseState.AT_RISK));
        deployment.time.advance(Duration.ofSeconds(3));
        assertThat(lease.state()).isEqualTo(LeaseState.LOST);
        assertThat(mutex.status().held()).isEmpty();
        assertThat(deployment.takeWarnings()).hasSize(2);
    }

    @Test
    void nothingIsToldOfAClosedInstance() {
        Lease held = mutex.acquire(KEY);
        CompletableFuture<Lease> waits = mutex.acquireAsync(KEY);
        mutex.close();
        deployment.time.runDue();
        assertNothing();
        assertThat(held.state()).isEqualTo(LeaseState.LOST);
        assertThat(waits).isCompletedExceptionally();
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    private void assertNothing() {
        assertThat(mutex.status().held()).isEmpty();
        assertThat(mutex.status().waiting()).isEmpty();
    }
}
