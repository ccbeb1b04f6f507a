package io.distributedmutex.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockInterruptedException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What happens to locks is counted and timed, what is held and waited for is shown. */
class MutexMetricsTest {

    private static final String KEY = "tenant:1";
    private static final Duration SECOND = Duration.ofSeconds(1);

    private final Scene scene = new Scene();
    private final MeterRegistry registry = new SimpleMeterRegistry();
    private final MutexMetrics metrics = MutexMetrics.create(registry, KeyNames.before(':', "tenant"));
    private final Scene.Instance app = scene.instance("app", metrics);
    private final DistributedMutex mutex = app.mutex();
    private final DistributedMutex other = scene.other();

    @BeforeEach
    void watches() {
        assertThat(metrics.watch(mutex)).isSameAs(mutex);
    }

    @AfterEach
    void closes() {
        scene.close();
    }

    // ---- timers and counters

    @Test
    void acquiresAreTimedByTheirOutcome() {
        Lease held = other.acquire(KEY);
        CompletableFuture<Lease> asked = mutex.acquireAsync(KEY);
        scene.pass(SECOND);
        held.close();
        scene.settle();
        Lease lease = scene.lease(asked);
        assertTimed("acquired", 1, 1_000);

        assertThat(other.tryAcquire(KEY)).isEmpty();
        assertThat(mutex.tryAcquire(KEY)).isEmpty();
        CompletableFuture<Lease> late = mutex.acquireAsync(KEY);
        scene.pass(Duration.ofSeconds(5));
        assertThat(late).isCompletedExceptionally();
        assertTimed("not_acquired", 2, 5_000);

        app.store().failNext(1, Operation.ACQUIRE);
        assertThatExceptionOfType(StoreUnreachableException.class).isThrownBy(() -> mutex.tryAcquire("tenant:2"));
        assertTimed("unreachable", 1, 0);

        app.store()
                .failNext(
                        1,
                        Operation.ACQUIRE,
                        new StoreRefusedException(StoreRefusedException.Reason.PERMISSION, "NOPERM", null));
        assertThatExceptionOfType(StoreRefusedException.class).isThrownBy(() -> mutex.acquire("tenant:2"));
        assertTimed("refused", 1, 0);

        CompletableFuture<Lease> closing = mutex.acquireAsync(KEY);
        scene.pass(SECOND);
        mutex.close();
        scene.settle();
        assertThat(closing).isCompletedExceptionally();
        assertTimed("closed", 1, 1_000);
        assertTimed("acquired", 1, 1_000);
        assertThat(lease.lossReason()).contains(LossReason.CLOSED);
    }

    @Test
    void everyTypeOfExceptionHasAnOutcomeOfItsOwn() {
        List<LockException> failures = List.of(
                new LockNotAcquiredException("m", KEY, null, null),
                new StoreUnreachableException("m", null),
                new StoreRefusedException(StoreRefusedException.Reason.OTHER, "m", null),
                new LockInterruptedException("m", new InterruptedException()),
                new MutexClosedException("m"));
        failures.forEach(failure -> metrics.onNotAcquired(KEY, SECOND, failure));
        for (Outcome outcome : Outcome.values()) {
            assertThat(acquires(outcome.value).count())
                    .as(outcome.value)
                    .isEqualTo(outcome == Outcome.ACQUIRED ? 0 : 1);
        }
    }

