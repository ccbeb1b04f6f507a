package io.distributedmutex;

/** The {@link DistributedMutex} is closed, or was closed while the caller waited. */
public final class MutexClosedException extends LockException {

    private static final long serialVersionUID = 1L;

    /**
     * For the library.
     *
     * @param message what was refused, with the key
     */
    public MutexClosedException(String message) {
        super(message, null);
    }
}
