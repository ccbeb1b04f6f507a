package io.distributedmutex.redis;

import java.util.Locale;
import java.util.regex.Pattern;

/** Texts that anybody may have chosen: users, or a server. */
final class Texts {

    private static final Pattern NOT_FOR_A_LINE = Pattern.compile("[\\p{Cc}\\u2028\\u2029]");

    private Texts() {}

    /** A text fit for one line of a log or a terminal: control characters and line separators are escaped. */
    static String shown(String text) {
        return NOT_FOR_A_LINE
                .matcher(text)
                .replaceAll(match -> String.format(
                        Locale.ROOT, "\\\\u%04X", (int) match.group().charAt(0)));
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
