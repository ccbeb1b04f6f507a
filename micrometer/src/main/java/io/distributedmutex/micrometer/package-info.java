/** Meters and observations of locks, by Micrometer: how long acquires wait, what is held, what was lost. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.micrometer;
