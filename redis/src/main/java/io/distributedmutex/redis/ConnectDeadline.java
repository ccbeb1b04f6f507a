package io.distributedmutex.redis;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Until when a store that is being made tries to connect. A server that is silent is tried again for 10 s: on a machine that is
 * busy or throttled, a process loads its classes for longer than a handshake may last, and the next try finds them loaded.
 * Anything else that another try may mend, such as a failover, has 3 s. The command time-out stands for both if it is longer.
 *
 * <p>Begins when it is made. For one thread.
 */
final class ConnectDeadline {

    /** Lettuce's own time-out for a connection. */
    private static final Duration SILENCE = Duration.ofSeconds(10);

    private static final Duration FAILOVER = Duration.ofSeconds(3);

    private final long roundNanos;
    private final long lastNanos;
    private long deadlineNanos;

    /**
     * Begins.
     *
     * @param timeout how long a command may take
     */
    ConnectDeadline(Duration timeout) {
        long now = System.nanoTime();
        this.roundNanos = tryLimit(timeout).toNanos();
        this.lastNanos = now + stepLimit(timeout).toNanos();
        this.deadlineNanos = now + roundNanos;
    }

    /** How long a server that is connected to may take for a step of making ready. */
    static Duration stepLimit(Duration timeout) {
        return longer(timeout, SILENCE);
    }

    /** How long one try to connect may take. */
    static Duration tryLimit(Duration timeout) {
        return longer(timeout, FAILOVER);
    }

    private static Duration longer(Duration one, Duration other) {
        return one.compareTo(other) > 0 ? one : other;
    }

    /** What is left, at least 1 ms. */
    Duration left() {
        return left(deadlineNanos);
    }

    /** What is left until a deadline, at least 1 ms. */
    static Duration left(long deadlineNanos) {
        return Duration.ofNanos(Math.max(TimeUnit.MILLISECONDS.toNanos(1), deadlineNanos - System.nanoTime()));
    }

    /** Whether to try again, unless this thread was interrupted. Silence gives more time. */
    boolean goesOnAfter(Throwable failure) {
        long now = System.nanoTime();
        if (RedisErrors.isSilence(failure)) {
            deadlineNanos = now + Math.min(roundNanos, lastNanos - now);
        }
        return now - deadlineNanos < 0 && !Thread.currentThread().isInterrupted();
    }
}
