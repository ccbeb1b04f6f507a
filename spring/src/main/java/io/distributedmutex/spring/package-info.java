/** The annotation {@link io.distributedmutex.spring.DistributedLock}: a method of a Spring bean runs under a lease. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.spring;
