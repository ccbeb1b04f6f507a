package io.distributedmutex.cli.console;

import java.net.InetAddress;
import java.net.UnknownHostException;

/** The label under which others see this process. */
public final class Holder {

    private static final int MAXIMUM_LENGTH = 128;
    private static final int MAXIMUM_NAME_LENGTH = 50;

    private Holder() {}

    /** The label {@code user@host:process}. */
    public static String label() {
        return last(
                MAXIMUM_LENGTH,
                System.getProperty("user.name", "unknown") + "@" + host() + ":"
                        + ProcessHandle.current().pid());
    }

    /** The label {@code user@host:process program}. */
    public static String label(String program) {
        String name = program.substring(program.lastIndexOf('/') + 1);
        return last(MAXIMUM_LENGTH, label() + " " + last(MAXIMUM_NAME_LENGTH, name));
    }

    /** The end of a text that is too long, without half a character at its beginning. */
    private static String last(int length, String text) {
        int begin = Math.max(0, text.length() - length);
        return text.substring(begin > 0 && Character.isLowSurrogate(text.charAt(begin)) ? begin + 1 : begin);
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
}
