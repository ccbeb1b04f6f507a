/** What a run is to do: its settings, and the faults that its seed deals. */
@NullMarked
package io.distributedmutex.lab.chaos.plan;

import org.jspecify.annotations.NullMarked;
