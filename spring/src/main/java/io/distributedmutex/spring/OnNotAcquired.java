package io.distributedmutex.spring;

/** What a call does when others held its key for the whole wait time. */
public enum OnNotAcquired {
    /** It throws {@link io.distributedmutex.LockNotAcquiredException}; a future or publisher fails with it. */
    THROW,
    /**
     * It returns without a result, and the method does not run: null, an empty {@link java.util.Optional}, a future of one of
     * these, an empty {@code Mono} or {@code Flux}. Refused at start for a method that returns a primitive value.
     */
    SKIP
}
