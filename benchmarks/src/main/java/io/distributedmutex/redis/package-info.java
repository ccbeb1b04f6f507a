/** A look into the store's package, for what is measured without the store. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.redis;
