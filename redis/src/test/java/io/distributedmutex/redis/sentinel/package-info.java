/** A primary that Sentinels name: connecting to it, and following when they choose another. */
package io.distributedmutex.redis.sentinel;
