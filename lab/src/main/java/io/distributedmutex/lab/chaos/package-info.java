/** {@code dmutex chaos}: workers under every fault that we know how to make, and a checker of what they tell. */
@NullMarked
package io.distributedmutex.lab.chaos;

import org.jspecify.annotations.NullMarked;
