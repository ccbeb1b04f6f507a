package io.distributedmutex;

/** Where a lease is in its life. The only ways are HELD to and from AT_RISK, and from either to RELEASED or LOST. */
public enum LeaseState {
    /** The lease is valid and nothing speaks against its being so until its deadline. */
    HELD,
    /** The lease is still valid, but its renewal is failing: unless one succeeds it will be lost at its deadline. */
    AT_RISK,
    /** The holder gave the lease back. Final, unless the store answers that it had been lost before. */
    RELEASED,
    /** The lease ended without its holder's will; {@link Lease#lossReason()} says why. Final. */
    LOST
}
