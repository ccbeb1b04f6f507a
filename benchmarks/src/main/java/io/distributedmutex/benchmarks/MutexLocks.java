package io.distributedmutex.benchmarks;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.micrometer.KeyNames;
import io.distributedmutex.micrometer.MutexMetrics;
import io.distributedmutex.redis.RedisMutex;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.function.Consumer;

/** This library. */
final class MutexLocks implements Locks {

    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private final DistributedMutex root;
    private final DistributedMutex mutex;
    private final DistributedMutex renewing;
    private final Consumer<Lease> release;

    MutexLocks(String uri, Consumer<Lease> release) {
        // Eight processes that start at once on two processors need a while until they have connected.
        this(
                RedisMutex.builder()
                        .uri(uri)
                        .commandTimeout(Duration.ofSeconds(10))
                        .connect(),
                release);
    }

    private MutexLocks(DistributedMutex root, Consumer<Lease> release) {
        this.root = root;
        this.mutex = root.with(options -> options.waitTime(PATIENCE).leaseTime(Duration.ofMillis(LEASE_MILLIS)));
        this.renewing =
                mutex.with(options -> options.leaseTime(Duration.ofSeconds(30)).autoRenew(Duration.ofHours(1)));
        this.release = release;
    }

    /** Counted and timed, with names as an application would have them, and released by close(). */
    static MutexLocks metered(String uri) {
        MutexMetrics metrics = MutexMetrics.create(
                new PrometheusMeterRegistry(PrometheusConfig.DEFAULT), KeyNames.before(':', "tenant"));
        return new MutexLocks(
                metrics.watch(RedisMutex.builder().uri(uri).listener(metrics).connect()), Lease::close);
    }

    /** The view whose leases are renewed. */
    DistributedMutex renewing() {
        return renewing;
    }

    @Override
    public Held lock(String key) {
        return held(mutex.acquire(key));
    }

    @Override
    public Held lock(String key, long leaseMillis) {
        return held(mutex.with(options -> options.leaseTime(Duration.ofMillis(leaseMillis)))
                .acquire(key));
    }

    @Override
    public Held lockRenewed(String key) {
        return held(renewing.acquire(key));
    }

    @Override
    public void close() {
        root.close();
    }

    private Held held(Lease lease) {
        return () -> release.accept(lease);
    }
}
