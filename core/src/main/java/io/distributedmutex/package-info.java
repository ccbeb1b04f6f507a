/** A mutex across processes and machines: take a {@link io.distributedmutex.DistributedMutex}, get a lease. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex;
