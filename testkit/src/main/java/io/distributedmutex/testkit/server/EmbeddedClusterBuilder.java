package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.server.RedisConfiguration.Role;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Collects what an {@link EmbeddedCluster} is to be like, and starts it. Each {@link #start} makes another one. Not thread-safe.
 */
public final class EmbeddedClusterBuilder {

    private static final int MAXIMUM_REPLICAS = 5;
    private static final Duration SHORTEST_NODE_TIMEOUT = Duration.ofMillis(200);
    private static final Duration LONGEST_NODE_TIMEOUT = Duration.ofMinutes(10);

    private static final Duration DEFAULT_NODE_TIMEOUT = Duration.ofSeconds(1);

    /** The default of redis.conf. */
    private static final Duration REDIS_NODE_TIMEOUT = Duration.ofSeconds(15);

    private final int masters;
    private final int replicas;
    private Duration nodeTimeout;
    private @Nullable String password;
    private boolean proxied;
    private @Nullable Path executable;
    private List<Path> executables = List.of();
    private final List<String> directives = new ArrayList<>();

    EmbeddedClusterBuilder(int masters, int replicas) {
        if (replicas < 0 || replicas > MAXIMUM_REPLICAS) {
            throw new IllegalArgumentException("replicas must be 0 to " + MAXIMUM_REPLICAS + ", not " + replicas);
        }
        this.masters = EmbeddedSentinelBuilder.checkedCount("masters", masters);
        this.replicas = replicas;
        this.nodeTimeout = replicas == 0 ? REDIS_NODE_TIMEOUT : DEFAULT_NODE_TIMEOUT;
    }

    /**
     * Sets how long a node may be silent until the others take it to be down, 200 ms to 10 min. Default 1 s, a failover then
     * takes about a second more; without replicas 15 s as in Redis, since nobody could take over, and a machine that stalls
     * would only take the cluster down.
     */
    public EmbeddedClusterBuilder nodeTimeout(Duration nodeTimeout) {
        if (nodeTimeout.compareTo(SHORTEST_NODE_TIMEOUT) < 0 || nodeTimeout.compareTo(LONGEST_NODE_TIMEOUT) > 0) {
            throw new IllegalArgumentException("nodeTimeout must be " + SHORTEST_NODE_TIMEOUT.toMillis() + " ms to "
                    + LONGEST_NODE_TIMEOUT.toMillis() + " ms, not " + nodeTimeout.toMillis() + " ms");
        }
        this.nodeTimeout = nodeTimeout;
        return this;
    }

    /** Sets the password of all nodes, not empty; by default there is none. */
    public EmbeddedClusterBuilder password(String password) {
        this.password = EmbeddedRedisBuilder.checkedPassword(password);
        return this;
    }

    /**
     * Adds a directive of redis.conf to all nodes, as {@link EmbeddedRedisBuilder#config} does.
     *
     * @param name the directive
     * @param value the values in order, at least one, unquoted
     * @throws IllegalArgumentException if name or values are not such
     */
    public EmbeddedClusterBuilder config(String name, String... value) {
        directives.add(RedisConfiguration.directive(name, List.of(value)));
        return this;
    }

    /**
     * Says whether proxies stand before each node, for {@link EmbeddedCluster#partition} and {@link EmbeddedCluster#split}.
     * Clients and replicas then reach a node by one proxy, other nodes reach its cluster bus by another. Default false.
     */
    public EmbeddedClusterBuilder proxied(boolean proxied) {
        this.proxied = proxied;
        return this;
    }

    /** Sets the executable to run, as {@link EmbeddedRedisBuilder#executable} does. */
    public EmbeddedClusterBuilder executable(Path executable) {
        this.executable = Objects.requireNonNull(executable, "executable");
        return this;
    }

    /**
     * Sets an executable for each node, as while a cluster is upgraded. A replica must not be older than its master, whose data it
     * has to read: the replicas of master 1 of 3 are nodes 4, 7 and so on.
     *
     * @param executables the masters' first, then the replicas', as in {@link EmbeddedCluster#nodes}
     * @throws IllegalArgumentException if there are more or fewer of them than nodes
     */
    public EmbeddedClusterBuilder executables(List<Path> executables) {
        int count = masters * (1 + replicas);
        if (executables.size() != count) {
            throw new IllegalArgumentException(
                    "each of " + count + " nodes needs an executable, but there are " + executables.size());
        }
        this.executables = List.copyOf(executables);
        return this;
    }

    /**
     * Starts the nodes, each on a port whose bus port, 10,000 above, is free too, and returns when all of them agree on who
     * serves which slot and take commands. That takes some seconds.
     *
     * @throws EmbeddedRedisException as {@link EmbeddedRedisBuilder#start}; nothing is left behind
     */
    public EmbeddedCluster start() {
        RedisExecutable chosen = executable == null ? RedisExecutable.byDefault() : RedisExecutable.at(executable);
        return ServerGroup.start(chosen, proxied, this::start);
    }

    private EmbeddedCluster start(ServerGroup group) {
        List<EmbeddedRedis> nodes = new ArrayList<>();
        for (int port : group.choosePorts(masters * (1 + replicas))) {
            int busPort = EmbeddedCluster.busPort(port);
            group.putProxyBefore(busPort);
            List<String> lines = new ArrayList<>(directives);
            add(lines, "cluster-enabled", "yes");
            add(lines, "cluster-node-timeout", Long.toString(nodeTimeout.toMillis()));
            add(lines, "cluster-announce-ip", "127.0.0.1");
            add(lines, "cluster-announce-port", Integer.toString(group.announced(port)));
            add(lines, "cluster-announce-bus-port", Integer.toString(group.announced(busPort)));
            RedisExecutable chosen =
                    executables.isEmpty() ? group.executable() : RedisExecutable.at(executables.get(nodes.size()));
            nodes.add(group.start(chosen, new RedisConfiguration(password, false, null, Role.WATCHED, lines), port));
        }
        EmbeddedCluster cluster = new EmbeddedCluster(group, nodes, password);
        for (int master = 0; master < masters; master++) {
            int first = EmbeddedCluster.SLOTS * master / masters;
            int end = EmbeddedCluster.SLOTS * (master + 1) / masters;
            command(nodes.get(master), Stream.concat(Stream.of("ADDSLOTS"), numbers(first, end)));
        }
        for (int node = 0; node < nodes.size(); node++) {
            // Else all have epoch 0, and settle that by collisions.
            command(nodes.get(node), Stream.of("SET-CONFIG-EPOCH", Integer.toString(node + 1)));
        }
        cluster.acquaint();
        for (int node = masters; node < nodes.size(); node++) {
            command(nodes.get(node), Stream.of("REPLICATE", EmbeddedCluster.id(nodes.get(node % masters))));
        }
        cluster.awaitComplete();
        return cluster;
    }

    private static void command(EmbeddedRedis node, Stream<String> words) {
        node.command(Stream.concat(Stream.of("CLUSTER"), words).toArray(String[]::new));
    }

    private static Stream<String> numbers(int first, int end) {
        return IntStream.range(first, end).mapToObj(Integer::toString);
    }

    private static void add(List<String> lines, String name, String value) {
        lines.add(RedisConfiguration.directive(name, List.of(value)));
    }
}
