package io.distributedmutex.redis.store;

import io.distributedmutex.testing.OddInput;
import java.util.List;

/** Raw replies that no script gives: of any type and shape, well-formed or not. */
final class OddReply {

    private static final List<String> ERRORS = List.of(
            "ERR",
            "WRONGTYPE",
            "NOSCRIPT",
            "OOM",
            "READONLY",
            "BUSY",
            "LOADING",
            "MOVED 1 127.0.0.1:1",
            "ASK 1 127.0.0.1:1",
            "CLUSTERDOWN",
            "NOAUTH",
            "WRONGPASS",
            "NOPERM",
            "EXECABORT",
            "MASTERDOWN",
            "",
            "-",
            "err",
            "NOREPLICAS");

    private static final List<String> LENGTHS = List.of(
            "-2", "x", "", "1.5", "2147483647", "2147483648", "9223372036854775807", "99999999999999999999", "1000000");

    private OddReply() {}

    /** Any reply. */
    static String any(OddInput input, boolean resp3) {
        return switch (input.below(12)) {
            case 0 -> input.note(cut(input, wellFormed(input, resp3, 0)));
            case 1 ->
                input.note(
                        input.oneOf(List.of("$", "*", "%", "~", ">", "=", "!", "|")) + input.oneOf(LENGTHS) + "\r\n");
            case 2 -> input.note(input.text(1, 60) + "\r\n");
            case 3 -> input.note("*1\r\n".repeat(input.below(5_000)) + ":1\r\n");
            case 4, 5, 6 -> input.note(almostOurs(input));
            default -> input.note(wellFormed(input, resp3, 0));
        };
    }

    /** A reply that is complete, of any type. */
    static String wellFormed(OddInput input, boolean resp3, int depth) {
        int kinds = (resp3 ? 13 : 5) - (depth > 3 ? 1 : 0);
        return switch (input.below(kinds)) {
            case 0 -> "+" + oneLine(input.text(0, 40)) + "\r\n";
            case 1 -> "-" + input.oneOf(ERRORS) + " " + oneLine(input.text(0, 40)) + "\r\n";
            case 2 -> ":" + input.anyLong() + "\r\n";
            case 3 -> input.oneIn(4) ? "$-1\r\n" : FakeRedis.bulk(input.text(0, 60));
            case 4 -> depth > 3 ? ":0\r\n" : elements(input, resp3, depth, input.oneIn(5) ? "*-1" : "*", 1);
            case 5 -> "_\r\n";
            case 6 -> "#" + (input.oneIn(2) ? "t" : "f") + "\r\n";
            case 7 -> "," + input.oneOf(List.of("1.5", "inf", "-inf", "nan", "1e300")) + "\r\n";
            case 8 -> "(" + input.number() + "\r\n";
            case 9 -> "=7\r\ntxt:abc\r\n";
            case 10 -> "!5\r\nERR x\r\n";
            case 11 -> elements(input, resp3, depth, "%", 2);
            default -> elements(input, resp3, depth, "~", 1);
        };
    }

    /** Numbers and values of the right count and in the right places, but odd ones. */
    private static String almostOurs(OddInput input) {
        String text = FakeRedis.bulk(input.oneIn(2) ? input.number() : input.token() + "|" + input.number() + "|x");
        String number = ":" + (input.oneIn(2) ? input.below(6) - 1 : input.anyLong()) + "\r\n";
        return switch (input.below(4)) {
            case 0 -> "*4\r\n:1\r\n" + text + number + ":0\r\n";
            case 1 -> "*5\r\n:0\r\n" + number + text + ":0\r\n" + FakeRedis.bulk(input.number());
            case 2 -> "*3\r\n" + text + number + ":" + input.anyLong() + "\r\n";
            default -> number;
        };
    }

    private static String elements(OddInput input, boolean resp3, int depth, String type, int each) {
        if (type.endsWith("-1")) {
            return type + "\r\n";
        }
        int count = input.below(6);
        StringBuilder reply = new StringBuilder(type + count + "\r\n");
        for (int i = 0; i < count * each; i++) {
            reply.append(wellFormed(input, resp3, depth + 1));
        }
        return reply.toString();
    }

    private static String cut(OddInput input, String whole) {
        return whole.substring(0, input.below(whole.length() + 1));
    }

    private static String oneLine(String text) {
        return text.replace('\r', ' ').replace('\n', ' ');
    }
}
