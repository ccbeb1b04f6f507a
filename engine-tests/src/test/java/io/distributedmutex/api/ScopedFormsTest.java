package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.OnLost;
import io.distributedmutex.api.Deployment.Instance;
import io.distributedmutex.testing.Await;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Work done under a lease: {@code run} and {@code call}. */
class ScopedFormsTest {

    private static final String KEY = "tenant:1";

    private final Deployment deployment = Deployment.onManualTime();
    private final Instance app = deployment.instance("app");
    private final DistributedMutex mutex = app.mutex();

    @AfterEach
    void nothingIsLeft() {
        deployment.close();
    }

    @Test
    void theWorkRunsWhileTheKeyIsHeldAndTheKeyIsFreeAfterwards() {
        List<Lease> leases = new ArrayList<>();
        mutex.run(KEY, lease -> {
            leases.add(lease);
            assertThat(lease.key()).isEqualTo(KEY);
            assertThat(lease.isValid()).isTrue();
            assertThat(deployment.holder(KEY)).isEqualTo("app");
        });
        assertThat(leases)
                .singleElement()
                .satisfies(lease -> assertThat(lease.state()).isEqualTo(LeaseState.RELEASED));
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
    }

    @Test
    void theResultIsHandedOverAlsoIfItIsNull() {
        long token = mutex.call(KEY, Lease::fencingToken);
        assertThat(token).isPositive();
        String nothing = mutex.call(KEY, lease -> null);
        assertThat(nothing).isNull();
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
    }

