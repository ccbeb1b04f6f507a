package io.distributedmutex.internal;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.LoggerFactory;

/** A log that throws whatever the library tells it, until this is closed. */
final class ThrowingLog extends AppenderBase<ILoggingEvent> implements AutoCloseable {

    private final Logger logger = (Logger) LoggerFactory.getLogger("io.distributedmutex");
    private final AtomicInteger threw = new AtomicInteger();

    ThrowingLog() {
        start();
        logger.addAppender(this);
    }

    /** How often it threw. */
    int threw() {
        return threw.get();
    }

    @Override
    protected void append(ILoggingEvent event) {
        threw.incrementAndGet();
        // Not an exception: that one stays within Logback.
        throw new StackOverflowError("thrown by the test's log");
    }

    @Override
    public void close() {
        logger.detachAppender(this);
        stop();
    }
}
