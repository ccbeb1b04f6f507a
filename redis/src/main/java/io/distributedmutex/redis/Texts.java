package io.distributedmutex.redis;

import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisException;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Texts that anybody may have chosen: users, or a server. */
final class Texts {

    /** Control characters, separators of lines, and what makes a terminal write from right to left. */
    private static final Pattern NOT_FOR_A_LINE =
            Pattern.compile("[\\p{Cc}\\u2028\\u2029\\u061C\\u200E\\u200F\\u202A-\\u202E\\u2066-\\u2069]");

    private static final Pattern SEVERAL_NOT_FOR_A_LINE = Pattern.compile(NOT_FOR_A_LINE + "+");

    private static final int MAXIMUM_FOREIGN = 300;

    private Texts() {}

    /** A text fit for one line of a log or a terminal: what would change the line or its direction is escaped. */
    static String shown(String text) {
        return NOT_FOR_A_LINE
                .matcher(text)
                .replaceAll(match -> String.format(
                        Locale.ROOT, "\\\\u%04X", (int) match.group().charAt(0)));
    }

    /** A text of a server as part of one line: of bounded length, with blanks for what is not fit for a line. */
    static String foreign(String text) {
        boolean tooLong = text.length() > MAXIMUM_FOREIGN;
        String bounded = tooLong ? text.substring(0, MAXIMUM_FOREIGN) : text;
        return SEVERAL_NOT_FOR_A_LINE.matcher(bounded).replaceAll(" ").strip() + (tooLong ? "..." : "");
    }

    /**
     * An error that can be logged with its causes, whatever a server has written into them.
     *
     * @param error any error
     * @return the same one if all its messages are fit for a line; else one that says the same, with the same stack trace
     */
    static Throwable foreign(Throwable error) {
        return foreign(error, RedisErrors.MAXIMUM_CAUSES);
    }

    private static Throwable foreign(Throwable error, int depth) {
        Throwable cause = error.getCause();
        @Nullable Throwable shownCause = cause == null || depth == 0 ? null : foreign(cause, depth - 1);
        String message = error.getMessage();
        boolean fit = message == null
                || (message.length() <= MAXIMUM_FOREIGN
                        && !NOT_FOR_A_LINE.matcher(message).find());
        if (fit && shownCause == cause) {
            return error;
        }
        String shown = message == null ? "" : foreign(message);
        RedisException same = error instanceof RedisCommandExecutionException
                ? new RedisCommandExecutionException(shown, shownCause)
                : new RedisException(error.getClass().getName() + ": " + shown, shownCause);
        same.setStackTrace(error.getStackTrace());
        return same;
    }

    /**
     * Checks that a text can be written as UTF-8 and read again.
     *
     * @param name what the text is called in the message
     * @param text the text
     * @throws IllegalArgumentException if it has half of a surrogate pair
     */
    static void checkWellFormed(String name, String text) {
        boolean broken = text.codePoints().anyMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE);
        if (broken) {
            throw new IllegalArgumentException(name + " must be well-formed Unicode, but has half of a surrogate pair");
        }
    }
}
