package io.distributedmutex.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What Prometheus reads: all of it before the first use, and again after a contended run. */
class PrometheusTextTest {

    private final Scene scene = new Scene();
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final MutexMetrics metrics = MutexMetrics.create(registry, KeyNames.before(':', "tenant"));
    private final Scene.Instance app = scene.instance("app", metrics);
    private final DistributedMutex mutex = metrics.watch(app.mutex());
    private final DistributedMutex other = scene.other();

    @AfterEach
    void closes() {
        scene.close();
    }

    @Test
    void everyLineIsThereBeforeTheFirstUse() {
        PrometheusMeterRegistry fresh = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        MutexMetrics.create(fresh);
        assertThat(samples(fresh)).isEqualTo("""
                distributed_mutex_acquire_seconds_count{name="none",outcome="acquired"} 0
                distributed_mutex_acquire_seconds_sum{name="none",outcome="acquired"} 0.0
                distributed_mutex_acquire_seconds_count{name="none",outcome="closed"} 0
                distributed_mutex_acquire_seconds_sum{name="none",outcome="closed"} 0.0
                distributed_mutex_acquire_seconds_count{name="none",outcome="interrupted"} 0
                distributed_mutex_acquire_seconds_sum{name="none",outcome="interrupted"} 0.0
                distributed_mutex_acquire_seconds_count{name="none",outcome="not_acquired"} 0
                distributed_mutex_acquire_seconds_sum{name="none",outcome="not_acquired"} 0.0
                distributed_mutex_acquire_seconds_count{name="none",outcome="refused"} 0
                distributed_mutex_acquire_seconds_sum{name="none",outcome="refused"} 0.0
                distributed_mutex_acquire_seconds_count{name="none",outcome="unreachable"} 0
                distributed_mutex_acquire_seconds_sum{name="none",outcome="unreachable"} 0.0
                distributed_mutex_acquire_seconds_max{name="none",outcome="acquired"} 0.0
                distributed_mutex_acquire_seconds_max{name="none",outcome="closed"} 0.0
                distributed_mutex_acquire_seconds_max{name="none",outcome="interrupted"} 0.0
                distributed_mutex_acquire_seconds_max{name="none",outcome="not_acquired"} 0.0
                distributed_mutex_acquire_seconds_max{name="none",outcome="refused"} 0.0
                distributed_mutex_acquire_seconds_max{name="none",outcome="unreachable"} 0.0
                distributed_mutex_at_risk_total{name="none"} 0.0
                distributed_mutex_deadlocks_total 0.0
                distributed_mutex_forced_releases_total{name="none"} 0.0
                distributed_mutex_held 0.0
                distributed_mutex_hold_seconds_count{name="none"} 0
                distributed_mutex_hold_seconds_sum{name="none"} 0.0
                distributed_mutex_hold_seconds_max{name="none"} 0.0
                distributed_mutex_lost_total{name="none",reason="closed"} 0.0
                distributed_mutex_lost_total{name="none",reason="expired"} 0.0
                distributed_mutex_lost_total{name="none",reason="revoked"} 0.0
                distributed_mutex_lost_total{name="none",reason="store_lost"} 0.0
                distributed_mutex_lost_total{name="none",reason="taken"} 0.0
                distributed_mutex_recovered_total{name="none"} 0.0
                distributed_mutex_releases_unconfirmed_total{name="none"} 0.0
                distributed_mutex_wait_longest_seconds 0.0
                distributed_mutex_waiting 0.0
                """);
    }

    @Test
    void aContendedRunIsTold() {
        Lease first = other.acquire("tenant:1");
        CompletableFuture<Lease> second = mutex.acquireAsync("tenant:1");
        CompletableFuture<Lease> third = mutex.acquireAsync("tenant:1");
        scene.pass(Duration.ofMillis(1_500));
        assertThat(samplesThatAreNotZero()).isEqualTo("""
                distributed_mutex_wait_longest_seconds 1.5
                distributed_mutex_waiting 2.0
                """);

        first.close(); // the second gets it by push
        scene.pass(Duration.ofMillis(500));
        scene.lease(second).close(); // the third gets it from the second
        scene.pass(Duration.ofMillis(250));
        scene.lease(third).close();

        other.acquire("tenant:2");
        CompletableFuture<Lease> late = mutex.acquireAsync("tenant:2"); // in vain
        scene.pass(Duration.ofSeconds(5));
        assertThat(late).isCompletedExceptionally();
        assertThat(mutex.forceRelease("tenant:2")).isPresent();

        mutex.with(options -> options.leaseTime(Duration.ofSeconds(3)).autoRenew(Duration.ofMinutes(1)))
                .acquire("tenant:3");
        app.store().failNext(1, Operation.RENEW); // at risk, and recovered
        scene.pass(Duration.ofSeconds(2));
        app.store().failNext(1_000, Operation.RENEW); // at risk, and lost
        scene.pass(Duration.ofSeconds(5));
        app.store().heal();

        app.store().failNext(1, Operation.ACQUIRE);
        assertThatExceptionOfType(StoreUnreachableException.class).isThrownBy(() -> mutex.tryAcquire("report:daily"));
        mutex.acquire("report:weekly");
        scene.settle();
        assertThat(samplesThatAreNotZero()).isEqualTo("""
                distributed_mutex_acquire_seconds_count{name="report",outcome="acquired"} 1
                distributed_mutex_acquire_seconds_count{name="report",outcome="unreachable"} 1
                distributed_mutex_acquire_seconds_count{name="tenant",outcome="acquired"} 3
                distributed_mutex_acquire_seconds_sum{name="tenant",outcome="acquired"} 3.5
                distributed_mutex_acquire_seconds_count{name="tenant",outcome="not_acquired"} 1
                distributed_mutex_acquire_seconds_sum{name="tenant",outcome="not_acquired"} 5.0
                distributed_mutex_acquire_seconds_max{name="tenant",outcome="acquired"} 2.0
                distributed_mutex_acquire_seconds_max{name="tenant",outcome="not_acquired"} 5.0
                distributed_mutex_at_risk_total{name="tenant"} 2.0
                distributed_mutex_forced_releases_total{name="tenant"} 1.0
                distributed_mutex_held 1.0
                distributed_mutex_hold_seconds_count{name="tenant"} 2
                distributed_mutex_hold_seconds_sum{name="tenant"} 0.75
                distributed_mutex_hold_seconds_max{name="tenant"} 0.5
                distributed_mutex_lost_total{name="tenant",reason="expired"} 1.0
                distributed_mutex_recovered_total{name="tenant"} 1.0
                """);
    }

    private String samplesThatAreNotZero() {
        return samples(registry)
                .lines()
                .filter(line -> !line.matches(".* 0(\\.0)?"))
                .collect(Collectors.joining("\n", "", "\n"));
    }

    private static String samples(PrometheusMeterRegistry registry) {
        return registry.scrape()
                .lines()
                .filter(line -> !line.startsWith("#"))
                .collect(Collectors.joining("\n", "", "\n"));
    }
}
