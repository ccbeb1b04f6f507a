package io.distributedmutex.spi;

import java.time.Duration;
import java.util.Locale;

/** Writes keys, labels and times for people, so that the messages of stores and tools look like those of the library. */
public final class Messages {

    /** Keeps the sums below from overflowing. */
    private static final Duration LONGEST = Duration.ofMillis(Long.MAX_VALUE / 2);

    private Messages() {}

    /**
     * Makes a text fit for one line of a log or a terminal. Escapes, as Java does, what would end the line, be obeyed by a
     * terminal, stay invisible, or turn the direction of writing: control and format characters, separators of lines, and
     * halves of surrogate pairs. Everything else stays.
     *
     * @param text a key or another text that anybody may have chosen
     * @return the same text if nothing in it had to be escaped
     */
    public static String shown(String text) {
        // Without a stream, since nearly every text stays as it is.
        for (int i = 0; i < text.length(); ) {
            int character = text.codePointAt(i);
            if (isEscaped(character)) {
                return escaped(text);
            }
            i += Character.charCount(character);
        }
        return text;
    }

    private static String escaped(String text) {
        StringBuilder shown = new StringBuilder(text.length() + 8);
        text.codePoints().forEach(character -> {
            if (isEscaped(character)) {
                for (char unit : Character.toChars(character)) {
                    shown.append(String.format(Locale.ROOT, "\\u%04X", (int) unit));
                }
            } else {
                shown.appendCodePoint(character);
            }
        });
        return shown.toString();
    }

    private static boolean isEscaped(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SURROGATE -> true;
            default -> false;
        };
    }

    /**
     * Writes a time, rounded: {@code 250 ms}, {@code 58.3 s}, and from two minutes on {@code 3 min 5 s},
     * {@code 2 h 5 min}, {@code 3 days 4 h}.
     *
     * @param time the time
     * @return the time as people say it
     */
    public static String about(Duration time) {
        long millis = time.compareTo(LONGEST) > 0 ? LONGEST.toMillis() : time.toMillis();
        if (millis < 1_000) {
            return millis + " ms";
        }
        long tenths = (millis + 50) / 100;
        if (tenths < 1_200) {
            return tenths / 10 + (tenths % 10 == 0 ? "" : "." + tenths % 10) + " s";
        }
        long seconds = (millis + 500) / 1_000;
        if (seconds < 7_200) {
            return inTwo(seconds, 60, " min", " s");
        }
        long minutes = (seconds + 30) / 60;
        if (minutes < 2_880) {
            return inTwo(minutes, 60, " h", " min");
        }
        return inTwo((minutes + 30) / 60, 24, " days", " h");
    }

    private static String inTwo(long count, long ofThem, String greater, String lesser) {
        long rest = count % ofThem;
        return count / ofThem + greater + (rest == 0 ? "" : " " + rest + lesser);
    }
}
