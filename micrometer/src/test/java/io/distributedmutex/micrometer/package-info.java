/** The meters and observations, on the in-memory store and a manual clock. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.micrometer;
