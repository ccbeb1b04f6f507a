package io.distributedmutex.spring;

import io.distributedmutex.LockNotAcquiredException;
import java.lang.reflect.Method;
import org.jspecify.annotations.Nullable;

/**
 * Answers a call whose key was not acquired in time. A bean, named by {@link DistributedLock#notAcquiredHandler}; it may be
 * called by many threads.
 */
@FunctionalInterface
public interface NotAcquiredHandler {

    /**
     * Makes the result of the call, in place of the method.
     *
     * @param failure the key, its holder and the time left
     * @param method the method that was called
     * @param arguments what it was called with
     * @return the result; must fit the return type of the method, so a method that returns a future needs a future
     * @throws Exception anything that the method may throw; the caller sees it
     */
    @Nullable
    Object onNotAcquired(LockNotAcquiredException failure, Method method, @Nullable Object[] arguments)
            throws Exception;
}
