package io.distributedmutex;

/** The waiting thread was interrupted. Its interrupt flag is set again, and nothing is left behind in the store. */
public final class LockInterruptedException extends LockException {

    private static final long serialVersionUID = 1L;

    /**
     * For the library.
     *
     * @param message what was interrupted, with the key
     * @param cause the interrupt
     */
    public LockInterruptedException(String message, InterruptedException cause) {
        super(message, cause);
    }
}
