/** Many threads and instances that want the same keys, on a real Redis. */
package io.distributedmutex.redis.contention;
