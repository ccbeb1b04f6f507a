package io.distributedmutex.spi;

/** Whether a token owned its key when the store handled a request, and if not, why. */
public enum Ownership {
    /** The token owned the key. */
    HELD,
    /** Another token owns the key. */
    TAKEN,
    /** The key is not there, though the store has its other data. It expired or was deleted. */
    GONE,
    /** The key is not there, and neither is the fence counter: the store lost its data, or never had a lock there. */
    STORE_LOST
}
