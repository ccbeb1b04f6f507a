package io.distributedmutex.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Case F8, the lease: the process's wall clock is stepped, the machine is suspended. The engine and its timer run on the
 * clocks of a machine that stand still but for what a test does to them.
 */
class SuspendedMachineTest {

    private static final Duration LEASE = Duration.ofMinutes(1);

    private final CapturedLog log = new CapturedLog();
    private final Machine machine = new Machine();
    private final Engine engine =
            new Engine(new GrantingStore(), new SystemEnvironment(machine.clockWithUptime()), "test", null);

    @AfterEach
    void close() {
        engine.close();
        log.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, -1})
    void aLeaseSurvivesAStepOfTheWallClockByAnHourAndEndsWhenItWouldHave(int hours) throws Exception {
        Lease lease = acquire();
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
        return engine.acquire("k", LockOptions.builder().leaseTime(LEASE).build());
    }
}
