/** A worker process: it holds leases, writes to the register, and tells what it does. */
@NullMarked
package io.distributedmutex.lab.chaos.worker;

import org.jspecify.annotations.NullMarked;
