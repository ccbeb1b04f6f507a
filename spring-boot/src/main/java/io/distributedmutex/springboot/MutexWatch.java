package io.distributedmutex.springboot;

import io.distributedmutex.DistributedMutex;

/** Is shown the auto-configured mutex as soon as it is made. */
@FunctionalInterface
interface MutexWatch {

    /**
     * Begins to watch.
     *
     * @param mutex the mutex
     */
    void watch(DistributedMutex mutex);
}
