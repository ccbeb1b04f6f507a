package io.distributedmutex.lab.chaos.check;

/** What is checked of a chaos run. */
public enum Check {
    EXCLUSION("no two leases on a key valid at once"),
    TOKENS("fencing tokens rise in the order of grants"),
    FENCING("no late write accepted, no update lost"),
    TOLD("holders are told of a loss by its deadline"),
    OUTCOMES("every call ends in time, as documented"),
    ORDER("nobody is overtaken while it is calm"),
    DEADLOCKS("deadlocks are told of, each with one victim"),
    SHARDS("a fault of one shard touches no other"),
    SERVICE("free keys are granted once faults are over"),
    END("workers end in order, nothing is left in Redis");

    private final String text;

    Check(String text) {
        this.text = text;
    }

    @Override
    public String toString() {
        return text;
    }
}
