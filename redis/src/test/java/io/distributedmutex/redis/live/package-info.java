/** The whole library on a real redis-server, within one JVM. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.redis.live;
