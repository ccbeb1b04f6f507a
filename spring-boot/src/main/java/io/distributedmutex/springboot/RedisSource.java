package io.distributedmutex.springboot;

/** Knows where Redis is. Asked only if the auto-configured mutex is made. */
@FunctionalInterface
interface RedisSource {

    /**
     * Where Redis is.
     *
     * @throws MutexStartException if it is of a kind that is not served
     */
    RedisServer server();
}
