package io.distributedmutex.micrometer;

/** The names of all meters and observations, and of their tags and key values. */
final class MeterNames {

    static final String ACQUIRE = "distributed.mutex.acquire";
    static final String HOLD = "distributed.mutex.hold";
    static final String HELD = "distributed.mutex.held";
    static final String WAITING = "distributed.mutex.waiting";
    static final String LONGEST_WAIT = "distributed.mutex.wait.longest";
    static final String LOST = "distributed.mutex.lost";
    static final String AT_RISK = "distributed.mutex.at.risk";
    static final String RECOVERED = "distributed.mutex.recovered";
    static final String UNCONFIRMED = "distributed.mutex.releases.unconfirmed";
    static final String FORCED = "distributed.mutex.forced.releases";
    static final String DEADLOCKS = "distributed.mutex.deadlocks";

    static final String STORE_REQUESTS = "distributed.mutex.store.requests";

    static final String NAME_TAG = "name";
    static final String OUTCOME_TAG = "outcome";
    static final String REASON_TAG = "reason";
    static final String OPERATION_TAG = "operation";

    /**
     * What the names of observations begin with. They differ from those of the meters: a handler may make timers of them, which
     * stand in the same registry with other tags.
     */
    static final String OBSERVED = "distributed.mutex.observed.";

    static final String KEY = "key";
    static final String FENCING_TOKEN = "fencing.token";

    private MeterNames() {}
}
