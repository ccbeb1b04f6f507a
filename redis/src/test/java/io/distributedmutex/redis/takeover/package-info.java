/** Processes that die, stop, or lose their Redis: how fast and how safely others take over. */
package io.distributedmutex.redis.takeover;
