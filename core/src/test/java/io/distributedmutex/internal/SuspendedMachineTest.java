package io.distributedmutex.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.OnDeadlock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The process's wall clock is stepped, the machine is suspended. The engine and its timer run on the
 * clocks of a machine that stand still but for what a test does to them.
 */
class SuspendedMachineTest {

    private static final Duration LEASE = Duration.ofMinutes(1);

    private final CapturedLog log = new CapturedLog();
    private final Machine machine = new Machine();
    private final Engine engine = engine(machine.clockWithUptime());
    private final Engine ignoringSteps = engine(machine.clockWithUptimeThatIgnoresSteps());

    private static Engine engine(SystemClock clock) {
        return new Engine(
                new GrantingStore(),
                new SystemEnvironment(clock),
                "test",
                List.of(),
                OnDeadlock.REPORT,
                Duration.ofSeconds(1));
    }

    @AfterEach
    void close() {
        engine.close();
        ignoringSteps.close();
        log.close();
    }

    @ParameterizedTest
    @CsvSource({"-1, true", "-1, false", "1, false"})
    void aLeaseSurvivesAStepOfTheWallClockByAnHourAndEndsWhenItWouldHave(int hours, boolean stepsCount)
            throws Exception {
        Lease lease = acquire(stepsCount ? engine : ignoringSteps);
        CompletableFuture<LossReason> lost = lease.lost();
        Duration before = lease.remaining();
        machine.setWallClock(Duration.ofHours(hours));

        assertThat(lease.isValid()).isTrue();
        assertThat(lease.remaining()).isEqualTo(before);
        machine.pass(before.minusNanos(1));
        assertThat(lease.isValid()).isTrue();
        assertThat(lease.state()).isEqualTo(LeaseState.HELD);
        assertThat(lost).isNotDone();
        machine.pass(Duration.ofNanos(1));
        assertThat(lease.isValid()).isFalse();
        assertThat(lost.get(20, TimeUnit.SECONDS)).isEqualTo(LossReason.EXPIRED);
    }

    /** The machine may be a guest that its host has paused for so long: then nothing else tells of it. */
    @Test
    void aLeaseIsLostAfterAStepForwardThatIsLongerThanWhatWasLeftOfIt() throws Exception {
        Lease lease = acquire();
        CompletableFuture<LossReason> lost = lease.lost();
        machine.setWallClock(LEASE);

        assertThat(lease.isValid()).isFalse();
        assertThat(lost.get(20, TimeUnit.SECONDS)).isEqualTo(LossReason.EXPIRED);
    }

    @Test
    void aStepForwardWithinWhatIsLeftCostsNoMoreThanItsTime() {
        Lease lease = acquire();
        Duration before = lease.remaining();
        machine.setWallClock(Duration.ofSeconds(20));

        assertThat(lease.isValid()).isTrue();
        assertThat(lease.remaining()).isEqualTo(before.minusSeconds(20));
    }

    @Test
    void aLeaseIsLostAfterASuspensionThatWasLongerThanWhatWasLeftOfIt() throws Exception {
        Lease lease = acquire();
        CompletableFuture<LossReason> lost = lease.lost();
        machine.suspend(LEASE);

        assertThat(lease.isValid()).isFalse();
        assertThat(lease.state()).isEqualTo(LeaseState.LOST);
        assertThat(lost.get(20, TimeUnit.SECONDS)).isEqualTo(LossReason.EXPIRED);
    }

    @Test
    void aHolderThatDoesNotAskIsToldOfTheSuspensionToo() throws Exception {
        CompletableFuture<Lease> told = new CompletableFuture<>();
        Lease lease = acquire();
        lease.onLost(told::complete);
        machine.suspend(LEASE);

        // By the timer, which looks at the clock once a second.
        assertThat(told.get(20, TimeUnit.SECONDS)).isSameAs(lease);
    }

    @Test
    void aSuspensionHiddenByTheWallClockIsNoticedAllTheSame() {
        Lease lease = acquire();
        machine.suspend(LEASE);
        machine.setWallClock(Duration.ofHours(-1));

        assertThat(lease.isValid()).isFalse();
    }

    @Test
    void aShortSuspensionCountsAsTimeOfTheLease() {
        Lease lease = acquire();
        Duration before = lease.remaining();
        machine.suspend(Duration.ofSeconds(20));

        assertThat(lease.isValid()).isTrue();
        assertThat(lease.remaining())
                .isEqualTo(before.minusSeconds(20).minusNanos(SystemClock.UPTIME_RESOLUTION_NANOS));
    }

    private Lease acquire() {
        return acquire(engine);
    }

    private static Lease acquire(Engine engine) {
        return engine.acquire("k", LockOptions.builder().leaseTime(LEASE).build(), null);
    }
}
