package io.distributedmutex.testkit.junit;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.slf4j.LoggerFactory;

/** What the library logs at WARN or above while this is attached. Loaded only where Logback is there. */
final class LogbackWarnings {

    private final List<String> lines = new CopyOnWriteArrayList<>();

    private final AppenderBase<ILoggingEvent> appender = new AppenderBase<>() {
        @Override
        protected void append(ILoggingEvent event) {
            if (event.getLevel().isGreaterOrEqual(Level.WARN)) {
                lines.add(event.getLevel() + " " + event.getFormattedMessage());
            }
        }
    };

    private LogbackWarnings() {}

    static LogbackWarnings capture() {
        LogbackWarnings warnings = new LogbackWarnings();
        warnings.appender.start();
        logger().addAppender(warnings.appender);
        return warnings;
    }

    /** Detaches, and returns the lines. */
    List<String> stop() {
        logger().detachAppender(appender);
        appender.stop();
        return List.copyOf(lines);
    }

    private static Logger logger() {
        return (Logger) LoggerFactory.getLogger("io.distributedmutex");
    }
}
