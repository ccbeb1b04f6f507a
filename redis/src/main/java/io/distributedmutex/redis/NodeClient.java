package io.distributedmutex.redis;

import io.lettuce.core.RedisURI;
import java.time.Duration;
import java.util.concurrent.CompletionStage;

/**
 * What the nodes of a cluster are connected to with, and what runs whatever follows: everything of a cluster that has a socket, a
 * thread or a clock. {@link ClusterClient} is that on Lettuce; the simulation has one on simulated time. Thread-safe.
 */
interface NodeClient {

    /** How to connect to a node. */
    RedisURI uriOf(NodeAddress address);

    /**
     * Connects for commands. The connection is made anew whenever it is lost, until it is dropped.
     *
     * @param address the node
     * @param errors says what goes wrong there
     * @param timeout how long a command may take
     * @param roles hears what may mean that the node is a master no more
     */
    CompletionStage<NodeConnection> connect(
            NodeAddress address, RedisErrors errors, Duration timeout, RoleListener roles);

    /** Connects for pushes. The connection ends when it is lost. */
    CompletionStage<PushConnection> connectPushes(NodeAddress address);

    /** Runs something soon. */
    void execute(Runnable task);

    /** Runs something later; returns whether that will be so. */
    boolean schedule(Runnable task, long millis);

    /** As {@link System#nanoTime()}. */
    long nanoTime();

    /** Ends all connections within 2 s. */
    void close();
}
