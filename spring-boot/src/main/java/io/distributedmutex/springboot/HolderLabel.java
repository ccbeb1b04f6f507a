package io.distributedmutex.springboot;

import java.net.InetAddress;
import java.net.UnknownHostException;

/** Names an instance for people by its application, its host and its process. */
final class HolderLabel {

    private static final int MAXIMUM_LENGTH = 128;

    private HolderLabel() {}

    /**
     * Names this process.
     *
     * @param application the application's name, cut if the whole is too long
     */
    static String of(String application) {
        String process = "@" + host() + ":" + ProcessHandle.current().pid();
        return application.substring(0, Math.min(application.length(), MAXIMUM_LENGTH - process.length())) + process;
    }

    private static String host() {
        String host = System.getenv("HOSTNAME");
        if (host == null || host.isEmpty()) {
            try {
                host = InetAddress.getLocalHost().getHostName();
            } catch (UnknownHostException e) {
                host = "unknown-host";
            }
        }
        return host.substring(0, Math.min(host.length(), MAXIMUM_LENGTH / 2));
    }
}
