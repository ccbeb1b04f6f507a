/** Locks on a Redis Cluster: connecting to it, its failovers, slots that move, a part of it that fails. */
package io.distributedmutex.redis.cluster;