    @Test
    void holdsAreTimed() {
        Lease lease = mutex.acquire(KEY);
        scene.pass(SECOND);
        lease.close();
        scene.settle();
        Timer hold =
                registry.get("distributed.mutex.hold").tag("name", "tenant").timer();
        assertThat(hold.count()).isEqualTo(1);
        assertThat(hold.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(1_000);
    }

    @Test
    void lossesAreCountedByReason() {
        mutex.with(options -> options.leaseTime(SECOND)).acquire(KEY);
        scene.pass(SECOND);
        assertThat(losses("expired")).isEqualTo(1);

        mutex.with(options -> options.leaseTime(SECOND).autoRenew(Duration.ofMinutes(1)))
                .acquire(KEY);
        other.forceRelease(KEY);
        scene.pass(SECOND);
        assertThat(losses("revoked")).isEqualTo(1);

        Lease held = mutex.acquire(KEY);
        mutex.close();
        scene.settle();
        assertThat(losses("closed")).isEqualTo(1);
        for (LossReason reason : LossReason.values()) {
            metrics.onLost(held, reason);
        }
        assertThat(List.of(losses("taken"), losses("store_lost"))).containsExactly(1.0, 1.0);
        assertThat(List.of(losses("expired"), losses("revoked"), losses("closed")))
                .containsExactly(2.0, 2.0, 2.0);
    }

    @Test
    void failingRenewalsAndRecoveriesAreCounted() {
        mutex.with(options -> options.autoRenew(Duration.ofHours(1))).acquire(KEY);
        app.store().failNext(2, Operation.RENEW);
        scene.pass(Duration.ofSeconds(20));
        assertThat(count("at.risk")).isEqualTo(1);
        assertThat(count("recovered")).isZero();
        scene.pass(SECOND);
        assertThat(count("at.risk")).isEqualTo(1);
        assertThat(count("recovered")).isEqualTo(1);
    }

    @Test
    void releasesThatTheStoreDidNotConfirmAreCounted() {
        Lease lease = mutex.with(options -> options.leaseTime(SECOND)).acquire(KEY);
        app.store().failNext(1_000, Operation.RELEASE);
        lease.close();
        scene.pass(Duration.ofSeconds(2));
        assertThat(count("releases.unconfirmed")).isEqualTo(1);
    }

    @Test
    void forcedReleasesAreCountedWhereTheyAreMade() {
        other.acquire(KEY);
        assertThat(mutex.forceRelease(KEY)).isPresent();
        assertThat(mutex.forceRelease(KEY)).isEmpty();
        scene.settle();
        assertThat(count("forced.releases")).isEqualTo(1);
    }

    @Test
    void deadlocksAreCountedWithoutAName() {
        try (Lease held = mutex.acquire(KEY)) {
            assertThatExceptionOfType(LockNotAcquiredException.class).isThrownBy(() -> mutex.acquire(KEY));
        }
        scene.settle();
        Meter deadlocks = registry.get("distributed.mutex.deadlocks").meter();
        assertThat(deadlocks.getId().getTags()).isEmpty();
        assertThat(registry.get("distributed.mutex.deadlocks").counter().count())
                .isEqualTo(1);
    }

    // ---- gauges

    @Test
    void whatIsHeldAndWaitedForIsShown() {
        assertShown(0, 0, 0);
        Lease held = other.acquire(KEY);
        Lease mine = mutex.acquire("tenant:2");
        CompletableFuture<Lease> first = mutex.acquireAsync(KEY);
        scene.pass(SECOND);
        CompletableFuture<Lease> second = mutex.acquireAsync(KEY);
        scene.pass(SECOND);
        assertShown(1, 2, 2_000);

        mine.close();
        held.close();
        scene.settle();
        assertShown(1, 1, 1_000);

        scene.lease(first).close();
        scene.settle();
        scene.lease(second).close();
        scene.settle();
        assertShown(0, 0, 0);
    }

    @Test
    void severalInstancesAreShownTogether() {
        metrics.watch(other);
        metrics.watch(other);
        Lease held = other.acquire(KEY);
        mutex.acquire("tenant:2");
        CompletableFuture<Lease> waiting = mutex.acquireAsync(KEY);
        scene.pass(SECOND);
        assertShown(2, 1, 1_000);
        waiting.cancel(false);
        held.close();
        mutex.close();
        other.close();
        assertShown(0, 0, 0);
    }

    @Test
    void whoForgetsToWatchIsTold() {
        MutexMetrics forgotten = MutexMetrics.create(new SimpleMeterRegistry());
        DistributedMutex unwatched = scene.instance("unwatched", forgotten).mutex();
        scene.settle();
        assertThat(scene.warnings()).isEmpty();
        unwatched.acquire("a").close();
        unwatched.acquire("b").close();
        scene.settle();
        assertThat(scene.warnings())
                .containsExactly("MutexMetrics listens to an instance but does not watch it, so distributed.mutex.held,"
                        + " distributed.mutex.waiting and distributed.mutex.wait.longest stay 0: call watch(mutex)");
    }

    // ---- names and tags

    @Test
    void everyMeterOfAnExpectedNameIsThereFromTheStart() {
        for (String name : List.of("none", "tenant")) {
            assertThat(registry.get("distributed.mutex.acquire")
                            .tag("name", name)
                            .timers())
                    .hasSize(Outcome.values().length)
                    .allMatch(timer -> timer.count() == 0);
            assertThat(registry.get("distributed.mutex.lost").tag("name", name).counters())
                    .hasSize(LossReason.values().length)
                    .allMatch(counter -> counter.count() == 0);
        }
        assertThat(registry.find("distributed.mutex.hold").tag("name", "report").timer())
                .isNull();
        mutex.acquire("report:daily").close();
        scene.settle();
        assertThat(registry.get("distributed.mutex.lost").tag("name", "report").counters())
                .as("all meters of a name come with its first event")
                .hasSize(LossReason.values().length);
    }

    @Test
    void aFunctionThatGivesEveryKeyAsItsNameDoesNotFillTheRegistry() {
        MeterRegistry small = new SimpleMeterRegistry();
        MutexMetrics bad = MutexMetrics.create(small, KeyNames.by(key -> key));
        int meters = small.getMeters().size();
        LockException failure = new MutexClosedException("m");
        for (int i = 0; i < 1_000; i++) {
            bad.onNotAcquired("key-" + i, SECOND, failure);
        }
        int ofOneName = meters - 4;
        assertThat(small.getMeters()).hasSize(meters + 101 * ofOneName);
        assertThat(small.get("distributed.mutex.acquire")
                        .tags("name", "other", "outcome", "closed")
                        .timer()
                        .count())
                .isEqualTo(900);
        assertThat(scene.warnings()).hasSize(1);
    }

    @Test
    void furtherTagsAreOnEveryMeter() {
        MeterRegistry tagged = new SimpleMeterRegistry();
        MutexMetrics.create(tagged, KeyNames.none(), Tags.of("mutex", "orders"));
        MutexMetrics.create(tagged, KeyNames.none(), Tags.of("mutex", "reports"));
        assertThat(tagged.getMeters())
                .isNotEmpty()
                .allMatch(meter ->
                        List.of("orders", "reports").contains(meter.getId().getTag("mutex")));
        assertThat(tagged.get("distributed.mutex.held").gauges()).hasSize(2);
    }

    @Test
    void tagsThatTheMetersHaveThemselvesAreRefused() {
        for (String key : List.of("name", "outcome", "reason")) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> MutexMetrics.create(registry, KeyNames.none(), Tags.of(key, "x")))
                    .withMessage("the tag key '" + key
                            + "' is one that the meters have themselves: name, outcome, reason and operation");
        }
        assertThatNullPointerException()
                .isThrownBy(() -> MutexMetrics.create(null))
                .withMessage("registry");
        assertThatNullPointerException()
                .isThrownBy(() -> MutexMetrics.create(registry, null))
                .withMessage("names");
        assertThatNullPointerException().isThrownBy(() -> metrics.watch(null)).withMessage("mutex");
    }

    // ---- beginning and end

    @Test
    void aSecondSetOfTheSameMetersIsRefusedAndTheFirstStays() {
        int before = registry.getMeters().size();
        assertThatIllegalStateException()
                .isThrownBy(() -> MutexMetrics.create(registry))
                .withMessage("the registry has the meters of another MutexMetrics with the tags []: let one serve both"
                        + " instances, close the other first, or give them different tags");
        assertThat(registry.getMeters()).hasSize(before);
        mutex.acquire(KEY);
        assertShown(1, 0, 0);
    }

    @Test
    void aRegistryThatDeniesTheMetersTakesSeveralSets() {
        MeterRegistry closed = new SimpleMeterRegistry();
        closed.config().meterFilter(MeterFilter.denyNameStartsWith("distributed.mutex"));
        MutexMetrics first = MutexMetrics.create(closed);
        MutexMetrics second = MutexMetrics.create(closed);
        second.onNotAcquired(KEY, SECOND, new MutexClosedException("m"));
        first.close();
        second.close();
        assertThat(closed.getMeters()).isEmpty();
    }

    @Test
    void closingTakesAllMetersOutAndWhatComesAfterIsNotCounted() {
        registry.counter("of.the.application");
        mutex.acquire("report:1").close();
        scene.settle();
        metrics.close();
        metrics.close();
        assertThat(registry.getMeters())
                .extracting(meter -> meter.getId().getName())
                .containsExactly("of.the.application");

        mutex.acquire("invoice:1").close();
        mutex.acquire("report:1").close();
        scene.settle();
        assertThat(registry.getMeters()).hasSize(1);
        assertThat(scene.warnings()).isEmpty();

        MutexMetrics next = MutexMetrics.create(registry);
        assertThat(registry.get("distributed.mutex.held").gauge().value()).isZero();
        next.close();
    }

    private Timer acquires(String outcome) {
        return registry.get("distributed.mutex.acquire")
                .tags("name", "tenant", "outcome", outcome)
                .timer();
    }

    private void assertTimed(String outcome, int count, double totalMillis) {
        scene.settle();
        assertThat(acquires(outcome).count()).as(outcome).isEqualTo(count);
        assertThat(acquires(outcome).totalTime(TimeUnit.MILLISECONDS))
                .as(outcome)
                .isEqualTo(totalMillis);
    }

    private double losses(String reason) {
        return registry.get("distributed.mutex.lost")
                .tags("name", "tenant", "reason", reason)
                .counter()
                .count();
    }

    private double count(String meter) {
        return registry.get("distributed.mutex." + meter)
                .tag("name", "tenant")
                .counter()
                .count();
    }

    private void assertShown(double held, double waiting, double longestMillis) {
        assertThat(Arrays.asList(
                        registry.get("distributed.mutex.held").gauge().value(),
                        registry.get("distributed.mutex.waiting").gauge().value(),
                        registry.get("distributed.mutex.wait.longest")
                                .timeGauge()
                                .value(TimeUnit.MILLISECONDS)))
                .as("held, waiting, longest wait")
                .containsExactly(held, waiting, longestMillis);
    }
}
