/** The engine. Not exported: nothing here is API. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.internal;
