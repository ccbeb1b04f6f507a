package io.distributedmutex;

/**
 * Work done under a lease, whose checked exception passes through to the caller.
 *
 * @param <E> what the work may throw
 */
@FunctionalInterface
public interface LeaseAction<E extends Exception> {

    /**
     * Does the work.
     *
     * @param lease the lease held meanwhile
     * @throws E if the work fails
     */
    void run(Lease lease) throws E;
}
