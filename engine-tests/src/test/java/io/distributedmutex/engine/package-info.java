/** Scenarios of the engine on a manual clock and a store that fails on demand. */
@NullMarked
package io.distributedmutex.engine;

import org.jspecify.annotations.NullMarked;
