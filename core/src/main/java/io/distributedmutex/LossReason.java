package io.distributedmutex;

/** Why a lease was lost. */
public enum LossReason {
    /** Its deadline passed: it was not extended, renewals failed, the process was paused, or the maximum hold ended. */
    EXPIRED,
    /** The store says that another holder has the key. */
    TAKEN,
    /**
     * Somebody deleted the key or released it by force. Also the reason if the store lost its data, and a later lock made the
     * fence counter anew before this instance looked.
     */
    REVOKED,
    /** The store has lost its data: neither the lease nor the fence counter is there. */
    STORE_LOST,
    /** The instance was closed while the lease was held. The key is released in the store, as if the holder had done it. */
    CLOSED
}
