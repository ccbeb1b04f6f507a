package io.distributedmutex.benchmarks;

import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedClusterBuilder;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedRedisBuilder;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.sync.RedisCommands;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The Redis of a run: of our own, on loopback and without persistence, one server or a cluster of some masters. It counts what it
 * is asked, all masters together.
 */
final class Server implements AutoCloseable {

    /** What a script never calls, and so is a request of a client whoever sends it. */
    private static final Set<String> REQUESTS =
            Set.of("eval", "evalsha", "script|load", "subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ping");

    private final String uri;
    private final AutoCloseable redis;
    private final List<RedisClient> clients = new ArrayList<>();
    private final List<RedisCommands<String, String>> nodes = new ArrayList<>();

    private Server(String uri, List<String> nodes, AutoCloseable redis) {
        this.uri = uri;
        this.redis = redis;
        for (String node : nodes) {
            RedisClient client = RedisClient.create(node);
            clients.add(client);
            this.nodes.add(client.connect().sync());
        }
    }

    /**
     * Starts the installed redis-server, which is newer, or else the one that the testkit carries.
     *
     * @param masters how many masters the cluster has; 0 for one server that is no cluster
     */
    static Server start(int masters) {
        Optional<Path> installed = EmbeddedRedis.installed();
        if (masters == 0) {
            EmbeddedRedisBuilder builder = EmbeddedRedis.builder();
            installed.ifPresent(builder::executable);
            EmbeddedRedis one = builder.start();
            return new Server(one.uri(), List.of(one.uri()), one);
        }
        EmbeddedClusterBuilder builder = EmbeddedRedis.cluster(masters, 0);
        installed.ifPresent(builder::executable);
        EmbeddedCluster cluster = builder.start();
        String hosts = cluster.nodes().stream()
                .map(node -> node.host() + ":" + node.port())
                .collect(Collectors.joining(","));
        return new Server("redis-cluster://" + hosts, cluster.uris(), cluster);
    }

    String uri() {
        return uri;
    }

    /** Of the first master. */
    RedisCommands<String, String> commands() {
        return nodes.get(0);
    }

    String version() {
        return field(commands().info("server"), "redis_version:");
    }

    void clear() {
        nodes.forEach(RedisCommands::flushall);
    }

    /** How many requests clients made so far, not counting what scripts call. */
    long requests(Subject subject) {
        long sum = 0;
        for (RedisCommands<String, String> node : nodes) {
            for (String line : node.info("commandstats").split("\r\n")) {
                if (line.startsWith("cmdstat_")) {
                    String command = line.substring("cmdstat_".length(), line.indexOf(':'));
                    if (REQUESTS.contains(command) || (subject.isByHand() && command.equals("set"))) {
                        sum += Long.parseLong(line.substring(line.indexOf('=') + 1, line.indexOf(',')));
                    }
                }
            }
        }
        return sum;
    }

    /** All that was executed so far, scripts' calls included. */
    long commandsProcessed() {
        return nodes.stream()
                .mapToLong(node -> Long.parseLong(field(node.info("stats"), "total_commands_processed:")))
                .sum();
    }

    /** How many servers count what they execute, and count that they are asked for it. */
    int size() {
        return nodes.size();
    }

    /** How many clients are connected, but for these. */
    long clients() {
        return nodes.stream()
                .mapToLong(node -> Long.parseLong(field(node.info("clients"), "connected_clients:")) - 1)
                .sum();
    }

    /** Processor time of the servers in seconds. */
    double cpuSeconds() {
        return nodes.stream().mapToDouble(node -> cpuSeconds(node.info("cpu"))).sum();
    }

    /** The same, read from what INFO says. */
    static double cpuSeconds(String info) {
        return Double.parseDouble(field(info, "used_cpu_user:")) + Double.parseDouble(field(info, "used_cpu_sys:"));
    }

    @Override
    public void close() throws Exception {
        clients.forEach(RedisClient::shutdown);
        redis.close();
    }

    private static String field(String info, String name) {
        int start = info.indexOf(name);
        if (start < 0) {
            throw new IllegalStateException("the server does not tell " + name);
        }
        int end = info.indexOf('\r', start);
        return info.substring(start + name.length(), end);
    }
}
