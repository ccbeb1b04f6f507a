package io.distributedmutex.verification.simulation;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.slf4j.LoggerFactory;

/** No log while it lasts: simulated trouble fills gigabytes. */
final class Silence implements AutoCloseable {

    private final Logger logger = (Logger) LoggerFactory.getLogger("io.distributedmutex");
    private final Level before = logger.getLevel();

    Silence() {
        logger.setLevel(Level.OFF);
    }

    @Override
    public void close() {
        logger.setLevel(before);
    }
}
