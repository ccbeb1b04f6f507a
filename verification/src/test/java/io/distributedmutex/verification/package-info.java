/** Tests of the whole, across modules. */
@NullMarked
package io.distributedmutex.verification;

import org.jspecify.annotations.NullMarked;
