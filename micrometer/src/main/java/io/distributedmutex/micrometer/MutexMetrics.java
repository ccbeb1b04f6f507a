package io.distributedmutex.micrometer;

import io.distributedmutex.Deadlock;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexListener;
import io.distributedmutex.MutexStatus;
import io.distributedmutex.StoreException;
import io.distributedmutex.spi.LockStore;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The meters of a mutex in a Micrometer registry. As a listener it counts and times what happens; by watching the instance it
 * knows what is held and waited for.
 *
 * <pre>{@code
 * MutexMetrics metrics = MutexMetrics.create(registry);
 * DistributedMutex mutex = metrics.watch(
 *         RedisMutex.builder().uri("redis://localhost:6379").listener(metrics).connect());
 * }</pre>
 *
 * <p>All meters are registered when it is made, with the value zero; those of a further {@linkplain KeyNames name} when the name
 * is first seen, and those of the store when it is {@linkplain #timed timed}. {@code docs/metrics.md} lists them. One object may serve several instances, which then count together.
 *
 * <p>Thread-safe. Times are those that the instance measured.
 */
public final class MutexMetrics implements MutexListener, AutoCloseable {

    private static final Logger LOGGER = LoggerFactory.getLogger("io.distributedmutex");

    private static final Set<String> OUR_TAGS =
            Set.of(MeterNames.NAME_TAG, MeterNames.OUTCOME_TAG, MeterNames.REASON_TAG, MeterNames.OPERATION_TAG);

    private final MeterRegistry registry;
    private final KeyNames names;
    private final Tags tags;

    private final List<DistributedMutex> watched = new CopyOnWriteArrayList<>();
    private final AtomicBoolean warnedOfNotWatching = new AtomicBoolean();

    private final Map<String, NamedMeters> named = new ConcurrentHashMap<>();
    private final Counter deadlocks;

    /** What is taken out of the registry at the end. Added to, and ended, under the monitor of this object. */
    private final Collection<Meter> registered = new ConcurrentLinkedQueue<>();

    /** Made when a store is to be timed. Guarded by this. */
    private @Nullable StoreTimers storeTimers;

    private volatile boolean closed;

    private MutexMetrics(MeterRegistry registry, KeyNames names, Tags tags) {
        this.registry = registry;
        this.names = names;
        this.tags = tags;
        registerGauges();
        deadlocks = Counter.builder(MeterNames.DEADLOCKS)
                .description("Circles of owners that wait for each other, of which this instance has the youngest wait")
                .tags(tags)
                .register(registry);
        registered.add(deadlocks);
        meters(KeyNames.NONE);
        names.expected().forEach(this::meters);
    }

    /**
     * Registers the meters. All keys count together.
     *
     * @param registry where to
     * @return the metrics
     * @throws IllegalStateException if the registry has such meters already
     */
    public static MutexMetrics create(MeterRegistry registry) {
        return create(registry, KeyNames.none());
    }

    /**
     * Registers the meters. Keys count by their names.
     *
     * @param registry where to
     * @param names what the meters' tag "name" is for each key
     * @return the metrics
     * @throws IllegalStateException if the registry has such meters already
     */
    public static MutexMetrics create(MeterRegistry registry, KeyNames names) {
        return create(registry, names, Tags.empty());
    }

    /**
     * Registers the meters, each with further tags: to tell several instances in one registry apart.
     *
     * @param registry where to
     * @param names what the meters' tag "name" is for each key
     * @param tags added to all meters. Use the same tag keys for all instances: Prometheus takes no others
     * @return the metrics
     * @throws IllegalArgumentException if a tag has the key "name", "outcome", "reason" or "operation", as the meters' own tags
     * @throws IllegalStateException if the registry has such meters with these tags already
     */
    public static MutexMetrics create(MeterRegistry registry, KeyNames names, Iterable<Tag> tags) {
        Objects.requireNonNull(registry, "registry");
        Objects.requireNonNull(names, "names");
        for (Tag tag : tags) {
            if (OUR_TAGS.contains(tag.getKey())) {
                throw new IllegalArgumentException("the tag key '" + tag.getKey()
                        + "' is one that the meters have themselves: name, outcome, reason and operation");
            }
        }
        return new MutexMetrics(registry, names, Tags.of(tags));
    }

    /**
     * Shows what an instance holds and waits for in the gauges. Call it once for each instance that these metrics listen to;
     * the gauges are sums, and the longest of the waits. The instance is kept in memory until {@link #close}.
     *
     * @param mutex the instance, or one of its views
     * @return the same
     */
    public DistributedMutex watch(DistributedMutex mutex) {
        Objects.requireNonNull(mutex, "mutex");
        if (!watched.contains(mutex)) {
            watched.add(mutex);
        }
        return mutex;
    }

    /**
     * Times each request to a store, such as a round trip to Redis. Give it to the builder of the instance:
     *
     * <pre>{@code
     * MutexMetrics metrics = MutexMetrics.create(registry);
     * DistributedMutex mutex = metrics.watch(RedisMutex.builder()
     *         .uri("redis://localhost:6379")
     *         .listener(metrics)
     *         .decorateStore(metrics::timed)
     *         .connect());
     * }</pre>
     *
     * <p>The first call registers the timers, {@code distributed.mutex.store.requests}. A request is timed from when it is made
     * until it is answered or has failed, by the clock of the registry.
     *
     * @param store the store that is asked
     * @return a store that times and asks it
     */
    public synchronized LockStore timed(LockStore store) {
        Objects.requireNonNull(store, "store");
        if (closed) {
            return store;
        }
        if (storeTimers == null) {
            storeTimers = new StoreTimers(registry, tags, registered::add);
        }
        return new TimedLockStore(store, storeTimers);
    }

    /**
     * Takes the meters out of the registry, and forgets the instances. What happens after that is not counted. Close the
     * instances first. Idempotent.
     */
    @Override
    public synchronized void close() {
        closed = true;
        registered.forEach(registry::remove);
        registered.clear();
        watched.clear();
    }

    // ---- what is heard

    /** True: to count takes less time than to wake the thread that would do it. */
    @Override
    public boolean isImmediate() {
        return true;
    }

    @Override
    public void onAcquired(Lease lease, Duration waited) {
        if (watched.isEmpty() && !closed && warnedOfNotWatching.compareAndSet(false, true)) {
            LOGGER.warn(
                    "MutexMetrics listens to an instance but does not watch it, so {}, {} and {} stay 0: call"
                            + " watch(mutex)",
                    MeterNames.HELD,
                    MeterNames.WAITING,
                    MeterNames.LONGEST_WAIT);
        }
        of(lease).acquire(Outcome.ACQUIRED).record(waited);
    }

    @Override
    public void onNotAcquired(String key, Duration waited, LockException outcome) {
        of(key).acquire(Outcome.of(outcome)).record(waited);
    }

    @Override
    public void onReleased(Lease lease, Duration held) {
        of(lease).hold.record(held);
    }

    @Override
    public void onAtRisk(Lease lease) {
        of(lease).atRisk.increment();
    }

    @Override
    public void onRecovered(Lease lease) {
        of(lease).recovered.increment();
    }

    @Override
    public void onLost(Lease lease, LossReason reason) {
        of(lease).lost(reason).increment();
    }

    @Override
    public void onReleaseUnconfirmed(String key, StoreException error) {
        of(key).unconfirmed.increment();
    }

    @Override
    public void onDeadlock(Deadlock circle) {
        deadlocks.increment();
    }

    @Override
    public void onForcedRelease(LockInfo evicted) {
        of(evicted.key()).forced.increment();
    }

    private NamedMeters of(Lease lease) {
        return of(lease.key());
    }

    private NamedMeters of(String key) {
        return meters(names.of(key));
    }

    private NamedMeters meters(String name) {
        NamedMeters known = named.get(name);
        return known != null ? known : register(name);
    }

    /** After the end there are none for a new name, so they are those of no name: nobody sees them. */
    private synchronized NamedMeters register(String name) {
        String counted = closed ? KeyNames.NONE : name;
        return named.computeIfAbsent(counted, made -> new NamedMeters(registry, tags, made, registered::add));
    }

    // ---- what is seen

    private void registerGauges() {
        Collection<Gauge> before = registry.find(MeterNames.HELD).gauges();
        Gauge held = Gauge.builder(MeterNames.HELD, this, MutexMetrics::held)
                .description("Leases that are held now")
                .tags(tags)
                .strongReference(true)
                .register(registry);
        if (before.contains(held)) {
            throw new IllegalStateException("the registry has the meters of another MutexMetrics with the tags " + tags
                    + ": let one serve both instances, close the other first, or give them different tags");
        }
        registered.add(held);
        registered.add(Gauge.builder(MeterNames.WAITING, this, MutexMetrics::waiting)
                .description("Threads and futures that wait for a lease now")
                .tags(tags)
                .strongReference(true)
                .register(registry));
        registered.add(
                TimeGauge.builder(MeterNames.LONGEST_WAIT, this, TimeUnit.NANOSECONDS, MutexMetrics::longestWaitNanos)
                        .description("How long the one that waits longest has waited")
                        .tags(tags)
                        .strongReference(true)
                        .register(registry));
    }

    // Each gauge takes a status of its own, since a registry asks each gauge alone and does not say when a scrape
    // begins. A status that is kept for the next gauge would be older than what its reader has just seen happen.

    private double held() {
        return watched.stream().mapToInt(mutex -> mutex.status().held().size()).sum();
    }

    private double waiting() {
        return watched.stream()
                .mapToInt(mutex -> mutex.status().waiting().size())
                .sum();
    }

    private double longestWaitNanos() {
        return watched.stream()
                .flatMap(mutex -> mutex.status().waiting().stream())
                .map(MutexStatus.Waiting::waited)
                .mapToLong(Duration::toNanos)
                .max()
                .orElse(0);
    }
}
