package io.distributedmutex.cli.console;

import java.time.Duration;
import java.util.Locale;

/** Makes texts that anybody may have chosen fit for a line on a terminal. */
public final class Texts {

    private Texts() {}

    /**
     * The text with all that a terminal obeys instead of showing it, escaped as in Java: control characters, line
     * separators, and what is invisible or turns the direction of writing, by which a text could pass for another one.
     */
    public static String shown(String text) {
        StringBuilder shown = new StringBuilder(text.length());
        text.codePoints().forEach(character -> {
            switch (character) {
                case '\n' -> shown.append("\\n");
                case '\r' -> shown.append("\\r");
                case '\t' -> shown.append("\\t");
                default -> {
                    if (isObeyed(character)) {
                        for (char c : Character.toChars(character)) {
                            shown.append(String.format(Locale.ROOT, "\\u%04X", (int) c));
                        }
                    } else {
                        shown.appendCodePoint(character);
                    }
                }
            }
        });
        return shown.toString();
    }

    private static boolean isObeyed(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SURROGATE -> true;
            default -> false;
        };
    }

    /** A duration for people: {@code 250 ms}, {@code 58.3 s}, {@code 3 min 5 s}, {@code 2 h 5 min}, {@code 3 d 4 h}. */
    public static String duration(Duration duration) {
        long millis = duration.toMillis();
        if (millis < 1_000) {
            return millis + " ms";
        }
        if (millis < 120_000) {
            return millis % 1_000 == 0
                    ? millis / 1_000 + " s"
                    : String.format(Locale.ROOT, "%d.%d s", millis / 1_000, millis % 1_000 / 100);
        }
        long seconds = millis / 1_000;
        if (seconds < 3_600) {
            return twoUnits(seconds / 60, "min", seconds % 60, "s");
        }
        if (seconds < 86_400) {
            return twoUnits(seconds / 3_600, "h", seconds / 60 % 60, "min");
        }
        return twoUnits(seconds / 86_400, "d", seconds / 3_600 % 24, "h");
    }

    private static String twoUnits(long large, String largeUnit, long small, String smallUnit) {
        return large + " " + largeUnit + (small == 0 ? "" : " " + small + " " + smallUnit);
    }

    /** The text with whatever stands before an @ in a URI, where passwords are, replaced. */
    static String withoutPasswords(String text) {
        StringBuilder shown = new StringBuilder(text.length());
        int done = 0;
        for (int at = text.indexOf("://"); at >= 0; at = text.indexOf("://", done)) {
            // One pass: a regular expression would look at a long text anew from each of its beginnings.
            int end = at + 3;
            int lastAt = -1;
            while (end < text.length() && "'\"[]".indexOf(text.charAt(end)) < 0 && text.charAt(end) > ' ') {
                lastAt = text.charAt(end) == '@' ? end : lastAt;
                end++;
            }
            shown.append(text, done, at + 3).append(lastAt < 0 ? "" : "***");
            shown.append(text, lastAt < 0 ? at + 3 : lastAt, end);
            done = end;
        }
        return shown.append(text, done, text.length()).toString();
    }
}
