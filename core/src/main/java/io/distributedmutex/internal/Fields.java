package io.distributedmutex.internal;

import java.util.regex.Pattern;

/** Messages between instances: a head, then fields with their length before each, since keys and names may be any text. */
final class Fields {

    /** The longest label or name of an owner. */
    static final int MAXIMUM_NAME = 128;

    static final int MAXIMUM_KEY = 512;

    private static final int MAXIMUM_DIGITS = 19;

    private static final Pattern HALF = Pattern.compile("[A-Za-z0-9_-]{" + Token.HALF + "}");

    private Fields() {}

    static void append(StringBuilder text, long number) {
        append(text, Long.toString(number));
    }

    static void append(StringBuilder text, String field) {
        text.append(field.length()).append(':').append(field);
    }

    /** Cut to the bound of a name. */
    static String name(String name) {
        return name.length() <= MAXIMUM_NAME ? name : name.substring(0, MAXIMUM_NAME);
    }

    static void check(boolean holds) {
        if (!holds) {
            throw new IllegalArgumentException("not a message of ours");
        }
    }

    /** Reads a text that may have been written by anybody. Throws {@link IllegalArgumentException} for what is out of bounds. */
    static final class Reader {
        private final String text;
        private int at;

        /** Behind the head. */
        Reader(String head, String text) {
            check(text.startsWith(head));
            this.text = text;
            this.at = head.length();
        }

        String field(int maximum) {
            int colon = text.indexOf(':', at);
            check(colon > at && colon - at <= 3);
            int length = Integer.parseInt(text, at, colon, 10);
            check(length >= 0 && length <= maximum && length <= text.length() - colon - 1);
            at = colon + 1 + length;
            return text.substring(colon + 1, at);
        }

        long number(long maximum) {
            String digits = field(MAXIMUM_DIGITS);
            check(!digits.isEmpty() && digits.chars().allMatch(c -> c >= '0' && c <= '9'));
            long number = Long.parseLong(digits);
            check(number <= maximum);
            return number;
        }

        /** A random name, or the id of an instance. */
        String half() {
            String half = field(Token.HALF);
            check(HALF.matcher(half).matches());
            return half;
        }

        /** Nothing follows. */
        void end() {
            check(at == text.length());
        }
    }
}