    /** That this compiles is half of the test: nothing wider than the work's own exception has to be declared. */
    @Test
    void checkedExceptionsPassThroughAsThemselves() {
        IOException thrown = new IOException("thrown by the work");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> runThrowing(thrown))
                .isSameAs(thrown);
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
        SQLException other = new SQLException("thrown by the work");
        assertThatExceptionOfType(SQLException.class)
                .isThrownBy(() -> callThrowing(other))
                .isSameAs(other);
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
    }

    private void runThrowing(IOException toThrow) throws IOException {
        mutex.run(KEY, lease -> {
            throw toThrow;
        });
    }

    private int callThrowing(SQLException toThrow) throws SQLException {
        return mutex.call(KEY, lease -> throwOrReturn(toThrow));
    }

    private static int throwOrReturn(SQLException toThrow) throws SQLException {
        if (toThrow != null) {
            throw toThrow;
        }
        return 1;
    }

    @Test
    void theLeaseIsReleasedAlsoAfterAnError() {
        StackOverflowError error = new StackOverflowError("thrown by the work");
        assertThatExceptionOfType(StackOverflowError.class)
                .isThrownBy(() -> mutex.run(KEY, lease -> {
                    throw error;
                }))
                .isSameAs(error);
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
    }

    @Test
    void workDuringWhichTheLeaseWasLostEndsWithAnException() {
        assertThatExceptionOfType(LeaseLostException.class)
                .isThrownBy(() -> mutex.run(KEY, lease -> deployment.time.advance(Duration.ofSeconds(61))))
                .withMessage("the lease on 'tenant:1' was lost while its work ran,"
                        + " so another holder may have interfered")
                .satisfies(e -> assertThat(e.reason()).contains(LossReason.EXPIRED));
        assertThatExceptionOfType(LeaseLostException.class)
                .isThrownBy(() -> mutex.call(KEY, lease -> {
                    deployment.time.advance(Duration.ofSeconds(61));
                    return "a result that must not be trusted";
                }));
        assertThat(deployment.takeWarnings()).hasSize(2);
    }

    @Test
    void aLossThatARenewalFoundOutIsToldWithItsReason() {
        DistributedMutex renewing = mutex.with(o -> o.autoRenew(Duration.ofHours(1)));
        assertThatExceptionOfType(LeaseLostException.class)
                .isThrownBy(() -> renewing.run(KEY, lease -> {
                    deployment.server.delete(KEY);
                    deployment.time.advance(Duration.ofSeconds(21));
                }))
                .satisfies(e -> assertThat(e.reason()).contains(LossReason.REVOKED));
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void theMessageOfALossStaysOneLineWhateverTheKey() {
        assertThatExceptionOfType(LeaseLostException.class)
                .isThrownBy(
                        () -> mutex.run("a\nERROR forged", lease -> deployment.time.advance(Duration.ofSeconds(61))))
                .withMessageContaining("'a\\u000AERROR forged'");
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void whatTheWorkThrewWinsOverTheLoss() {
        TimeoutException thrown = new TimeoutException("thrown by the work");
        assertThatExceptionOfType(TimeoutException.class)
                .isThrownBy(() -> mutex.run(KEY, lease -> {
                    deployment.time.advance(Duration.ofSeconds(61));
                    throw thrown;
                }))
                .isSameAs(thrown);
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void theSuccessorOfALostLeaseKeepsItsKey() {
        Instance other = deployment.instance("other");
        List<Lease> successor = new ArrayList<>();
        assertThatExceptionOfType(LeaseLostException.class)
                .isThrownBy(() -> mutex.run(KEY, lease -> {
                    deployment.time.advance(Duration.ofSeconds(61));
                    successor.add(other.mutex().acquire(KEY));
                }));
        assertThat(deployment.holder(KEY)).isEqualTo("other");
        successor.get(0).close();
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void workThatReleasesItsLeaseItselfHasNotLostIt() {
        String result = mutex.call(KEY, lease -> lease.release() ? "released" : "lost");
        assertThat(result).isEqualTo("released");
    }

    @Test
    void workWhoseKeyIsNotAcquiredDoesNotRun() {
        Instance other = deployment.instance("other");
        DistributedMutex impatient = mutex.with(o -> o.waitTime(Duration.ZERO));
        try (Lease held = other.mutex().acquire(KEY)) {
            assertThatExceptionOfType(LockNotAcquiredException.class)
                    .isThrownBy(() -> impatient.run(KEY, lease -> {
                        throw new AssertionError("ran");
                    }));
            assertThatExceptionOfType(LockNotAcquiredException.class)
                    .isThrownBy(() -> impatient.call(KEY, lease -> {
                        throw new AssertionError("ran");
                    }));
            assertThat(held.isValid()).isTrue();
        }
    }

    @Test
    void theOptionsOfTheViewAreUsed() {
        Duration remaining =
                mutex.with(o -> o.leaseTime(Duration.ofSeconds(3))).call(KEY, lease -> deployment.remaining(KEY));
        assertThat(remaining).isEqualTo(Duration.ofSeconds(3));
    }

    @Test
    void missingWorkIsRefusedBeforeTheKeyIsAskedFor() {
        assertThatNullPointerException().isThrownBy(() -> mutex.run(KEY, null)).withMessage("action");
        assertThatNullPointerException().isThrownBy(() -> mutex.call(KEY, null)).withMessage("function");
        assertThat(app.store().counts()).isEmpty();
    }

    @Test
    void aClosedInstanceRunsNothing() {
        mutex.close();
        assertThatExceptionOfType(MutexClosedException.class)
                .isThrownBy(() -> mutex.run(KEY, lease -> {
                    throw new AssertionError("ran");
                }));
    }

    // ---- onLost(INTERRUPT)

    @Test
    void workThatMindsInterruptsEndsAtTheLossAndItsCallerSeesTheLoss() {
        CountDownLatch never = new CountDownLatch(1);
        Worker<Boolean> working = Worker.start(() -> {
            assertThatExceptionOfType(LeaseLostException.class)
                    .isThrownBy(() -> interrupting().run(KEY, lease -> never.await()))
                    .withCauseInstanceOf(InterruptedException.class)
                    .satisfies(e -> assertThat(e.reason()).contains(LossReason.EXPIRED));
            return Thread.currentThread().isInterrupted();
        });
        deployment.awaitHolder(KEY, "app");
        deployment.time.advance(Duration.ofSeconds(61));
        // If the worker is told of its loss only now: callbacks run when the clock is asked to.
        Await.until(() -> {
            deployment.time.runDue();
            return working.isDone();
        });
        assertThat(working.result()).as("the flag stays").isFalse();
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void workThatMindsNoInterruptEndsWithTheLossAndLeavesNoFlag() {
        assertThatExceptionOfType(LeaseLostException.class)
                .isThrownBy(() -> interrupting().call(KEY, lease -> {
                    deployment.time.advance(Duration.ofSeconds(61));
                    assertThat(Thread.currentThread().isInterrupted()).isTrue();
                    return "a result that must not be trusted";
                }))
                .withNoCause();
        assertThat(Thread.currentThread().isInterrupted()).isFalse();
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void workIsNotInterruptedAfterItHasEnded() {
        List<Lease> kept = new ArrayList<>();
        interrupting().run(KEY, kept::add);
        deployment.time.advance(Duration.ofSeconds(61));
        assertThat(Thread.currentThread().isInterrupted()).isFalse();
        assertThat(kept.get(0).state()).isEqualTo(LeaseState.RELEASED);
    }

    @Test
    void whatIsThrownWithoutALossAndAnInterruptOfSomeoneElsePassThrough() {
        IOException thrown = new IOException("thrown by the work");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> interrupting().run(KEY, lease -> {
                    throw thrown;
                }))
                .isSameAs(thrown);
        interrupting().run(KEY, lease -> Thread.currentThread().interrupt());
        assertThat(Thread.interrupted()).as("the flag of someone else").isTrue();
    }

    @Test
    void anErrorOfTheWorkWinsOverTheLossAlsoIfItIsInterrupted() {
        StackOverflowError error = new StackOverflowError("thrown by the work");
        assertThatExceptionOfType(StackOverflowError.class)
                .isThrownBy(() -> interrupting().run(KEY, lease -> {
                    deployment.time.advance(Duration.ofSeconds(61));
                    throw error;
                }))
                .isSameAs(error);
        assertThat(Thread.currentThread().isInterrupted()).isFalse();
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    private DistributedMutex interrupting() {
        return mutex.with(o -> o.onLost(OnLost.INTERRUPT));
    }

    /** By then the next holder may work already. */
    @Test
    void workWhoseInstanceWasClosedMeanwhileDoesNotEndNormally() {
        List<Lease> told = new ArrayList<>();
        assertThatExceptionOfType(LeaseLostException.class)
                .isThrownBy(() -> mutex.run(KEY, lease -> {
                    lease.onLost(told::add);
                    mutex.close();
                    assertThat(deployment.holder(KEY)).isEqualTo("nobody");
                }))
                .satisfies(e -> assertThat(e.reason()).contains(LossReason.CLOSED));
        deployment.time.runDue();
        assertThat(told).hasSize(1);
        DistributedMutex other = deployment.instance("other").mutex();
        assertThatExceptionOfType(LeaseLostException.class)
                .isThrownBy(() -> other.call(KEY, lease -> {
                    other.close();
                    return "done";
                }))
                .satisfies(e -> assertThat(e.reason()).contains(LossReason.CLOSED));
        assertThat(deployment.takeWarnings()).hasSize(2);
    }
}
