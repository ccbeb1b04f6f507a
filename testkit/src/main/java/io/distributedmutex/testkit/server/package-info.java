/** Real redis-server processes, each for a test. */
@NullMarked
package io.distributedmutex.testkit.server;

import org.jspecify.annotations.NullMarked;
