package io.distributedmutex.micrometer;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An observation that throws nothing, whatever its handlers do: a lease that was granted must reach its caller. */
final class QuietObservation {

    private final Observation observation;
    private final Complaint complaint;

    private QuietObservation(Observation observation, Complaint complaint) {
        this.observation = observation;
        this.complaint = complaint;
    }

    /** Says once, for all observations of a mutex, that a handler threw. */
    static final class Complaint {

        private static final Logger LOGGER = LoggerFactory.getLogger("io.distributedmutex");

        private final AtomicBoolean made = new AtomicBoolean();

        private void make(Throwable e) {
            if (made.compareAndSet(false, true)) {
                LOGGER.warn("an ObservationHandler threw; no lock is affected, and further ones are not logged", e);
            }
        }
    }

    /**
     * Starts one.
     *
     * @param what the end of its name, and what it is called in a trace
     * @param parent what it is a part of
     */
    static QuietObservation start(
            ObservationRegistry registry,
            Complaint complaint,
            String what,
            String name,
            String key,
            @Nullable Observation parent) {
        try {
            Observation observation = Observation.createNotStarted(MeterNames.OBSERVED + what, registry)
                    .contextualName("mutex " + what + (name.equals(KeyNames.NONE) ? "" : " " + name))
                    .lowCardinalityKeyValue(MeterNames.NAME_TAG, name)
                    .highCardinalityKeyValue(MeterNames.KEY, key);
            if (parent != null) {
                observation.parentObservation(parent);
            }
            return new QuietObservation(observation.start(), complaint);
        } catch (Throwable e) {
            complaint.make(e);
            return new QuietObservation(Observation.NOOP, complaint);
        }
    }

    void fencingToken(long fencingToken) {
        quietly(() -> observation.highCardinalityKeyValue(MeterNames.FENCING_TOKEN, Long.toString(fencingToken)));
    }

    void error(Throwable error) {
        quietly(() -> observation.error(error));
    }

    void stop(String outcome) {
        quietly(() -> observation.lowCardinalityKeyValue(MeterNames.OUTCOME_TAG, outcome));
        quietly(observation::stop);
    }

    /** Makes it the current one of this thread, until what is returned is run. */
    Runnable makeCurrent() {
        try {
            Observation.Scope scope = observation.openScope();
            return () -> quietly(scope::close);
        } catch (Throwable e) {
            complaint.make(e);
            return () -> {};
        }
    }

    private void quietly(Runnable call) {
        try {
            call.run();
        } catch (Throwable e) {
            complaint.make(e);
        }
    }
}
