package io.distributedmutex.internal;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/**
 * What a flight recording shows of locks, without any set-up. While nobody records there is not even an event, and
 * where the Java runtime is without the flight recorder none of the classes of events is loaded.
 */
final class FlightEvents {

    private static final boolean AVAILABLE = isAvailable();

    /** Tell whether the events are recorded. Loaded only where there is a flight recorder. */
    private static final class Probes {
        static final Acquire ACQUIRE = new Acquire();
        static final Hold HOLD = new Hold();
        static final Loss LOSS = new Loss();
    }

    private FlightEvents() {}

    /** An event that has begun, or null if it is not recorded. */
    static @Nullable Acquire beginAcquire() {
        if (!AVAILABLE || !Probes.ACQUIRE.isEnabled()) {
            return null;
        }
        Acquire event = new Acquire();
        event.begin();
        return event;
    }

    /** An event that has begun, or null if it is not recorded. */
    static @Nullable Hold beginHold() {
        if (!AVAILABLE || !Probes.HOLD.isEnabled()) {
            return null;
        }
        Hold event = new Hold();
        event.begin();
        return event;
    }

    /** An event without a duration, or null if it is not recorded. */
    static @Nullable Loss loss() {
        return AVAILABLE && Probes.LOSS.isEnabled() ? new Loss() : null;
    }

    /** Whether jdk.jfr is there, and was so when modules were resolved: else this module may not read it. */
    private static boolean isAvailable() {
        try {
            Class<?> event = Class.forName("jdk.jfr.Event", false, FlightEvents.class.getClassLoader());
            return FlightEvents.class.getModule().canRead(event.getModule());
        } catch (ClassNotFoundException e) {
            return false;
        }
    }

    /** An attempt to acquire a key. */
    @Name("io.distributedmutex.Acquire")
    @Label("Lock Acquire")
    @Category("Distributed Mutex")
    @Description("An attempt to acquire a key; the duration is the time waited")
    @StackTrace(false)
    static final class Acquire extends Event {
        @Label("Key")
        @Nullable
        String key;

        @Label("Outcome")
        @Nullable
        String outcome;

        @Label("Fencing Token")
        long fencingToken;
    }

    /** A lease from its grant to its end. */
    @Name("io.distributedmutex.Hold")
    @Label("Lock Hold")
    @Category("Distributed Mutex")
    @Description("A lease from its grant to its release or loss")
    @StackTrace(false)
    static final class Hold extends Event {
        @Label("Key")
        @Nullable
        String key;

        @Label("Outcome")
        @Nullable
        String outcome;

        @Label("Fencing Token")
        long fencingToken;
    }

    /** A lease was lost. */
    @Name("io.distributedmutex.Loss")
    @Label("Lock Loss")
    @Category("Distributed Mutex")
    @Description("A lease was lost: expired, taken, revoked, or lost by the store")
    @StackTrace(false)
    static final class Loss extends Event {
        @Label("Key")
        @Nullable
        String key;

        @Label("Reason")
        @Nullable
        String reason;

        @Label("Fencing Token")
        long fencingToken;
    }
}
