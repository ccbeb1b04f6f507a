package io.distributedmutex.internal;

import java.net.InetAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/** The label of an instance that nobody has named: {@code host:pid}, or {@code application@host:pid}. */
public final class DefaultLabel {

    /** How many characters a label has at most. */
    public static final int MAXIMUM_LENGTH = 128;

    private DefaultLabel() {}

    /**
     * The label of this process. What is too long is cut: the host to half of the label beside an application, then the
     * application.
     *
     * @param application the application's name; null if it has none
     */
    public static String of(@Nullable String application) {
        String pid = ":" + ProcessHandle.current().pid();
        if (application == null) {
            return cut(host(), MAXIMUM_LENGTH - pid.length()) + pid;
        }
        String process = "@" + cut(host(), MAXIMUM_LENGTH / 2) + pid;
        return cut(application, MAXIMUM_LENGTH - process.length()) + process;
    }

    private static String host() {
        String host = System.getenv("HOSTNAME");
        if (host != null && !host.isEmpty()) {
            return host;
        }
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "unknown-host";
        }
    }

    /** The beginning of a text, which does not end within a pair of surrogates. */
    private static String cut(String text, int length) {
        if (text.length() <= length) {
            return text;
        }
        return text.substring(0, Character.isHighSurrogate(text.charAt(length - 1)) ? length - 1 : length);
    }
}
