package io.distributedmutex.micrometer;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseAction;
import io.distributedmutex.LeaseFunction;
import io.distributedmutex.LockOptions;
import io.micrometer.observation.ObservationRegistry;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A mutex whose waits and holds are observed, so that a trace shows them with key and fencing token. Each method does what that
 * of {@link DistributedMutex} does, and throws the same.
 *
 * <p>Two observations are parts of the one that is current where the method is called:
 *
 * <ul>
 *   <li>{@code distributed.mutex.observed.wait}: from the call to the lease, or to the failure.
 *   <li>{@code distributed.mutex.observed.hold}: in {@link #run} and {@link #call} while the work runs, which has it as its
 *       current observation; else from the lease to its end, and never current.
 * </ul>
 *
 * <p>Both have the low-cardinality key values {@code name} and {@code outcome}, and the high-cardinality ones {@code key} and
 * {@code fencing.token}. An observation handler that throws does no harm: one WARN line says so.
 *
 * <p>Thread-safe. With a registry that has no handlers it costs nothing.
 */
public final class ObservedMutex {

    private final DistributedMutex mutex;
    private final ObservationRegistry registry;
    private final KeyNames names;
    private final QuietObservation.Complaint complaint;

    private ObservedMutex(
            DistributedMutex mutex,
            ObservationRegistry registry,
            KeyNames names,
            QuietObservation.Complaint complaint) {
        this.mutex = mutex;
        this.registry = registry;
        this.names = names;
        this.complaint = complaint;
    }

    /**
     * Observes what is done through the object returned. All keys have the name {@value KeyNames#NONE}.
     *
     * @param mutex what does the work; it stays the caller's to close
     * @param registry where observations go
     * @return the observed mutex
     */
    public static ObservedMutex of(DistributedMutex mutex, ObservationRegistry registry) {
        return of(mutex, registry, KeyNames.none());
    }

    /**
     * Observes what is done through the object returned.
     *
     * @param mutex what does the work; it stays the caller's to close
     * @param registry where observations go
     * @param names what the key value "name" is for each key
     * @return the observed mutex
     */
    public static ObservedMutex of(DistributedMutex mutex, ObservationRegistry registry, KeyNames names) {
        return new ObservedMutex(
                Objects.requireNonNull(mutex, "mutex"),
                Objects.requireNonNull(registry, "registry"),
                Objects.requireNonNull(names, "names"),
                new QuietObservation.Complaint());
    }

    /**
     * A cheap view with other options.
     *
     * @param change as in {@link DistributedMutex#with}
     * @return the view, observed in the same way
     * @throws IllegalArgumentException if the options are out of bounds or contradict each other
     */
    public ObservedMutex with(UnaryOperator<LockOptions.Builder> change) {
        return new ObservedMutex(mutex.with(change), registry, names, complaint);
    }

    /**
     * The mutex that does the work.
     *
     * @return the same mutex, not observed
     */
    public DistributedMutex mutex() {
        return mutex;
    }

    /**
     * As {@link DistributedMutex#acquire(String)}.
     *
     * @param key the key
     * @return the lease
     */
    public Lease acquire(String key) {
        return acquired(key, () -> mutex.acquire(key));
    }

    /**
     * As {@link DistributedMutex#acquire(String, Duration)}.
     *
     * @param key the key
     * @param waitTime how long to wait at most
     * @return the lease
     */
    public Lease acquire(String key, Duration waitTime) {
        return acquired(key, () -> mutex.acquire(key, waitTime));
    }

    /**
     * As {@link DistributedMutex#tryAcquire(String)}.
     *
     * @param key the key
     * @return the lease, or empty if the key is taken
     */
    public Optional<Lease> tryAcquire(String key) {
        return tried(key, () -> mutex.tryAcquire(key));
    }

    /**
     * As {@link DistributedMutex#tryAcquire(String, Duration)}.
     *
     * @param key the key
     * @param waitTime how long to wait at most
     * @return the lease, or empty if others held the key all the time
     */
    public Optional<Lease> tryAcquire(String key, Duration waitTime) {
        return tried(key, () -> mutex.tryAcquire(key, waitTime));
    }

    /**
     * As {@link DistributedMutex#acquireAsync}.
     *
     * @param key the key
     * @return completes with the lease
     */
    public CompletableFuture<Lease> acquireAsync(String key) {
        if (registry.isNoop()) {
            return mutex.acquireAsync(key);
        }
        Attempt attempt = attempt(key);
        CompletableFuture<Lease> future = observing(attempt, () -> mutex.acquireAsync(key));
        var unused = future.whenComplete((lease, error) -> {
            if (lease != null) {
                attempt.acquired(lease);
            } else if (error != null) {
                attempt.failed(error);
            } else {
                attempt.refused();
            }
        });
        return future;
    }

    /**
     * As {@link DistributedMutex#run}.
     *
     * @param key the key
     * @param action the work
     * @param <E> what the work may throw; passes through
     * @throws E what the work threw
     */
    public <E extends Exception> void run(String key, LeaseAction<E> action) throws E {
        Objects.requireNonNull(action, "action");
        this.<@Nullable Void, E>call(key, lease -> {
            action.run(lease);
            return null;
        });
    }

    /**
     * As {@link DistributedMutex#call}.
     *
     * @param key the key
     * @param function the work
     * @param <R> the result
     * @param <E> what the work may throw; passes through
     * @return the result
     * @throws E what the work threw
     */
    public <R extends @Nullable Object, E extends Exception> R call(String key, LeaseFunction<R, E> function) throws E {
        Objects.requireNonNull(function, "function");
        if (registry.isNoop()) {
            return mutex.call(key, function);
        }
        Attempt attempt = attempt(key);
        try {
            return mutex.call(key, lease -> attempt.acquired(lease, function));
        } catch (Throwable t) {
            attempt.failed(t);
            throw t;
        }
    }

    private Lease acquired(String key, Supplier<Lease> acquire) {
        if (registry.isNoop()) {
            return acquire.get();
        }
        Attempt attempt = attempt(key);
        Lease lease = observing(attempt, acquire);
        attempt.acquired(lease);
        return lease;
    }

    private Optional<Lease> tried(String key, Supplier<Optional<Lease>> acquire) {
        if (registry.isNoop()) {
            return acquire.get();
        }
        Attempt attempt = attempt(key);
        Optional<Lease> lease = observing(attempt, acquire);
        lease.ifPresentOrElse(attempt::acquired, attempt::refused);
        return lease;
    }

    private Attempt attempt(String key) {
        Objects.requireNonNull(key, "key");
        return new Attempt(registry, complaint, key, names.of(key));
    }

    private static <T> T observing(Attempt attempt, Supplier<T> call) {
        try {
            return call.get();
        } catch (Throwable t) {
            attempt.failed(t);
            throw t;
        }
    }
}
