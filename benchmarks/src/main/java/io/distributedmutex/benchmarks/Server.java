package io.distributedmutex.benchmarks;

import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import java.util.Set;

/** The one Redis of a run: of our own, on loopback and without persistence. It counts what it is asked. */
final class Server implements AutoCloseable {

    /** What a script never calls, and so is a request of a client whoever sends it. */
    private static final Set<String> REQUESTS =
            Set.of("eval", "evalsha", "script|load", "subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ping");

    private final EmbeddedRedis redis;
    private final RedisClient client;
    private final StatefulRedisConnection<String, String> connection;

    private Server(EmbeddedRedis redis) {
        this.redis = redis;
        this.client = RedisClient.create(redis.uri());
        this.connection = client.connect();
    }

    /** Starts the installed redis-server, which is newer, or else the one that the testkit carries. */
    static Server start() {
        return new Server(EmbeddedRedis.installed()
                .map(executable ->
                        EmbeddedRedis.builder().executable(executable).start())
                .orElseGet(EmbeddedRedis::start));
    }

    String uri() {
        return redis.uri();
    }

    RedisCommands<String, String> commands() {
        return connection.sync();
    }

    String version() {
        return field(commands().info("server"), "redis_version:");
    }

    void clear() {
        commands().flushall();
    }

    /** How many requests clients made so far, not counting what scripts call. */
    long requests(Subject subject) {
        long sum = 0;
        for (String line : commands().info("commandstats").split("\r\n")) {
            if (line.startsWith("cmdstat_")) {
                String command = line.substring("cmdstat_".length(), line.indexOf(':'));
                if (REQUESTS.contains(command) || (subject.isByHand() && command.equals("set"))) {
                    sum += Long.parseLong(line.substring(line.indexOf('=') + 1, line.indexOf(',')));
                }
            }
        }
        return sum;
    }

    /** All that was executed so far, scripts' calls included. */
    long commandsProcessed() {
        return Long.parseLong(field(commands().info("stats"), "total_commands_processed:"));
    }

    /** How many clients are connected, but for this one. */
    long clients() {
        return Long.parseLong(field(commands().info("clients"), "connected_clients:")) - 1;
    }

    /** Processor time of the server in seconds. */
    double cpuSeconds() {
        return cpuSeconds(commands().info("cpu"));
    }

    /** The same, read from what INFO says. */
    static double cpuSeconds(String info) {
        return Double.parseDouble(field(info, "used_cpu_user:")) + Double.parseDouble(field(info, "used_cpu_sys:"));
    }

    @Override
    public void close() {
        connection.close();
        client.shutdown();
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
