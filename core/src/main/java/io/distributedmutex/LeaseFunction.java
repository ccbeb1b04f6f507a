package io.distributedmutex;

import org.jspecify.annotations.Nullable;

/**
 * Work done under a lease that has a result, and whose checked exception passes through to the caller.
 *
 * @param <R> the result
 * @param <E> what the work may throw
 */
@FunctionalInterface
public interface LeaseFunction<R extends @Nullable Object, E extends Exception> {

    /**
     * Does the work.
     *
     * @param lease the lease held meanwhile
     * @return the result
     * @throws E if the work fails
     */
    R call(Lease lease) throws E;
}
