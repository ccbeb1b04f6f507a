package io.distributedmutex.lab.chaos.plan;

import java.util.Arrays;
import java.util.List;

/** What a chaos run does to Redis, its connections and its users. */
public enum Fault {
    KILL_WORKER(Domain.WORKER, true, 0, 0, "kill -9 of a worker"),
    STOP_WORKER_SHORT(Domain.WORKER, false, 150, 450, "worker stopped, for less than its lease"),
    STOP_WORKER_LONG(Domain.WORKER, true, 2_300, 3_000, "worker stopped, for longer than its lease"),

    STOP_SERVER(Domain.SERVER, false, 300, 2_500, "Redis stopped"),
    RESTART_WITH_DATA(Domain.SERVER, true, 50, 1_500, "Redis killed, back with its data"),
    RESTART_WITHOUT_DATA(Domain.SERVER, true, 50, 1_500, "Redis killed, back without data"),
    OUT_OF_MEMORY(Domain.SERVER, true, 500, 2_000, "Redis out of memory"),
    KILL_PUSH(Domain.SERVER, true, 0, 0, "push connections killed"),
    KILL_NORMAL(Domain.SERVER, false, 0, 0, "command connections killed"),
    DEBUG_SLEEP(Domain.SERVER, true, 300, 1_500, "Redis asleep (DEBUG SLEEP)"),
    SCRIPT_FLUSH(Domain.SERVER, false, 0, 0, "scripts flushed"),
    DELETE_KEY(Domain.SERVER, false, 0, 0, "a lock deleted"),
    FLUSH_ALL(Domain.SERVER, false, 0, 0, "all data deleted (FLUSHALL)"),

    CUT(Domain.NETWORK, false, 0, 0, "connections cut"),
    CUT_AT_BYTE(Domain.NETWORK, true, 50, 800, "connection cut at a byte"),
    REFUSE(Domain.NETWORK, false, 300, 1_500, "connections cut and refused"),
    DELAY(Domain.NETWORK, false, 500, 2_500, "network slow"),
    BLACK_HOLE(Domain.NETWORK, true, 300, 3_000, "network black hole"),
    SWALLOW(Domain.NETWORK, false, 0, 0, "connections dead without a sign");

    /** What a fault hits. Two faults at the same time never hit the same. */
    public enum Domain {
        WORKER,
        SERVER,
        NETWORK
    }

    private final Domain domain;
    private final boolean mandatory;
    private final int leastMillis;
    private final int mostMillis;
    private final String text;

    Fault(Domain domain, boolean mandatory, int leastMillis, int mostMillis, String text) {
        this.domain = domain;
        this.mandatory = mandatory;
        this.leastMillis = leastMillis;
        this.mostMillis = mostMillis;
        this.text = text;
    }

    public Domain domain() {
        return domain;
    }

    /** How long it lasts at least; 0 for a fault of a moment. */
    int leastMillis() {
        return leastMillis;
    }

    int mostMillis() {
        return mostMillis;
    }

    /** The faults that every run of a minute or more has. */
    public static List<Fault> mandatory() {
        return Arrays.stream(values()).filter(fault -> fault.mandatory).toList();
    }

    @Override
    public String toString() {
        return text;
    }
}
