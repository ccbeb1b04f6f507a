package io.distributedmutex.lab.chaos.plan;

/** What is broken on purpose, to show that the checks would notice. */
public enum Sabotage {
    NONE,
    /** Workers take keys from their holders by force. */
    STEAL,
    /** Workers believe in a lease for longer than it lasts, and do not listen to what says otherwise. */
    OVERSTAY,
    /** Workers do not listen when a lease is lost. */
    DEAF,
    /** Workers do not look for deadlocks. */
    BLIND,
    /** The register takes writes with any token. */
    UNFENCED
}
