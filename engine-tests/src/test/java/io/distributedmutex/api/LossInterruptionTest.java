package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.distributedmutex.Lease;
import io.distributedmutex.LossInterruption;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** An interrupt at the loss of a lease that is held already. {@link ScopedFormsTest} has the races of {@code run}. */
class LossInterruptionTest {

    private final Deployment deployment = Deployment.onManualTime();
    private final Lease lease = deployment.instance("app").mutex().acquire("k");

    @AfterEach
    void nothingIsLeft() {
        Thread.interrupted();
        lease.close();
        deployment.close();
    }

    private void lose() {
        deployment.time.advance(Duration.ofSeconds(61));
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void aLossBeforeTheEndInterruptsAndTheEndTakesItBack() {
        LossInterruption interruption = LossInterruption.of(lease);
        lose();
        assertThat(Thread.currentThread().isInterrupted()).isTrue();
        assertThat(interruption.end()).isTrue();
        assertThat(Thread.currentThread().isInterrupted()).isFalse();
        assertThat(interruption.end()).as("says the same again").isTrue();
    }

    @Test
    void aLossAfterTheEndInterruptsNobody() {
        LossInterruption interruption = LossInterruption.of(lease);
        assertThat(interruption.end()).isFalse();
        lose();
        assertThat(Thread.currentThread().isInterrupted()).isFalse();
        assertThat(interruption.end()).isFalse();
    }

    @Test
    void anInterruptOfSomeoneElseIsLeftAlone() {
        LossInterruption interruption = LossInterruption.of(lease);
        Thread.currentThread().interrupt();
        assertThat(interruption.end()).isFalse();
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void aLeaseThatIsLostAlreadyInterruptsAtOnce() {
        lose();
        LossInterruption interruption = LossInterruption.of(lease);
        deployment.time.runDue();
        assertThat(Thread.currentThread().isInterrupted()).isTrue();
        assertThat(interruption.end()).isTrue();
    }

    @Test
    void aReleasedLeaseInterruptsNobody() {
        LossInterruption interruption = LossInterruption.of(lease);
        lease.close();
        deployment.time.advance(Duration.ofSeconds(61));
        assertThat(interruption.end()).isFalse();
    }

    @Test
    void thereIsNoInterruptionWithoutALease() {
        assertThatNullPointerException().isThrownBy(() -> LossInterruption.of(null));
    }
}
