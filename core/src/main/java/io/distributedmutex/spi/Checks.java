package io.distributedmutex.spi;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Checks what users hand in, so that stores and tools have the bounds of the library and refuse what is beyond them in the same
 * words. Each check throws {@link IllegalArgumentException} with a message that names the value and the bound, and
 * {@link NullPointerException} with the name for null. Thread-safe.
 */
public final class Checks {

    /** How many characters, as {@link String#length} counts them, a key has at most. */
    public static final int MAXIMUM_KEY_LENGTH = 512;

    /** The greatest fencing token, 2^53 - 1: up to here a number is exact in JSON and in Lua. */
    public static final long MAXIMUM_FENCING_TOKEN = (1L << 53) - 1;

    /** As many as {@link #MAXIMUM_FENCING_TOKEN} has. */
    private static final int MAXIMUM_FENCING_TOKEN_DIGITS = 16;

    /** How many characters of a text that is too long are shown. */
    private static final int LONGEST_SHOWN = 40;

    /** Beyond ten years milliseconds are no longer readable, and beyond 292 years nanoseconds overflow. */
    private static final Duration LONGEST_IN_MILLIS = Duration.ofDays(3650);

    private Checks() {}

    /**
     * A key: 1 to 512 characters of well-formed Unicode.
     *
     * @param key any text, or null
     * @return the key
     * @throws IllegalArgumentException if it is not such
     */
    public static String key(@Nullable String key) {
        return text("key", key, MAXIMUM_KEY_LENGTH);
    }

    /**
     * A text that is not empty and not too long. Unpaired surrogates are refused because they have no UTF-8 form: two
     * different keys would become the same one.
     *
     * @param name what the text is called in messages
     * @param value any text, or null
     * @param maximumLength how many characters it has at most, 40 or more
     * @return the text
     * @throws IllegalArgumentException if it is empty, longer, or not well-formed Unicode
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
        return value.substring(
                0, Character.isHighSurrogate(value.charAt(LONGEST_SHOWN - 1)) ? LONGEST_SHOWN - 1 : LONGEST_SHOWN);
    }

    /**
     * A fencing token: from 1 to {@link #MAXIMUM_FENCING_TOKEN}.
     *
     * @param name what the token is called in messages
     * @param token any number
     * @return the token
     * @throws IllegalArgumentException if it is out of bounds
     */
    public static long fencingToken(String name, long token) {
        if (token < 1 || token > MAXIMUM_FENCING_TOKEN) {
            throw noFencingToken(name, Long.toString(token));
        }
        return token;
    }

    /**
     * Reads a fencing token: from 1 to {@link #MAXIMUM_FENCING_TOKEN}, in decimal digits of ASCII.
     *
     * @param name what the token is called in messages
     * @param token any text
     * @return the token
     * @throws IllegalArgumentException if it is no number, or out of bounds
     */
    public static long fencingToken(String name, @Nullable String token) {
        Objects.requireNonNull(token, name);
        boolean isNumber = !token.isEmpty()
                && token.length() <= MAXIMUM_FENCING_TOKEN_DIGITS
                && token.chars().allMatch(c -> c >= '0' && c <= '9');
        if (!isNumber) {
            throw noFencingToken(name, token);
        }
        return fencingToken(name, Long.parseLong(token));
    }

    private static IllegalArgumentException noFencingToken(String name, String token) {
        return new IllegalArgumentException(name + " must be a number from 1 to 2^53 - 1, but is '"
                + Messages.shown(token.length() > LONGEST_SHOWN ? beginning(token) + "..." : token) + "'");
    }

    /**
     * A duration within its bounds, rounded up to whole milliseconds, in which stores count.
     *
     * @param name what the duration is called in messages
     * @param value any duration, or null
     * @param minimum the shortest, in whole milliseconds
     * @param maximum the longest, in whole milliseconds
     * @return the duration, longer by less than a millisecond
     * @throws IllegalArgumentException if it is out of bounds
     */
    public static Duration roundedUp(String name, @Nullable Duration value, Duration minimum, Duration maximum) {
        Objects.requireNonNull(value, name);
        if (value.compareTo(minimum) < 0 || value.compareTo(maximum) > 0) {
            throw new IllegalArgumentException(
                    name + " must be from " + shown(minimum) + " to " + shown(maximum) + ", but is " + shown(value));
        }
        return value.plusNanos(999_999).truncatedTo(ChronoUnit.MILLIS);
    }

    /**
     * A duration as the messages of these checks show it, exactly: in milliseconds, unless that is no whole or no sensible
     * number.
     *
     * @param duration any duration
     * @return such as {@code 250 ms} or {@code 365 days}
     */
    public static String shown(Duration duration) {
        // Compared with both bounds, since the shortest duration has no absolute value.
        if (duration.compareTo(LONGEST_IN_MILLIS) > 0 || duration.compareTo(LONGEST_IN_MILLIS.negated()) < 0) {
            return duration.toString();
        }
        if (duration.toNanosPart() % 1_000_000 != 0) {
            return duration.toNanos() + " ns";
        }
        boolean wholeDays = duration.toDays() != 0 && duration.equals(Duration.ofDays(duration.toDays()));
        return wholeDays ? duration.toDays() + " days" : duration.toMillis() + " ms";
    }
}
