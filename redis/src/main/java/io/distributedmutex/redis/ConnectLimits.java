package io.distributedmutex.redis;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * How long connecting may take, for a store that is being made.
 *
 * <p>A server that is silent is tried again for 10 s, Lettuce's own time-out for a connection. On a machine that is busy or
 * throttled, a process loads its classes for longer than a handshake may last; the next try finds them loaded. Anything else that
 * another try may mend, such as a failover, has 3 s. The command time-out stands for both if it is longer.
 *
 * @param command how long a command may take
 * @param attempt how long one try may take, and how long it is tried again what is not silence
 * @param silence how long a server that is silent is tried again, or is waited for behind the handshake
 */
record ConnectLimits(Duration command, Duration attempt, Duration silence) {

    private static final Duration ATTEMPT = Duration.ofSeconds(3);

    private static final Duration SILENCE = Duration.ofSeconds(10);

    private static final long PAUSE_MILLIS = 100;

    /**
     * For a store that is made before it is used.
     *
     * @param command how long a command may take
     */
    static ConnectLimits of(Duration command) {
        return new ConnectLimits(command, longer(command, ATTEMPT), longer(command, SILENCE));
    }

    /**
     * For a store that is made by the first request: that one waits for it, and the next one tries again.
     *
     * @param command how long a command may take
     */
    static ConnectLimits ofLazy(Duration command) {
        return new ConnectLimits(command, longer(command, ATTEMPT), longer(command, ATTEMPT));
    }

    private static Duration longer(Duration one, Duration other) {
        return one.compareTo(other) > 0 ? one : other;
    }

    /** Begins to count with the first wait for a server. */
    Deadline begin() {
        return new Deadline();
    }

    /** When connecting is given up. For one thread. */
    final class Deadline {

        /** Only meaningful once it has begun. */
        private long beginNanos;

        private boolean begun;

        /** When silence ended, from the beginning. What follows it has its own time: much happens for the first time then. */
        private long silentNanos;

        private Deadline() {}

        private long elapsedNanos() {
            long now = System.nanoTime();
            if (!begun) {
                beginNanos = now;
                begun = true;
            }
            return now - beginNanos;
        }

        /** How long a step of a try may take: at least 1 ms. */
        Duration left() {
            return atLeastOneMilli(Math.min(attempt.toNanos(), nanosLeft(true)));
        }

        /** What is left for tries that were begun together: at least 1 ms. */
        Duration leftOfAttempt() {
            return atLeastOneMilli(nanosLeft(false));
        }

        private Duration atLeastOneMilli(long nanos) {
            return Duration.ofNanos(Math.max(TimeUnit.MILLISECONDS.toNanos(1), nanos));
        }

        /**
         * How long it may be tried again.
         *
         * @param silent whether somebody was silent, and nobody said anything
         * @return not more than 0 if it is over
         */
        long nanosLeft(boolean silent) {
            long end = silent ? silence.toNanos() : Math.min(silentNanos + attempt.toNanos(), silence.toNanos());
            return end - elapsedNanos();
        }

        /**
         * Whether to try again after a failure: there is time, and nobody has interrupted this thread.
         *
         * @param silent as in {@link #nanosLeft}
         */
        boolean allowsRetry(boolean silent) {
            if (silent) {
                silentNanos = elapsedNanos();
            }
            return nanosLeft(silent) > 0 && !Thread.currentThread().isInterrupted();
        }

        /** As {@link #allowsRetry}; pauses for 0.1 s if so. An interrupt ends the pause, and the trying. */
        boolean pausesForRetry(boolean silent) {
            if (!allowsRetry(silent)) {
                return false;
            }
            try {
                TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
                return true;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
    }
}
