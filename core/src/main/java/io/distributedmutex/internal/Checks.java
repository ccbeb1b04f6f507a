package io.distributedmutex.internal;

import io.distributedmutex.spi.Messages;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Checks of what users hand in. Messages name the value and the bound. */
public final class Checks {

    private static final int MAXIMUM_KEY_LENGTH = 512;

    /** Beyond ten years milliseconds are no longer readable, and beyond 292 years nanoseconds overflow. */
    private static final Duration LONGEST_SHOWN = Duration.ofDays(3650);

    private Checks() {}

    /**
     * A key: 1 to 512 characters of well-formed Unicode.
     *
     * @return the key
     */
    public static String key(@Nullable String key) {
        return text("key", key, MAXIMUM_KEY_LENGTH);
    }

    /**
     * A text that is not empty and not too long. Unpaired surrogates are refused because they have no UTF-8 form: two
     * different keys would become the same one.
     *
     * @return the text
     */
    public static String text(String name, @Nullable String value, int maximumLength) {
        Objects.requireNonNull(value, name);
        if (value.isEmpty()) {
            throw new IllegalArgumentException(name + " must not be empty");
        }
        if (value.length() > maximumLength) {
            throw new IllegalArgumentException(name + " must have at most " + maximumLength + " characters, but has "
                    + value.length() + ": '" + Messages.shown(beginning(value)) + "...'");
        }
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (Character.isSurrogate(c)) {
                if (i + 1 == value.length() || !Character.isSurrogatePair(c, value.charAt(i + 1))) {
                    throw new IllegalArgumentException(name + " is not well-formed Unicode: unpaired surrogate "
                            + String.format("\\u%04X", (int) c) + " at index " + i);
                }
                i++;
            }
        }
        return value;
    }

    /** The first 40 characters, or 39 so as not to cut a pair of surrogates in two. */
    private static String beginning(String value) {
        return value.substring(0, Character.isHighSurrogate(value.charAt(39)) ? 39 : 40);
    }

    /**
     * A duration within its bounds, rounded up to whole milliseconds, in which the store counts.
     *
     * @param minimum whole milliseconds, as the maximum
     * @return what there is at least
     */
    public static Duration roundedUp(String name, @Nullable Duration value, Duration minimum, Duration maximum) {
        Objects.requireNonNull(value, name);
        if (value.compareTo(minimum) < 0 || value.compareTo(maximum) > 0) {
            throw new IllegalArgumentException(
                    name + " must be from " + shown(minimum) + " to " + shown(maximum) + ", but is " + shown(value));
        }
        return value.plusNanos(999_999).truncatedTo(ChronoUnit.MILLIS);
    }

    /** A duration as text: in milliseconds, unless that is no whole or no sensible number. */
    public static String shown(Duration duration) {
        // Compared with both bounds, since the shortest duration has no absolute value.
        if (duration.compareTo(LONGEST_SHOWN) > 0 || duration.compareTo(LONGEST_SHOWN.negated()) < 0) {
            return duration.toString();
        }
        if (duration.toNanosPart() % 1_000_000 != 0) {
            return duration.toNanos() + " ns";
        }
        boolean wholeDays = duration.toDays() != 0 && duration.equals(Duration.ofDays(duration.toDays()));
        return wholeDays ? duration.toDays() + " days" : duration.toMillis() + " ms";
    }
}
