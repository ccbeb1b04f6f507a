package io.distributedmutex.lab.chaos.history;

import io.distributedmutex.lab.output.EventLine;
import io.distributedmutex.spi.Messages;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One thing that happened in a chaos run, at a time that is comparable among the processes of one machine: {@link
 * System#nanoTime} is the system's monotonic clock.
 *
 * @param nanos when
 * @param worker which process; 0 for the controller, or where a fault meets all
 * @param kind what
 * @param call the number of the call that it is about, unique within the process, or of the fault; else 0
 * @param key the lock that it is about, or empty
 * @param token the fencing token, or 0
 * @param value what the kind says
 * @param text what the kind says, or empty
 */
public record Event(long nanos, int worker, Kind kind, long call, String key, long token, long value, String text) {

    /** What may happen. Where a time is the value, it is in nanoseconds. */
    public enum Kind {
        /** A worker is connected. value: its process id. */
        READY,
        /** It asks for a key. value: its wait time; text: how. */
        CALL,
        /** The call ended without a lease. text: the outcome's type. */
        NOT_ACQUIRED,
        /** The call ended with a lease. value: how long it is valid still; text: its lease time. */
        ENTER,
        /** The lease's deadline is another. value: how long it is valid still; text: the lease time that made it so. */
        DEADLINE,
        /** It is about to give the lease back. value: how long it may wait for the answer; text: how. */
        RELEASING,
        /** The key stays taken after the release. value: for how long since it was entered. */
        KEPT,
        /** It gave the lease back. text: the outcome. */
        RELEASED,
        /** It asks for an extension. value: how long it may wait for the answer. */
        EXTEND,
        /** It has the answer. text: the outcome. */
        EXTENDED,
        /** The lease's listener heard of its loss. text: the reason. */
        LOST,
        /**
         * Its listener heard of a deadlock. key: what the first of those who wait waits for; text: all of them, as {@code
         * worker>key#fencing token}, with blanks between.
         */
        DEADLOCK,
        /** It read the register. value: the number in it. */
        READ,
        /** It wrote the register. value: the number in it. */
        WRITE,
        /** The register refused its token. value: the largest token that it has seen. */
        REFUSED,
        /** The process stood still until now. value: for how long. */
        STALL,
        /** Something that must not happen. text: what. */
        FAILED,
        /** The worker is about to close its instance: what it holds ends here. */
        CLOSING,
        /** A worker ends in good order. */
        BYE,

        /** A fault begins. key: the name of its kind; value: how long it is to last; text: what, in words. */
        FAULT,
        /** The fault concerns some keys alone. call: the fault's; text: the keys, with blanks between. */
        CONCERNS,
        /** The fault is over. */
        FAULT_OVER,
        /**
         * A server has taken another's place. call: its number; key: the keys that it was given, with blanks between, or empty for
         * all; value: since when before this it may have been so; fencing token: 1 if nothing can have been lost; text: what, in
         * words.
         */
        FAILOVER,
        /** All who name servers name that one. call: the failover's. */
        FAILOVER_OVER,
        /** Redis is gone. */
        SERVER_DOWN,
        /** Redis is back. */
        SERVER_UP,
        /** Redis may have lost the key, or all of them. value: since when before this. */
        DATA_LOST,
        /** A worker was killed (-9). value: its process id. */
        KILLED,
        /** A worker was stopped. */
        STOPPED,
        /** A worker goes on. */
        CONTINUED,
        /** Workers got the order to end. */
        STOPPING,
        /** A worker's process is gone. value: its exit code, or -1 if it had to be destroyed. */
        ENDED;

        /** Whether a worker tells it, not the controller. */
        boolean isOfWorker() {
            return compareTo(BYE) <= 0;
        }
    }

    private static final int FIELDS = 7;

    /** The heading of {@link #row}. */
    public static final String COLUMNS = "worker\tseconds\tevent\tcall\tkey\tfencing token\tvalue\ttext";

    /** An event of the controller. */
    public static Event of(Kind kind, int worker, String key, long value, String text) {
        return new Event(System.nanoTime(), worker, kind, 0, key, 0, value, text);
    }

    /** A line for people who look things up. */
    public String row(long originNanos) {
        return String.format(
                Locale.ROOT,
                "%d\t%.6f\t%s\t%d\t%s\t%d\t%d\t%s",
                worker,
                (nanos - originNanos) / 1e9,
                kind,
                call,
                key,
                token,
                value,
                Messages.shown(text));
    }

    /** A line that {@link #parse} reads. */
    public String line() {
        return EventLine.of(
                Long.toString(nanos),
                kind.name(),
                Long.toString(call),
                key,
                Long.toString(token),
                Long.toString(value),
                text);
    }

    /**
     * Reads a line that a worker has written.
     *
     * @param worker which worker
     * @param line any line
     * @return the event, or null if the line is none of ours
     */
    public static @Nullable Event parse(int worker, String line) {
        String[] fields = EventLine.fields(line, FIELDS);
        if (fields == null) {
            return null;
        }
        try {
            return new Event(
                    Long.parseLong(fields[0]),
                    worker,
                    Kind.valueOf(fields[1]),
                    Long.parseLong(fields[2]),
                    // Few keys, many events.
                    fields[3].intern(),
                    Long.parseLong(fields[4]),
                    Long.parseLong(fields[5]),
                    fields[6].intern());
        } catch (IllegalArgumentException e) {
            return null;
        }
    }
}
