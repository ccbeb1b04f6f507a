package io.distributedmutex.testkit.server;

/**
 * Says that an embedded Redis server could not do what was asked: it did not start, stop or answer in time, or it
 * answered with an error.
 *
 * <p>The message carries what a reader of a failed build needs: the server, the command line and the end of the log
 * when the server did not start, the server's own words when it answered with an error. It never carries a password.
 */
public sealed class EmbeddedRedisException extends RuntimeException permits PortTakenException {

    private static final long serialVersionUID = 1L;

    EmbeddedRedisException(String message) {
        super(message);
    }

    EmbeddedRedisException(String message, Throwable cause) {
        super(message, cause);
    }
}
