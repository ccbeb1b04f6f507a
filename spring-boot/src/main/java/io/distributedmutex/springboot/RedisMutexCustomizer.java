package io.distributedmutex.springboot;

import io.distributedmutex.redis.RedisMutex;

/**
 * A bean that changes how the auto-configured mutex is built, after the properties and before it connects: for what has no
 * property, such as {@link RedisMutex.Builder#callbackExecutor}. Several are called in their order.
 */
@FunctionalInterface
public interface RedisMutexCustomizer {

    /**
     * Changes the builder.
     *
     * @param builder the builder, with all that the properties say
     */
    void customize(RedisMutex.Builder builder);
}
