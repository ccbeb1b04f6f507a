package io.distributedmutex.cli.console;

import io.distributedmutex.spi.Messages;
import java.time.DateTimeException;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads and writes durations as people do: 500ms, 10s, 1m30s, 2h. */
public final class Durations {

    private static final String EXAMPLES = "use for instance 500ms, 10s, 1m30s, 2h, 1d or PT10S";

    /** No option takes that much; the bound keeps arithmetic in milliseconds from overflowing. */
    private static final Duration LONGEST = Duration.ofDays(100_000);

    private static final Pattern SHORT_FORM =
            Pattern.compile("(?:(\\d+)d)?(?:(\\d+)h)?(?:(\\d+)m)?(?:(\\d+)(?:\\.(\\d{1,9}))?s)?(?:(\\d+)ms)?");

    private static final Pattern NUMBER = Pattern.compile("[+-]?[0-9.]+");

    private Durations() {}

    /**
     * Reads a duration: days, hours, minutes, seconds and milliseconds in this order, or the form of ISO 8601; or 0.
     *
     * @param text what the user wrote
     * @return the duration, to the nanosecond; the options that it is for round it to where that is safe
     * @throws IllegalArgumentException if it is none; the message names the text and gives examples
     */
    static Duration parse(String text) {
        String trimmed = text.strip();
        if (trimmed.equals("0")) {
            return Duration.ZERO;
        }
        if (NUMBER.matcher(trimmed).matches()) {
            throw new IllegalArgumentException("'" + trimmed + "' has no unit; " + EXAMPLES);
        }
        Duration parsed;
        try {
            parsed = trimmed.toUpperCase(Locale.ROOT).startsWith("P") ? Duration.parse(trimmed) : parseShort(trimmed);
        } catch (DateTimeException | ArithmeticException | NumberFormatException e) {
            parsed = null;
        }
        if (parsed == null) {
            throw new IllegalArgumentException("'" + Messages.shown(text) + "' is not a duration; " + EXAMPLES);
        }
        if (parsed.isNegative()) {
            throw new IllegalArgumentException("'" + trimmed + "' is negative; " + EXAMPLES);
        }
        if (parsed.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException("'" + trimmed + "' is too long; " + EXAMPLES);
        }
        return parsed;
    }

    private static @Nullable Duration parseShort(String text) {
        Matcher matcher = SHORT_FORM.matcher(text);
        if (text.isEmpty() || !matcher.matches()) {
            return null;
        }
        String fraction = matcher.group(5) == null ? "" : matcher.group(5);
        return Duration.ofDays(number(matcher.group(1)))
                .plusHours(number(matcher.group(2)))
                .plusMinutes(number(matcher.group(3)))
                .plusSeconds(number(matcher.group(4)))
                .plusNanos(number((fraction + "000000000").substring(0, 9)))
                .plusMillis(number(matcher.group(6)));
    }

    private static long number(@Nullable String digits) {
        return digits == null ? 0 : Long.parseLong(digits);
    }

    /**
     * Writes a duration with as much detail as is of interest: {@code 430ms}, {@code 43.2s}, {@code 12m30s}, {@code 2h5m},
     * {@code 3d4h}.
     */
    public static String format(Duration duration) {
        long millis = duration.toMillis();
        if (millis < 1_000) {
            return millis + "ms";
        }
        if (millis < 60_000) {
            return millis % 1_000 == 0
                    ? millis / 1_000 + "s"
                    : String.format(Locale.ROOT, "%d.%ds", millis / 1_000, millis % 1_000 / 100);
        }
        if (millis < 3_600_000) {
            return twoUnits(millis / 60_000, "m", millis / 1_000 % 60, "s");
        }
        if (millis < 86_400_000) {
            return twoUnits(millis / 3_600_000, "h", millis / 60_000 % 60, "m");
        }
        return twoUnits(millis / 86_400_000, "d", millis / 3_600_000 % 24, "h");
    }

    private static String twoUnits(long large, String largeUnit, long small, String smallUnit) {
        return large + largeUnit + (small == 0 ? "" : small + smallUnit);
    }

    /** For picocli, which adds the option's name to the message. */
    public static final class Converter implements ITypeConverter<Duration> {

        @Override
        public Duration convert(String text) {
            try {
                return parse(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
