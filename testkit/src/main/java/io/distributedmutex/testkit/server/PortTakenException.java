package io.distributedmutex.testkit.server;

/**
 * Says that another socket held the port when the server tried to bind it; with a free choice, another port is tried.
 */
final class PortTakenException extends EmbeddedRedisException {

    private static final long serialVersionUID = 1L;

    PortTakenException(String message) {
        super(message);
    }
}
