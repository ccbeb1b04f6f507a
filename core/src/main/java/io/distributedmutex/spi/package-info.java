/**
 * What a store of leases, or an environment for tests and simulations, has to provide; and the words and bounds that stores,
 * tools and the receivers of fencing tokens share with the library.
 */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.spi;
