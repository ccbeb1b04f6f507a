package io.distributedmutex.cli;

import java.net.InetAddress;
import java.net.UnknownHostException;

/** Who we are, for those who wait. */
final class Holder {

    private static final int MAXIMUM_LENGTH = 128;

    private Holder() {}

    /** The label {@code user@host:process}. */
    static String label() {
        String label = System.getProperty("user.name", "unknown") + "@" + host() + ":"
                + ProcessHandle.current().pid();
        return label.length() <= MAXIMUM_LENGTH ? label : label.substring(label.length() - MAXIMUM_LENGTH);
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
