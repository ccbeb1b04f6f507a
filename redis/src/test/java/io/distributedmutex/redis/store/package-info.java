/** The Redis store against real servers, hostile ones and none. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.redis.store;
