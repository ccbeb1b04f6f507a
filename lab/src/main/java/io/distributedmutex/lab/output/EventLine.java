package io.distributedmutex.lab.output;

import io.distributedmutex.spi.Messages;
import org.jspecify.annotations.Nullable;

/** A line by which a worker reports an event: a mark, which sets it apart from all other output, and fields. */
public final class EventLine {

    private static final String MARK = "@dmutex";

    private EventLine() {}

    /** The line. Only the last field may hold any text, which is escaped. */
    public static String of(String... fields) {
        fields[fields.length - 1] = Messages.shown(fields[fields.length - 1]);
        return MARK + "\t" + String.join("\t", fields);
    }

    /** The fields of a line, or null if it is none of ours. */
    public static String @Nullable [] fields(String line, int count) {
        if (!line.startsWith(MARK + "\t")) {
            return null;
        }
        String[] fields = line.substring(MARK.length() + 1).split("\t", count);
        return fields.length == count ? fields : null;
    }
}
