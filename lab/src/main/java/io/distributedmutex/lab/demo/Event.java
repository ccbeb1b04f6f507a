package io.distributedmutex.lab.demo;

import io.distributedmutex.lab.output.EventLine;
import io.distributedmutex.spi.Messages;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One thing that happened in a demo, at a time that is comparable among the processes of one machine: {@link
 * System#nanoTime} is the system's monotonic clock.
 *
 * @param nanos when
 * @param worker which worker
 * @param kind what
 * @param key the lock it is about, or empty
 * @param token the fencing token, or 0
 * @param value what the kind says
 * @param text what the kind says, or empty
 */
record Event(long nanos, int worker, Kind kind, String key, long token, long value, String text) {

    /** What may happen. */
    enum Kind {
        /** The worker is connected. value: its process id. */
        READY,
        /** It begins to wait for the key. */
        WANT,
        /** It has the key. value: for how many ns the lease is valid from now; 0: without a lease. */
        ENTER,
        /** It stands still between read and write. value: for how many ns still Redis keeps the key for it. */
        STALLED,
        /** It has read the shared file. value: the counter in it. */
        READ,
        /** It has written the shared file. value: the counter in it. */
        WRITE,
        /** Its late write was prevented: its lease was over, or the file had seen a larger token. */
        REFUSED,
        /** It has done the job. */
        DONE,
        /** It found the job done. */
        SEEN,
        /** It is about to give the key back. */
        LEAVE,
        /** Something that must not happen. text: what. */
        FAILED,
        /** It was killed, says the demo. */
        KILLED,
        /** It has ended in good order. */
        BYE
    }

    private static final int FIELDS = 6;

    static Event now(int worker, Kind kind, String key, long token, long value) {
        return new Event(System.nanoTime(), worker, kind, key, token, value, "");
    }

    /** The heading of {@link #row}. */
    static final String COLUMNS = "worker\tseconds\tevent\tkey\tfencing token\tvalue\ttext";

    /** A line for people who look things up. */
    String row(long originNanos) {
        return String.format(
                Locale.ROOT,
                "%d\t%.6f\t%s\t%s\t%d\t%d\t%s",
                worker,
                (nanos - originNanos) / 1e9,
                kind,
                key,
                token,
                value,
                Messages.shown(text));
    }

    /** A line that {@link #parse} reads. */
    String line() {
        return EventLine.of(Long.toString(nanos), kind.name(), key, Long.toString(token), Long.toString(value), text);
    }

    /**
     * Reads a line that a worker has written.
     *
     * @param worker which worker
     * @param line any line
     * @return the event, or null if the line is none of ours
     */
    static @Nullable Event parse(int worker, String line) {
        String[] fields = EventLine.fields(line, FIELDS);
        if (fields == null) {
            return null;
        }
        try {
            return new Event(
                    Long.parseLong(fields[0]),
                    worker,
                    Kind.valueOf(fields[1]),
                    fields[2],
                    Long.parseLong(fields[3]),
                    Long.parseLong(fields[4]),
                    fields[5]);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }
}
