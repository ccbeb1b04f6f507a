package io.distributedmutex;

/** The state of a lease. It changes from HELD to AT_RISK and back, and from either to RELEASED or LOST. */
public enum LeaseState {
    /** The lease is valid, and no renewal of it is failing. */
    HELD,
    /** The lease is still valid, but its renewal is failing. It will be lost at its deadline unless a renewal succeeds. */
    AT_RISK,
    /** The holder gave the lease back. Final, unless the store answers that it had been lost before. */
    RELEASED,
    /** The lease ended without its holder's will; {@link Lease#lossReason()} says why. Final. */
    LOST
}
