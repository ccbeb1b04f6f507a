/** What the tests of several modules share. */
@NullMarked
package io.distributedmutex.testing;

import org.jspecify.annotations.NullMarked;
