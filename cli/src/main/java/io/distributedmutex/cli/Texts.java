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
        return text.replaceAll("://[^\\s'\"\\[\\]]*@", "://***@");
    }
}
