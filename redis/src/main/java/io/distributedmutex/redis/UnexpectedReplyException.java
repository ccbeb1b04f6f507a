package io.distributedmutex.redis;

/** The server's reply does not have the shape that the script gives it. Leaves this package only as the cause of another exception. */
final class UnexpectedReplyException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    UnexpectedReplyException(String expected) {
        super("expected " + expected);
    }
}
