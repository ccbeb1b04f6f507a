package io.distributedmutex.testing;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.core.AppenderBase;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.LoggerFactory;

/** All that the library logs, at every level, until this is closed: one line for each event, and no report of a bug. */
public final class LoggedLines extends AppenderBase<ILoggingEvent> implements AutoCloseable {

    private final Logger logger = (Logger) LoggerFactory.getLogger("io.distributedmutex");
    private final Level levelBefore = logger.getLevel();
    private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
    private final AtomicLong lines = new AtomicLong();

    /** Listens from now on. */
    public LoggedLines() {
        start();
        logger.setAdditive(false);
        logger.setLevel(Level.DEBUG);
        logger.addAppender(this);
    }

    /** Whether a text would be more than one line, or do something to a terminal. */
    public static boolean isOneLine(String text) {
        return text.chars().noneMatch(c -> Character.isISOControl(c) || c == '\u2028' || c == '\u2029');
    }

    @Override
    protected void append(ILoggingEvent event) {
        lines.incrementAndGet();
        String line = event.getLevel() + " " + event.getFormattedMessage();
        IThrowableProxy thrown = event.getThrowableProxy();
        boolean oneLine = isOneLine(line) && (thrown == null || isOneLine(String.valueOf(thrown.getMessage())));
        if (!oneLine || line.contains("please report") || line.contains("timer task failed")) {
            wrong.add(line + (thrown == null ? "" : " <- " + thrown.getMessage()));
        }
    }

    /** Fails if anything was logged that should not have been. */
    public void check() {
        assertThat(wrong).as("log lines").isEmpty();
    }

    public long count() {
        return lines.get();
    }

    @Override
    public void close() {
        logger.detachAppender(this);
        logger.setLevel(levelBefore);
        logger.setAdditive(true);
        stop();
    }
}
