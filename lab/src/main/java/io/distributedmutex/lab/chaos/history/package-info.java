/** What a run has reported: its events, and the calls, leases and writes that follow from them. */
@NullMarked
package io.distributedmutex.lab.chaos.history;

import org.jspecify.annotations.NullMarked;
