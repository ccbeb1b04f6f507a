/** Processes that run workers, for demo and chaos. */
@NullMarked
package io.distributedmutex.lab.process;

import org.jspecify.annotations.NullMarked;
