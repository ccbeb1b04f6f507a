/** A look into the store's package, for the simulation of a part of it. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.redis;
