/**
 * The real engine in simulated time: random lives of a few instances on a bad network, decided by a seed, and the proof that
 * such lives would find a fault: {@link io.distributedmutex.verification.simulation.MutantsTest}.
 */
@NullMarked
package io.distributedmutex.verification.simulation;

import org.jspecify.annotations.NullMarked;
