/** The contract that every {@link io.distributedmutex.spi.LockStore} meets, one page for each subject. */
@NullMarked
package io.distributedmutex.testkit.contract;

import org.jspecify.annotations.NullMarked;
