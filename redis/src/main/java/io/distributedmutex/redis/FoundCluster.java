package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.output.NestedMultiOutput;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A Redis Cluster as it was found when connecting.
 *
 * @param first the node that answered
 * @param connection to that node, for whatever is to be looked at before locks are used; {@link #end} closes it
 * @param slots who has which slots; all of them have a master
 * @param isSharded whether that node has sharded channels (Redis 7, Valkey)
 */
record FoundCluster(
        NodeAddress first, StatefulRedisConnection<byte[], byte[]> connection, ClusterSlots slots, boolean isSharded) {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    private static final int MAXIMUM_SEEDS_ASKED = 32;

    private static final long SETTLE_MILLIS = 200;

    /**
     * Finds the cluster, and looks whether its masters can be used. Goes on trying, as {@link ConnectLimits} says, while no node
     * answers or some slots have no master.
     *
     * @param client connects; not closed if this fails
     * @param seeds some of the nodes
     * @param errors says what went wrong
     * @param limits how long it may take
     */
    static FoundCluster find(ClusterClient client, Set<NodeAddress> seeds, RedisErrors errors, ConnectLimits limits) {
        FoundCluster found = search(client, seeds, errors, limits);
        found.checkMasters(client, limits);
        return found;
    }

    /** Closes a connection, unless it is closed. Does not wait for that. */
    @SuppressWarnings("FutureReturnValueIgnored") // Nobody needs it, and the client's end closes it too.
    static void end(StatefulRedisConnection<byte[], byte[]> connection) {
        if (!Connections.isClosed(connection)) {
            connection.closeAsync();
        }
    }

    private static FoundCluster search(
            ClusterClient client, Set<NodeAddress> seeds, RedisErrors errors, ConnectLimits limits) {
        Map<NodeAddress, CompletableFuture<StatefulRedisConnection<byte[], byte[]>>> attempts =
                connectAll(client, seeds);
        ConnectLimits.Deadline deadline = limits.begin();
        StoreException failure = errors.connecting(new TimeoutException("no node was asked"));
        while (true) {
            boolean silent = false;
            boolean said = false;
            @Nullable FoundCluster found = null;
            for (Map.Entry<NodeAddress, CompletableFuture<StatefulRedisConnection<byte[], byte[]>>> each :
                    attempts.entrySet()) {
                RedisErrors ofNode = errorsOf(client, each.getKey(), limits);
                try {
                    StatefulRedisConnection<byte[], byte[]> connection =
                            Connections.awaitWithin(each.getValue(), ofNode, share(deadline, attempts.size()));
                    found = ask(connection, each.getKey(), ofNode, errors, deadline.left());
                    break;
                } catch (StoreUnreachableException e) {
                    silent |= RedisErrors.isSilence(e);
                    // What a node has said says more than that there is none, and that says more than silence.
                    failure = RedisErrors.isSilence(failure) ? e : failure;
                } catch (StoreRefusedException e) {
                    if (!e.isTransient()) {
                        settle(attempts.values());
                        throw e;
                    }
                    said = true;
                    failure = e;
                }
                if (Thread.currentThread().isInterrupted()) {
                    break;
                }
            }
            if (found != null) {
                end(attempts.values(), found.connection());
                return found;
            }
            if (!deadline.pausesForRetry(silent && !said)) {
                settle(attempts.values());
                throw failure;
            }
            end(attempts.values(), null);
            attempts = connectAll(client, seeds);
        }
    }

    private static Map<NodeAddress, CompletableFuture<StatefulRedisConnection<byte[], byte[]>>> connectAll(
            ClusterClient client, Set<NodeAddress> seeds) {
        Map<NodeAddress, CompletableFuture<StatefulRedisConnection<byte[], byte[]>>> attempts = new LinkedHashMap<>();
        seeds.stream().limit(MAXIMUM_SEEDS_ASKED).forEach(each -> attempts.put(each, connect(client, each)));
        return attempts;
    }

    /** The client is about to end. What is about to fail by itself does so before, since Netty complains of it afterwards. */
    private static void settle(Collection<CompletableFuture<StatefulRedisConnection<byte[], byte[]>>> attempts) {
        end(attempts, null);
        CompletableFuture<Void> all = CompletableFuture.allOf(attempts.toArray(CompletableFuture[]::new));
        try {
            all.get(SETTLE_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            // The client ends them.
        }
    }

    /** A node that is silent must leave time for the others. */
    private static Duration share(ConnectLimits.Deadline deadline, int count) {
        return deadline.left().dividedBy(Math.min(count, 4));
    }

    private static RedisErrors errorsOf(ClusterClient client, NodeAddress address, ConnectLimits limits) {
        return new RedisErrors(client.uriOf(address), limits.command().toMillis());
    }

    private static CompletableFuture<StatefulRedisConnection<byte[], byte[]>> connect(
            ClusterClient client, NodeAddress address) {
        return client.pushes()
                .connectAsync(ByteArrayCodec.INSTANCE, client.uriOf(address))
                .toCompletableFuture();
    }

    @SuppressWarnings("FutureReturnValueIgnored") // Nobody needs them, and the client's end ends them too.
    private static void end(
            Iterable<CompletableFuture<StatefulRedisConnection<byte[], byte[]>>> attempts,
            @Nullable StatefulRedisConnection<byte[], byte[]> kept) {
        for (CompletableFuture<StatefulRedisConnection<byte[], byte[]>> attempt : attempts) {
            attempt.thenAccept(connection -> {
                if (connection != kept) {
                    end(connection);
                }
            });
        }
    }

    /** Asks a node what it is, and for the slots. */
    private static FoundCluster ask(
            StatefulRedisConnection<byte[], byte[]> connection,
            NodeAddress address,
            RedisErrors ofNode,
            RedisErrors errors,
            Duration limit) {
        RedisAsyncCommands<byte[], byte[]> redis = connection.async();
        Future<List<Object>> reply = redis.dispatch(
                CommandType.CLUSTER,
                new NestedMultiOutput<>(ByteArrayCodec.INSTANCE),
                new CommandArgs<>(ByteArrayCodec.INSTANCE).add("SLOTS"));
        ClusterSlots slots;
        try {
            slots = ClusterSlots.parse(new ArrayList<>(Connections.awaitWithin(reply, ofNode, limit)), address);
        } catch (StoreRefusedException e) {
            String said = RedisErrors.saidIn(e);
            if (said.contains("cluster support disabled") || RedisErrors.isUnknownCommand(said)) {
                throw ofNode.noCluster(said);
            }
            throw e;
        } catch (UnexpectedReplyException e) {
            throw ofNode.unexpected(e, Request.command("the slots", CommandType.CLUSTER, new Arguments()));
        }
        String uncovered = slots.uncovered();
        if (!uncovered.isEmpty()) {
            throw errors.uncovered(uncovered);
        }
        byte[] channel = NodePushes.channelName(0, "probe").getBytes(StandardCharsets.UTF_8);
        String said = Connections.awaitWithin(
                RedisErrors.saidBy(redis.dispatch(
                        CommandType.SPUBLISH,
                        new StatusOutput<>(ByteArrayCodec.INSTANCE),
                        new CommandArgs<>(ByteArrayCodec.INSTANCE).add(channel).add(""))),
                ofNode,
                limit);
        return new FoundCluster(address, connection, slots, !RedisErrors.isUnknownCommand(said));
    }

    /** Each master must take us, and be new enough. One that is not there now is not held against the others. */
    private void checkMasters(ClusterClient client, ConnectLimits limits) {
        Map<NodeAddress, CompletableFuture<StatefulRedisConnection<byte[], byte[]>>> attempts = new LinkedHashMap<>();
        for (NodeAddress master : slots.masters()) {
            if (!master.equals(first)) {
                attempts.put(master, connect(client, master));
            }
        }
        boolean checked = false;
        try {
            ServerCheck.checkNode(connection.async(), errorsOf(client, first, limits), limits.silence());
            // One deadline for all that are silent: they were begun together.
            ConnectLimits.Deadline deadline = limits.begin();
            attempts.forEach((master, attempt) -> {
                RedisErrors ofNode = errorsOf(client, master, limits);
                try {
                    StatefulRedisConnection<byte[], byte[]> toMaster =
                            Connections.awaitWithin(attempt, ofNode, deadline.leftOfAttempt());
                    ServerCheck.checkNode(toMaster.async(), ofNode, limits.attempt());
                } catch (StoreUnreachableException e) {
                    if (Thread.currentThread().isInterrupted()) {
                        throw e;
                    }
                    log.warn(
                            "a master of the cluster cannot be used, and so the keys of its slots cannot: {}",
                            e.getMessage());
                }
            });
            checked = true;
        } finally {
            if (checked) {
                end(attempts.values(), null);
            } else {
                settle(attempts.values());
            }
        }
    }
}
