/** The checks of a history: one class for each promise. */
@NullMarked
package io.distributedmutex.lab.chaos.check;

import org.jspecify.annotations.NullMarked;
