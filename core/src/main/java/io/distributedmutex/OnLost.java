package io.distributedmutex;

/**
 * What {@link DistributedMutex#run} and {@link DistributedMutex#call} do when the lease is lost while their body runs. For work
 * under a lease that is held already there is {@link LossInterruption}.
 */
public enum OnLost {

    /** The body runs to its end; then {@link LeaseLostException} is thrown. */
    THROW,

    /**
     * The thread of the body is interrupted as soon as the lease is lost, and never after the body has ended. However the body
     * ends then, {@link LeaseLostException} is thrown; an exception of the body is its cause. The interrupt flag does not stay.
     */
    INTERRUPT
}
