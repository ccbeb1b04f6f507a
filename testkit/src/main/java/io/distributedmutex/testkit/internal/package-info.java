/** What the servers and the proxy share. Not exported. */
@NullMarked
package io.distributedmutex.testkit.internal;

import org.jspecify.annotations.NullMarked;
