/** A store in memory, which stands for a server and its clients. */
@NullMarked
package io.distributedmutex.testkit.memory;

import org.jspecify.annotations.NullMarked;
