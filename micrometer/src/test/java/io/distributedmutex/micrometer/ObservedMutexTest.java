package io.distributedmutex.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.MutexListener;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import io.micrometer.common.KeyValue;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistryAssert;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A trace shows the wait and the hold, whatever becomes of them, and no handler can do harm. */
class ObservedMutexTest {

    private static final String WAIT = "distributed.mutex.observed.wait";
    private static final String HOLD = "distributed.mutex.observed.hold";
    private static final String KEY = "tenant:1";

    private final Scene scene = new Scene();
    private final TestObservationRegistry observations = TestObservationRegistry.create();
    private final Told told = new Told();
    private final Scene.Instance app = scene.instance("app", new MutexListener() {});
    private final ObservedMutex mutex = ObservedMutex.of(app.mutex(), observations, KeyNames.before(':'));
    private final DistributedMutex other = scene.other();

    ObservedMutexTest() {
        observations.observationConfig().observationHandler(told);
    }

    @AfterEach
    void nothingIsLeftOpen() {
        assertThat(observations.getCurrentObservation()).isNull();
        scene.settle();
        TestObservationRegistryAssert.assertThat(observations)
                .doesNotHaveAnyRemainingCurrentObservation()
                .doesNotHaveAnyRemainingCurrentScope();
        assertThat(told.open).isZero();
        scene.close();
    }

    // ---- the wait and the hold

    @Test
    void workUnderALeaseIsTracedAsAWaitAndAHoldWithKeyAndToken() throws IOException {
        AtomicReference<Lease> held = new AtomicReference<>();
        String result = mutex.<String, IOException>call(KEY, lease -> {
            held.set(lease);
            return "done";
        });
        assertThat(result).isEqualTo("done");
        String token = Long.toString(held.get().fencingToken());
        for (String observation : List.of(WAIT, HOLD)) {
            TestObservationRegistryAssert.assertThat(observations)
                    .hasObservationWithNameEqualTo(observation)
                    .that()
                    .hasBeenStarted()
                    .hasBeenStopped()
                    .doesNotHaveError()
                    .hasLowCardinalityKeyValue("name", "tenant")
                    .hasLowCardinalityKeyValue("outcome", observation.equals(WAIT) ? "acquired" : "released")
                    .hasHighCardinalityKeyValue("key", KEY)
                    .hasHighCardinalityKeyValue("fencing.token", token);
        }
        assertThat(told.lines)
                .containsExactly(
                        "start mutex wait tenant of nothing",
                        "stop mutex wait tenant",
                        "start mutex hold tenant of nothing",
                        "stop mutex hold tenant");
    }

    @Test
    void theWorkIsAPartOfTheHoldAndBothAreAPartOfWhatTheCallerDoes() {
        Observation.createNotStarted("request", observations)
                .contextualName("request")
                .observe(() -> mutex.run(
                        KEY,
                        lease -> Observation.createNotStarted("update", observations)
                                .contextualName("update")
                                .observe(() -> {})));
        assertThat(told.lines)
                .containsExactly(
                        "start request of nothing",
                        "start mutex wait tenant of request",
                        "stop mutex wait tenant",
                        "start mutex hold tenant of request",
                        "start update of mutex hold tenant",
                        "stop update",
                        "stop mutex hold tenant",
                        "stop request");
    }

    @Test
    void aLeaseIsTracedUntilItsRelease() {
        Lease lease = mutex.acquire(KEY);
        Lease second = mutex.acquire("report", Duration.ZERO);
        assertThat(observations.getCurrentObservation()).isNull();
        assertThat(told.lines)
                .containsExactly(
                        "start mutex wait tenant of nothing",
                        "stop mutex wait tenant",
                        "start mutex hold tenant of nothing",
                        "start mutex wait of nothing",
                        "stop mutex wait",
                        "start mutex hold of nothing");
        lease.close();
        scene.settle();
        assertThat(told.outcomes).containsExactly("acquired", "acquired", "released");
        assertThat(second.release()).isTrue();
        scene.settle();
        assertThat(told.outcomes).containsExactly("acquired", "acquired", "released", "released");
    }

    @Test
    void aLeaseIsTracedUntilItsLoss() {
        mutex.with(options -> options.leaseTime(Duration.ofSeconds(1))).acquire(KEY);
        scene.pass(Duration.ofSeconds(1));
        assertThat(told.outcomes).containsExactly("acquired", "expired");
    }

