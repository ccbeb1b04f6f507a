package io.distributedmutex.micrometer;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseFunction;
import io.distributedmutex.LossReason;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** One attempt to acquire a key, as it is observed: the wait, and then the hold. Both are parts of what the caller does. */
final class Attempt {

    private static final String RELEASED = "released";

    private final ObservationRegistry registry;
    private final QuietObservation.Complaint complaint;
    private final String key;
    private final String name;
    private final @Nullable Observation parent;
    private final QuietObservation wait;
    private boolean waiting = true;

    /** Starts the wait. */
    Attempt(ObservationRegistry registry, QuietObservation.Complaint complaint, String key, String name) {
        this.registry = registry;
        this.complaint = complaint;
        this.key = key;
        this.name = name;
        this.parent = registry.getCurrentObservation();
        this.wait = start("wait");
    }

    /** The key was taken, and that is no error. */
    void refused() {
        wait.stop(Outcome.NOT_ACQUIRED.value);
    }

    /** The wait ended with an error. Without effect once the lease is there. */
    void failed(Throwable error) {
        if (waiting) {
            waiting = false;
            wait.error(error);
            wait.stop(Outcome.of(error).value);
        }
    }

    /** The lease is there. The hold ends when the lease does. */
    void acquired(Lease lease) {
        QuietObservation hold = granted(lease);
        var unused = lease.lost().whenComplete((reason, released) -> hold.stop(outcome(reason)));
    }

    /** The lease is there. The hold ends when the function does, and what that observes is a part of the hold. */
    <R extends @Nullable Object, E extends Exception> R acquired(Lease lease, LeaseFunction<R, E> function) throws E {
        QuietObservation hold = granted(lease);
        Runnable endOfScope = hold.makeCurrent();
        try {
            return function.call(lease);
        } catch (Throwable t) {
            hold.error(t);
            throw t;
        } finally {
            endOfScope.run();
            // Asked first: a lease whose deadline has passed becomes a lost one.
            lease.isValid();
            hold.stop(outcome(lease.lossReason().orElse(null)));
        }
    }

    private QuietObservation granted(Lease lease) {
        waiting = false;
        wait.fencingToken(lease.fencingToken());
        wait.stop(Outcome.ACQUIRED.value);
        QuietObservation hold = start("hold");
        hold.fencingToken(lease.fencingToken());
        return hold;
    }

    private QuietObservation start(String what) {
        return QuietObservation.start(registry, complaint, what, name, key, parent);
    }

    private static String outcome(@Nullable LossReason reason) {
        return reason == null ? RELEASED : reason.name().toLowerCase(Locale.ROOT);
    }
}
