package io.distributedmutex.cli;

import java.util.Locale;

/** Makes texts that anybody may have chosen fit for a line on a terminal. */
final class Texts {

    private Texts() {}

    /** The text with control characters and line separators escaped as in Java, so that it stays on its line. */
    static String shown(String text) {
        StringBuilder shown = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '\n' -> shown.append("\\n");
                case '\r' -> shown.append("\\r");
                case '\t' -> shown.append("\\t");
                default -> {
                    if (Character.isISOControl(c) || c == '\u2028' || c == '\u2029') {
                        shown.append(String.format(Locale.ROOT, "\\u%04X", (int) c));
                    } else {
                        shown.append(c);
                    }
                }
            }
        }
        return shown.toString();
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
