package io.distributedmutex.cli.console;

import java.util.Map;

/**
 * Sets the logging up, which must happen before the first class of the library is used. What the user sets with
 * {@code -D} wins.
 */
public final class Logging {

    private static final String SIMPLE = "org.slf4j.simpleLogger.";

    /** Each warning is one line that begins as our own errors do. The date format is a constant text. */
    private static final Map<String, String> QUIET = Map.of(
            "defaultLogLevel", "warn",
            "log.io.lettuce", "error",
            "log.io.netty", "error",
            "showDateTime", "true",
            "dateTimeFormat", "'dmutex:'",
            "showThreadName", "false",
            "showLogName", "false");

    private static final Map<String, String> VERBOSE = Map.of(
            "defaultLogLevel", "info",
            "log.io.distributedmutex", "debug",
            "log.io.netty", "warn",
            "showDateTime", "true",
            "dateTimeFormat", "HH:mm:ss.SSS",
            "showThreadName", "true",
            "showLogName", "true");

    private Logging() {}

    /** No warnings of what a command does on purpose. */
    public static void hushWarnings(boolean verbose) {
        if (!verbose) {
            System.setProperty(SIMPLE + "log.io.distributedmutex", "error");
        }
    }

    static void configure(boolean verbose) {
        (verbose ? VERBOSE : QUIET).forEach((name, value) -> {
            if (System.getProperty(SIMPLE + name) == null) {
                System.setProperty(SIMPLE + name, value);
            }
        });
    }
}
