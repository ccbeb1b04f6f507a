package io.distributedmutex.spring;

/**
 * What a call does when its lease is lost while the method runs. In every case a method that ends normally after the loss
 * makes its caller see {@link io.distributedmutex.LeaseLostException}.
 */
public enum OnLeaseLost {
    /** The method runs on. */
    THROW,
    /**
     * The method is stopped. Its thread is interrupted, never after it has ended; a future that it returned is cancelled; a
     * subscription is cancelled. The caller sees {@link io.distributedmutex.LeaseLostException}, also if the method threw.
     */
    INTERRUPT,
    /**
     * No transaction is committed any more on the method's thread: a commit after the loss rolls back and throws
     * {@link io.distributedmutex.LeaseLostException}. For a {@code Mono} or {@code Flux} this is INTERRUPT, since a
     * transaction whose subscription is cancelled is rolled back. Needs a transaction manager in the context.
     */
    ROLLBACK
}
