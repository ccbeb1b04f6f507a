package io.distributedmutex.lab.chaos.plan;

import org.jspecify.annotations.Nullable;

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
    UNFENCED,
    /** A worker knows no Sentinels, and stays with the primary of the beginning. */
    STAY(Topology.SENTINEL);

    private final @Nullable Topology only;

    Sabotage() {
        this.only = null;
    }

    Sabotage(Topology only) {
        this.only = only;
    }

    /** Whether it makes a difference there. */
    public boolean isFor(Topology topology) {
        return only == null || only == topology;
    }
}
