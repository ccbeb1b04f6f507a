package io.distributedmutex.cli;

/** What is checked of a chaos run. */
enum ChaosCheck {
    EXCLUSION("no two leases on a key valid at once"),
    TOKENS("fencing tokens rise in the order of grants"),
    FENCING("no late write accepted, no update lost"),
    TOLD("holders are told of a loss by its deadline"),
    OUTCOMES("every call ends in time, as documented"),
    ORDER("nobody is overtaken while it is calm"),
    SERVICE("free keys are granted once faults are over"),
    END("workers end in order, nothing is left in Redis");

    private final String text;

    ChaosCheck(String text) {
        this.text = text;
    }

    @Override
    public String toString() {
        return text;
    }
}
