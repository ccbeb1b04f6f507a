package io.distributedmutex.redis;

import io.distributedmutex.spi.Causes;
import io.distributedmutex.spi.Messages;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisException;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Texts that a server may have chosen, as parts of messages. */
final class Texts {

    /** What {@link Messages#shown} escapes. */
    private static final Pattern NOT_FOR_A_LINE = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}]+");

    private static final int MAXIMUM_FOREIGN = 300;

    private Texts() {}

    /** A text of a server as part of one line: of bounded length, with blanks for what is not fit for a line. */
    static String foreign(String text) {
        boolean tooLong = text.length() > MAXIMUM_FOREIGN;
        String bounded = tooLong ? text.substring(0, MAXIMUM_FOREIGN) : text;
        return NOT_FOR_A_LINE.matcher(bounded).replaceAll(" ").strip() + (tooLong ? "..." : "");
    }

    /**
     * An error that can be logged with its causes, whatever a server has written into them.
     *
     * @param error any error
     * @return the same one if all its messages are fit for a line; else one that says the same, with the same stack trace
     */
    static Throwable foreign(Throwable error) {
        return foreign(error, Causes.MAXIMUM);
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
}
