/** The {@code dmutex} of a checkout: the tool, and with it demo and chaos. */
@NullMarked
package io.distributedmutex.lab;

import org.jspecify.annotations.NullMarked;
