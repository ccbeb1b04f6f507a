package io.distributedmutex.redis;

/** The server's reply does not have the shape that the script gives it. Never leaves this package. */
final class UnexpectedReplyException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    UnexpectedReplyException(String expected) {
        super("expected " + expected);
    }
}
