package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Plan.Step;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.util.List;

/** The Redis of a chaos run, of one process or several, and each worker's network to it. Thread-safe. */
interface Deployment extends AutoCloseable {

    /**
     * What a fault is going to hit.
     *
     * @param server the server
     * @param keys the keys that it concerns; empty if all
     */
    record Aim(EmbeddedRedis server, List<String> keys) {}

    /** All processes. */
    List<EmbeddedRedis> servers();

    /** Where the worker at a place, from 1, finds it: by proxies of its own. */
    String uri(int place);

    /** The proxies of the worker at a place that a fault of the network hits. */
    List<FaultyProxy> network(int place, Fault fault, Aim aim);

    /** Chooses what a fault hits, once all is as it must be for that. */
    Aim aim(Step step, Details details) throws InterruptedException;

    /** Does what the fault does to servers, and undoes it. */
    void inject(Step step, Details details, Aim aim) throws InterruptedException;

    /** All keys in Redis. */
    List<String> keys();

    @Override
    void close();
}
