package io.distributedmutex.verification.fuzz;

import java.util.regex.Pattern;

/** Whether a text is JSON by RFC 8259, to the letter. */
final class StrictJson {

    private static final Pattern STRING =
            Pattern.compile("\"(?:[^\"\\\\\\x00-\\x1f]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4})*+\"");
    private static final Pattern SCALAR =
            Pattern.compile("true|false|null|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?");

    private final String text;
    private int position;

    private StrictJson(String text) {
        this.text = text;
    }

    static boolean isJson(String text) {
        StrictJson json = new StrictJson(text);
        return json.value() && json.position == text.length();
    }

    private boolean value() {
        if (take("{")) {
            return take("}") || (member() && more(this::member, "}"));
        }
        if (take("[")) {
            return take("]") || (value() && more(this::value, "]"));
        }
        return matches(STRING) || matches(SCALAR);
    }

    private boolean member() {
        return matches(STRING) && take(":") && value();
    }

    private boolean more(java.util.function.BooleanSupplier element, String end) {
        while (take(",")) {
            if (!element.getAsBoolean()) {
                return false;
            }
        }
        return take(end);
    }

    private boolean take(String token) {
        boolean there = text.startsWith(token, position);
        position += there ? token.length() : 0;
        return there;
    }

    private boolean matches(Pattern pattern) {
        var matcher = pattern.matcher(text).region(position, text.length());
        boolean there = matcher.lookingAt();
        position = there ? matcher.end() : position;
        return there;
    }
}