    @Test
    void workWhoseLeaseIsLostIsTracedAsLost() {
        assertThatExceptionOfType(LeaseLostException.class)
                .isThrownBy(() -> mutex.with(options -> options.leaseTime(Duration.ofSeconds(1)))
                        .run(KEY, lease -> scene.pass(Duration.ofSeconds(2))));
        assertThat(told.outcomes).containsExactly("acquired", "expired");
    }

    @Test
    void workThatThrowsIsAnErrorOfTheHoldAndPassesThrough() {
        IOException failure = new IOException("disk full");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> mutex.run(KEY, lease -> {
                    throw failure;
                }))
                .isSameAs(failure);
        assertThat(told.outcomes).containsExactly("acquired", "released");
        TestObservationRegistryAssert.assertThat(observations)
                .hasObservationWithNameEqualTo(HOLD)
                .that()
                .hasError(failure);
        TestObservationRegistryAssert.assertThat(observations)
                .hasObservationWithNameEqualTo(WAIT)
                .that()
                .doesNotHaveError();
        assertThat(app.mutex().tryAcquire(KEY)).as("released").isPresent();
    }

    // ---- what is not acquired

    @Test
    void aWaitInVainIsAnErrorOfTheWait() {
        other.acquire(KEY);
        assertThatExceptionOfType(LockNotAcquiredException.class).isThrownBy(() -> mutex.acquire(KEY));
        assertThatExceptionOfType(LockNotAcquiredException.class).isThrownBy(() -> mutex.run(KEY, lease -> {}));
        assertThat(told.outcomes).containsExactly("not_acquired", "not_acquired");
        assertThat(told.errors).hasSize(2).allMatch(LockNotAcquiredException.class::isInstance);
    }

    @Test
    void anAttemptInVainIsNone() {
        other.acquire(KEY);
        assertThat(mutex.tryAcquire(KEY)).isEmpty();
        assertThat(mutex.tryAcquire(KEY, Duration.ofSeconds(2))).isEmpty();
        assertThat(told.outcomes).containsExactly("not_acquired", "not_acquired");
        assertThat(told.errors).isEmpty();
        Optional<Lease> lease = mutex.tryAcquire("report");
        lease.orElseThrow().close();
        scene.settle();
        assertThat(told.outcomes).containsExactly("not_acquired", "not_acquired", "acquired", "released");
    }

    @Test
    void aStoreThatFailsIsAnErrorOfTheWait() {
        app.store().failNext(1, Operation.ACQUIRE);
        assertThatExceptionOfType(StoreUnreachableException.class).isThrownBy(() -> mutex.tryAcquire(KEY));
        assertThat(told.outcomes).containsExactly("unreachable");
    }

    @Test
    void aKeyThatIsRefusedIsAnErrorOfTheWait() {
        assertThatIllegalArgumentException().isThrownBy(() -> mutex.acquire(""));
        assertThatIllegalArgumentException().isThrownBy(() -> mutex.acquireAsync(""));
        assertThat(told.outcomes).containsExactly("not_acquired", "not_acquired");
        assertThat(told.errors).hasSize(2).allMatch(IllegalArgumentException.class::isInstance);
        assertThatNullPointerException().isThrownBy(() -> mutex.acquire(null)).withMessage("key");
        assertThatNullPointerException().isThrownBy(() -> mutex.run(KEY, null)).withMessage("action");
        assertThatNullPointerException().isThrownBy(() -> mutex.call(KEY, null)).withMessage("function");
    }

    // ---- futures

    @Test
    void aFutureIsTracedToItsEnd() {
        Observation request = Observation.start("request", observations).contextualName("request");
        CompletableFuture<Lease> future;
        try (Observation.Scope scope = request.openScope()) {
            future = mutex.acquireAsync(KEY);
        }
        scene.settle();
        scene.lease(future).close();
        scene.settle();
        request.stop();
        assertThat(told.outcomes).containsExactly("acquired", "released");
        assertThat(told.lines).contains("start mutex wait tenant of request", "start mutex hold tenant of request");
    }

    @Test
    void aFutureThatIsCancelledGivesUpAsEver() {
        Lease held = other.acquire(KEY);
        CompletableFuture<Lease> future = mutex.acquireAsync(KEY);
        CompletableFuture<Lease> completed = mutex.acquireAsync(KEY);
        scene.pass(Duration.ofMillis(100));
        assertThat(app.mutex().status().waiting()).hasSize(2);
        future.cancel(false);
        completed.complete(null);
        scene.settle();
        assertThat(app.mutex().status().waiting()).isEmpty();
        assertThat(told.outcomes).containsExactly("not_acquired", "not_acquired");
        held.close();
    }

    // ---- handlers and registries

    @Test
    void aHandlerThatThrowsAffectsNoLock() {
        ObservationRegistry bad = ObservationRegistry.create();
        bad.observationConfig().observationHandler(new Broken());
        ObservedMutex broken = ObservedMutex.of(app.mutex(), bad);
        Lease lease = broken.acquire(KEY);
        assertThat(lease.release()).isTrue();
        assertThat(broken.<String, RuntimeException>call(KEY, held -> "done")).isEqualTo("done");
        scene.lease(broken.acquireAsync(KEY)).close();
        scene.settle();
        assertThat(broken.tryAcquire(KEY)).isPresent();
        assertThat(broken.tryAcquire(KEY)).isEmpty();
        assertThat(scene.warnings())
                .containsExactly("an ObservationHandler threw; no lock is affected, and further ones are not logged");
    }

    @Test
    void withoutHandlersNothingIsObserved() {
        ObservedMutex silent = ObservedMutex.of(app.mutex(), ObservationRegistry.NOOP, KeyNames.by(key -> {
            throw new IllegalStateException("not asked");
        }));
        silent.acquire(KEY).close();
        silent.run(KEY, lease -> lease.ensure(Duration.ofSeconds(1)));
        scene.lease(silent.acquireAsync(KEY)).close();
        silent.tryAcquire(KEY).orElseThrow().close();
        assertThatIllegalStateException()
                .isThrownBy(() -> silent.run(KEY, lease -> {
                    throw new IllegalStateException("of the work");
                }))
                .withMessage("of the work");
        assertThat(scene.warnings()).isEmpty();
    }

    @Test
    void theMutexBelowIsTheOneThatWasGiven() {
        assertThat(mutex.mutex()).isSameAs(app.mutex());
        assertThat(mutex.with(options -> options.waitTime(Duration.ofSeconds(9)))
                        .mutex()
                        .options()
                        .waitTime())
                .isEqualTo(Duration.ofSeconds(9));
    }

    /** As in Spring Boot, where every observation becomes a timer too. Prometheus refuses a name with other tags. */
    @Test
    void timersOfObservationsStandBesideTheMeters() {
        MeterRegistry prometheus = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        MutexMetrics metrics = MutexMetrics.create(prometheus);
        observations.observationConfig().observationHandler(new DefaultMeterObservationHandler(prometheus));
        DistributedMutex both = metrics.watch(scene.instance("both", metrics).mutex());
        ObservedMutex.of(both, observations).run("report", lease -> {});
        scene.settle();
        for (String timer : List.of(WAIT, HOLD, "distributed.mutex.acquire", "distributed.mutex.hold")) {
            assertThat(prometheus.get(timer).timers()).as(timer).anyMatch(found -> found.count() == 1);
        }
    }

    /** Writes down what is started and stopped. */
    private static final class Told implements ObservationHandler<Observation.Context> {
        final List<String> lines = new ArrayList<>();
        final List<String> outcomes = new ArrayList<>();
        final List<Throwable> errors = new ArrayList<>();
        int open;

        @Override
        public void onStart(Observation.Context context) {
            open++;
            lines.add("start " + context.getContextualName() + " of "
                    + Optional.ofNullable(context.getParentObservation())
                            .map(parent -> parent.getContextView().getContextualName())
                            .orElse("nothing"));
        }

        @Override
        public void onError(Observation.Context context) {
            errors.add(Objects.requireNonNull(context.getError()));
        }

        @Override
        public void onStop(Observation.Context context) {
            open--;
            lines.add("stop " + context.getContextualName());
            KeyValue outcome = context.getLowCardinalityKeyValue("outcome");
            if (outcome != null) {
                outcomes.add(outcome.getValue());
            }
        }

        @Override
        public boolean supportsContext(Observation.Context context) {
            return true;
        }
    }

    /** Throws whenever it can. */
    private static final class Broken implements ObservationHandler<Observation.Context> {
        @Override
        public void onStart(Observation.Context context) {
            throw new IllegalStateException("start");
        }

        @Override
        public void onError(Observation.Context context) {
            throw new IllegalStateException("error");
        }

        @Override
        public void onStop(Observation.Context context) {
            throw new NoClassDefFoundError("stop");
        }

        @Override
        public void onScopeOpened(Observation.Context context) {
            throw new IllegalStateException("scope opened");
        }

        @Override
        public void onScopeClosed(Observation.Context context) {
            throw new IllegalStateException("scope closed");
        }

        @Override
        public boolean supportsContext(Observation.Context context) {
            return true;
        }
    }
}
