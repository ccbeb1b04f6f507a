package io.distributedmutex.internal;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The library's log, for code that must go on whatever the logger does. */
final class Log {

    static final Logger LOGGER = LoggerFactory.getLogger("io.distributedmutex");

    private Log() {}

    /** Does what may throw in other people's code. What it throws has no place left where it could be told. */
    @SuppressWarnings("EmptyCatch")
    static void quietly(Runnable telling) {
        try {
            telling.run();
        } catch (Throwable t) {
            // A logger whose disk is full, say. Whatever the line was about must go on.
        }
    }

    /** Something failed that should not, and the instance goes on. Never throws. */
    static void bug(String what, Throwable error) {
        quietly(() -> LOGGER.error("{}; please report this", what, error));
    }
}
