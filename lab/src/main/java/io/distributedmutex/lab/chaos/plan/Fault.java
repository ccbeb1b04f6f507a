package io.distributedmutex.lab.chaos.plan;

import static io.distributedmutex.lab.chaos.plan.Topology.CLUSTER;
import static io.distributedmutex.lab.chaos.plan.Topology.SENTINEL;
import static io.distributedmutex.lab.chaos.plan.Topology.STANDALONE;

import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** What a chaos run does to Redis, its connections and its users. */
public enum Fault {
    KILL_WORKER(Domain.WORKER, true, 0, 0, "kill -9 of a worker"),
    STOP_WORKER_SHORT(Domain.WORKER, false, 150, 450, "worker stopped, for less than its lease"),
    STOP_WORKER_LONG(Domain.WORKER, true, 2_300, 3_000, "worker stopped, for longer than its lease"),

    STOP_SERVER(Domain.SERVER, false, 300, 2_500, "Redis stopped"),
    RESTART_WITH_DATA(Domain.SERVER, true, 50, 1_500, "Redis killed, back with its data", STANDALONE),
    RESTART_WITHOUT_DATA(Domain.SERVER, true, 50, 1_500, "Redis killed, back without data", STANDALONE),
    OUT_OF_MEMORY(Domain.SERVER, true, 500, 2_000, "Redis out of memory", STANDALONE),
    KILL_PUSH(Domain.SERVER, true, 0, 0, "push connections killed"),
    KILL_NORMAL(Domain.SERVER, false, 0, 0, "command connections killed"),
    DEBUG_SLEEP(Domain.SERVER, true, 300, 1_500, "Redis asleep (DEBUG SLEEP)", STANDALONE),
    SCRIPT_FLUSH(Domain.SERVER, false, 0, 0, "scripts flushed"),
    DELETE_KEY(Domain.SERVER, false, 0, 0, "a lock deleted"),
    FLUSH_ALL(Domain.SERVER, false, 0, 0, "all data deleted (FLUSHALL)", STANDALONE),

    CUT(Domain.NETWORK, false, 0, 0, "connections cut"),
    CUT_AT_BYTE(Domain.NETWORK, true, 50, 800, "connection cut at a byte"),
    REFUSE(Domain.NETWORK, false, 300, 1_500, "connections cut and refused"),
    DELAY(Domain.NETWORK, false, 500, 2_500, "network slow"),
    BLACK_HOLE(Domain.NETWORK, true, 300, 3_000, "network black hole"),
    SWALLOW(Domain.NETWORK, false, 0, 0, "connections dead without a sign"),

    // A time is counted from the failover on, where there is one.
    KILL_PRIMARY(Domain.SERVER, true, 50, 1_500, "primary killed, back once it is replaced", SENTINEL, CLUSTER),
    STOP_PRIMARY(Domain.SERVER, true, 50, 2_000, "primary stopped until it is replaced", SENTINEL, CLUSTER),
    PLANNED_FAILOVER(Domain.SERVER, true, 0, 0, "planned failover", SENTINEL, CLUSTER),
    CUT_OFF_FROM_PEERS(
            Domain.SERVER,
            true,
            50,
            2_000,
            "primary cut off from Sentinels and replicas until it is replaced",
            SENTINEL),
    CUT_OFF_FROM_NODES(
            Domain.SERVER, true, 50, 2_000, "primary cut off from the other nodes until it is replaced", CLUSTER),
    CUT_OFF_FROM_ALL(
            Domain.SERVER, false, 50, 2_000, "primary cut off from all until it is replaced", SENTINEL, CLUSTER),
    SPLIT(
            Domain.SERVER,
            true,
            300,
            2_500,
            "primary and a worker cut off from the rest until it is replaced",
            SENTINEL,
            CLUSTER),
    KILL_BEHIND(
            Domain.SERVER,
            true,
            200,
            800,
            "primary cut off from its replica, then killed, back once it is replaced",
            CLUSTER),
    MIGRATE_SLOT(Domain.SERVER, true, 100, 2_500, "a slot moved while its key is in use", CLUSTER),
    KILL_REPLICA(Domain.SERVER, false, 50, 1_500, "a replica killed and back", SENTINEL, CLUSTER),
    KILL_SENTINEL(Domain.SENTINEL, true, 500, 6_000, "a Sentinel killed and back", SENTINEL),
    HIDE_PRIMARY(Domain.NETWORK, true, 300, 3_000, "primary cut off from workers", SENTINEL, CLUSTER),
    HIDE_SENTINELS(Domain.NETWORK, false, 500, 4_000, "Sentinels cut off from workers", SENTINEL);

