/** What a store of leases, or an environment for tests and simulations, has to provide. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.spi;
