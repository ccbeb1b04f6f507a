/** The JUnit extensions: a server for a test class, and a look at what tests leave behind. */
@NullMarked
package io.distributedmutex.testkit.junit;

import org.jspecify.annotations.NullMarked;
