/** A TCP proxy that cuts, delays, holds and loses. */
@NullMarked
package io.distributedmutex.testkit.proxy;

import org.jspecify.annotations.NullMarked;
