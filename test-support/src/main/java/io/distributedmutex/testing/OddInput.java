package io.distributedmutex.testing;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Input of the kinds that break programs, made from a random number generator; remembers what it gave. */
public final class OddInput {

    private static final List<String> PIECES = List.of(
            "a",
            "Z",
            "0",
            "9",
            " ",
            "{",
            "}",
            "{}",
            "}{",
            "{a}",
            "|",
            ":",
            "@",
            "*",
            "?",
            "[",
            "]",
            "\\",
            "'",
            "\"",
            "%",
            "%s",
            "%n",
            "$",
            "${x}",
            "-",
            "--",
            "=",
            "/",
            "#",
            "\n",
            "\r",
            "\t",
            "\0",
            "\u001b[31m",
            "\u007f",
            "\u0085",
            "\u009b2J",
            "\u00a0",
            "\u00e9",
            "e\u0301",
            "\u0130",
            "\u0131",
            "\u2028",
            "\u2029",
            "\u202e",
            "\ufeff",
            "\ufffd",
            "\uffff",
            "\u4f60",
            "\ud83d\udd12",
            "\udbff\udfff",
            "dmutex:{0}:fence",
            "}:queue:",
            "lock:");

    private static final List<String> NUMBERS = List.of(
            "",
            "0",
            "-0",
            "1",
            "-1",
            "+7",
            "007",
            " 7",
            "7 ",
            "7x",
            "1.5",
            "1e3",
            "1e300",
            "-1e300",
            "1e999",
            "0x10",
            "nan",
            "inf",
            "-inf",
            "\u0661",
            "2147483647",
            "2147483648",
            "4294967296",
            "9007199254740990",
            "9007199254740991",
            "9007199254740992",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "99999999999999999999999999999999999999");

    private static final String BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    private final SplittableRandom random;
    private final List<String> given = new ArrayList<>();

    OddInput(SplittableRandom random) {
        this.random = random;
    }

    /** From 0 up to the bound, exclusively. */
    public int below(int bound) {
        return random.nextInt(bound);
    }

    /** True once in so many times. */
    public boolean oneIn(int times) {
        return random.nextInt(times) == 0;
    }

    /** One of these. */
    public <T> T oneOf(List<T> all) {
        return note(all.get(random.nextInt(all.size())));
    }

    /** Well-formed Unicode whose length is within the bounds, often just. */
    public String text(int least, int most) {
        int length = length(least, most);
        StringBuilder text = new StringBuilder(length);
        String again = piece();
        boolean monotonous = oneIn(4);
        while (text.length() < length) {
            String piece = monotonous ? again : piece();
            text.append(piece.length() <= length - text.length() ? piece : "x");
        }
        return note(text.toString());
    }

    /** A text with half of a surrogate pair somewhere. */
    public String brokenText(int most) {
        StringBuilder text = new StringBuilder(text(0, most - 1));
        int at = text.length() == 0 ? 0 : below(text.length() + 1);
        boolean cutsPair = at > 0 && at < text.length() && Character.isLowSurrogate(text.charAt(at));
        // A high one before a low one, or a low one after a high one, would make a pair.
        text.insert(at, cutsPair || oneIn(2) ? '\udc00' : '\ud800');
        String broken = text.toString();
        boolean isBroken = broken.codePoints().anyMatch(c -> c >= 0xD800 && c <= 0xDFFF);
        return note(isBroken ? broken : broken + "\ud800");
    }

    /** What stands where a number should. */
    public String number() {
        return switch (below(4)) {
            case 0 -> note(new BigInteger(below(80), new java.util.Random(random.nextLong())).toString());
            case 1 -> note(Long.toString(anyLong()));
            default -> oneOf(NUMBERS);
        };
    }

    /** Any long, the ends of all ranges more often than others. */
    public long anyLong() {
        long bits = 1L << below(64);
        return note(
                switch (below(5)) {
                    case 0 -> bits;
                    case 1 -> bits - 1;
                    case 2 -> -bits;
                    case 3 -> random.nextLong() >> below(64);
                    default -> (long) below(2_000) - 1_000;
                });
    }

    /** Any duration: one that nobody means, or one that could be meant. */
    public Duration duration() {
        return note(
                switch (below(6)) {
                    case 0 -> Duration.ofSeconds(anyLong(), below(1_000_000_000));
                    case 1 -> Duration.ofNanos(anyLong());
                    case 2 -> Duration.ofMillis(anyLong());
                    case 3 -> Duration.ofDays(364 + below(3)).plusMillis(below(3) - 1);
                    case 4 -> Duration.ofMillis(9 + below(3)).plusNanos(below(2));
                    default -> Duration.ofMillis(below(100_000));
                });
    }

    /** Any bytes, few or many. */
    public byte[] bytes(int most) {
        byte[] bytes = new byte[length(0, most)];
        random.nextBytes(bytes);
        return bytes;
    }

    /** A lock's value: like ours in the main, then spoilt; or nothing of the kind. */
    public byte[] value() {
        ByteArrayOutputStream value = new ByteArrayOutputStream();
        switch (below(8)) {
            case 0 -> value.writeBytes(bytes(100));
            case 1 -> value.writeBytes(text(0, 600).getBytes(StandardCharsets.UTF_8));
            case 2 -> value.writeBytes("|".repeat(below(2_000)).getBytes(StandardCharsets.UTF_8));
            default -> {
                value.writeBytes(token().getBytes(StandardCharsets.UTF_8));
                value.write('|');
                value.writeBytes(number().getBytes(StandardCharsets.UTF_8));
                value.write('|');
                value.writeBytes(oneIn(3) ? bytes(400) : text(0, 130).getBytes(StandardCharsets.UTF_8));
            }
        }
        byte[] bytes = value.toByteArray();
        if (bytes.length > 0 && oneIn(4)) {
            bytes[below(bytes.length)] = (byte) below(256);
        }
        given.add("value " + escaped(new String(bytes, StandardCharsets.ISO_8859_1)));
        return bytes;
    }

    /** A token, or almost one. */
    public String token() {
        StringBuilder token = new StringBuilder();
        while (token.length() < 22) {
            token.append(BASE64URL.charAt(below(BASE64URL.length())));
        }
        return note(
                switch (below(10)) {
                    case 0 -> "-";
                    case 1 -> token.substring(below(22));
                    case 2 -> token + "x";
                    case 3 -> "";
                    case 4 -> text(22, 22);
                    default -> token.toString();
                });
    }

    /** Remembers what a test made of the input. */
    public <T> T note(T made) {
        given.add(escaped(String.valueOf(made)));
        return made;
    }

    private String piece() {
        return PIECES.get(below(PIECES.size()));
    }

    private int length(int least, int most) {
        return switch (below(4)) {
            case 0 -> least;
            case 1 -> most;
            default -> least + below(Math.min(most - least, 30) + 1);
        };
    }

    /** As Java source writes it. */
    private static String escaped(String text) {
        StringBuilder escaped = new StringBuilder("\"");
        text.chars().limit(1_000).forEach(c -> {
            if (c < ' ' || c > '~') {
                escaped.append(String.format("\\u%04x", c));
            } else if (c == '"' || c == '\\') {
                escaped.append('\\').append((char) c);
            } else {
                escaped.append((char) c);
            }
        });
        return escaped.append(text.length() > 1_000 ? "\"... (" + text.length() + ")" : "\"")
                .toString();
    }

    /** All that it gave. */
    @Override
    public String toString() {
        return String.join(", ", given);
    }
}