    /** What a fault hits. Two faults at the same time never hit the same. */
    public enum Domain {
        WORKER,
        SERVER,
        NETWORK,
        SENTINEL
    }

    /** How long a failover takes, about, until another fault may hit the primary. */
    private static final int FAILOVER_MILLIS = 4_500;

    private final Domain domain;
    private final boolean mandatory;
    private final int leastMillis;
    private final int mostMillis;
    private final String text;

    @SuppressWarnings("ImmutableEnumChecker") // Set.of makes none that changes.
    private final Set<Topology> topologies;

    Fault(Domain domain, boolean mandatory, int leastMillis, int mostMillis, String text) {
        this(domain, mandatory, leastMillis, mostMillis, text, Topology.values());
    }

    Fault(Domain domain, boolean mandatory, int leastMillis, int mostMillis, String text, Topology... topologies) {
        this.domain = domain;
        this.mandatory = mandatory;
        this.leastMillis = leastMillis;
        this.mostMillis = mostMillis;
        this.text = text;
        this.topologies = Set.of(topologies);
    }

    public Domain domain() {
        return domain;
    }

    /** Whether another server takes the primary's place. Another fault may have that effect too, if it lasts. */
    public boolean isFailover() {
        return switch (this) {
            case KILL_PRIMARY,
                    STOP_PRIMARY,
                    PLANNED_FAILOVER,
                    CUT_OFF_FROM_PEERS,
                    CUT_OFF_FROM_NODES,
                    CUT_OFF_FROM_ALL,
                    SPLIT,
                    KILL_BEHIND -> true;
            default -> false;
        };
    }

    /** Whether workers are met, so that they hear of a failover when that is over: some of them or all. */
    public boolean meetsWorkers() {
        return domain == Domain.NETWORK || domain == Domain.WORKER || this == SPLIT;
    }

    /** Whether it needs the workers' proxies, maybe beside something else. */
    public boolean meetsNetwork() {
        return domain == Domain.NETWORK || this == SPLIT || this == CUT_OFF_FROM_ALL;
    }

    /** Whether it hits one server that has to be chosen. */
    public boolean isAimed() {
        return domain == Domain.SERVER || domain == Domain.SENTINEL || this == HIDE_PRIMARY;
    }

    boolean meetsTheSameAs(Fault other) {
        return domain == other.domain || (meetsNetwork() && other.meetsNetwork());
    }

    /** How long it lasts at least; 0 for a fault of a moment. */
    int leastMillis() {
        return leastMillis;
    }

    int mostMillis() {
        return mostMillis;
    }

    /** How much longer it takes than it is to last, about. */
    int moreMillis() {
        return isFailover() ? FAILOVER_MILLIS : 0;
    }

    /** The faults that there are for a topology. */
    public static List<Fault> of(Topology topology) {
        return Arrays.stream(values())
                .filter(fault -> fault.topologies.contains(topology))
                .toList();
    }

    /** The faults that come first. A run of one server has them all within a minute, others within five. */
    public static List<Fault> mandatory(Topology topology) {
        return of(topology).stream().filter(fault -> fault.mandatory).toList();
    }

    @Override
    public String toString() {
        return text;
    }
}
