/** The store that keeps leases in Redis: start at {@link io.distributedmutex.redis.RedisMutex}. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.redis;
