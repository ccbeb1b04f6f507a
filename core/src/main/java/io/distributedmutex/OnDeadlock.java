package io.distributedmutex;

/** What an instance does about owners that wait for each other's keys in a circle. */
public enum OnDeadlock {

    /** The instance with the youngest wait of the circle writes a WARN line and tells its {@link MutexListener#onDeadlock}. */
    REPORT,

    /**
     * As {@link #REPORT}, and the youngest wait of the circle ends with a {@link DeadlockException}, so that its owner can give
     * back what it holds and the others go on. Use the same on all instances: the one with the youngest wait decides.
     */
    FAIL,

    /** Nothing, and circles that go through this instance are not noticed by others either. */
    IGNORE
}
