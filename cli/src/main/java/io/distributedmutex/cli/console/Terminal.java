package io.distributedmutex.cli.console;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Knows whether a person reads the output. */
public final class Terminal {

    private Terminal() {}

    /**
     * Whether standard output is a terminal on which a line can be rewritten. Java's own {@link System#console} says
     * yes to a redirected output from Java 22 on, and before it no to a redirected input.
     */
    @SuppressWarnings("SystemConsoleNull")
    public static boolean isStandardOutput() {
        String type = System.getenv("TERM");
        if (type == null || type.equals("dumb")) {
            return false;
        }
        Path descriptor = Path.of("/proc/self/fd/1");
        try {
            String target = Files.readSymbolicLink(descriptor).toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target.equals("/dev/console");
        } catch (IOException | UnsupportedOperationException e) {
            return Runtime.version().feature() < 22 && System.console() != null;
        }
    }
}
