/** A run: Redis, proxies, workers, and the faults dealt to them. */
@NullMarked
package io.distributedmutex.lab.chaos.run;

import org.jspecify.annotations.NullMarked;
