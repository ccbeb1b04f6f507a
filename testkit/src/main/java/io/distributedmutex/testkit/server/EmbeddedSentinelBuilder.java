package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.server.RedisConfiguration.Role;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Collects what an {@link EmbeddedSentinel} is to be like, and starts it. Each {@link #start} makes another one. Not
 * thread-safe.
 */
public final class EmbeddedSentinelBuilder {

    private static final int MAXIMUM_SERVERS = 20;
    private static final Duration SHORTEST_DOWN_AFTER = Duration.ofMillis(100);
    private static final Duration LONGEST_DOWN_AFTER = Duration.ofMinutes(10);

    /** A failover that fails is begun again after twice that. */
    private static final Duration FAILOVER_TIMEOUT = Duration.ofSeconds(5);

    private final int replicas;
    private final int sentinels;
    private Duration downAfter = Duration.ofSeconds(1);
    private @Nullable String password;
    private @Nullable String sentinelPassword;
    private boolean proxied;
    private @Nullable Path executable;
    private final List<String> directives = new ArrayList<>();

    EmbeddedSentinelBuilder(int replicas, int sentinels) {
        this.replicas = checkedCount("replicas", replicas);
        this.sentinels = checkedCount("sentinels", sentinels);
    }

    static int checkedCount(String what, int count) {
        if (count < 1 || count > MAXIMUM_SERVERS) {
            throw new IllegalArgumentException(what + " must be 1 to " + MAXIMUM_SERVERS + ", not " + count);
        }
        return count;
    }

    /**
     * Sets how long the primary may be silent until a Sentinel takes it to be down, 100 ms to 10 min. Default 1 s. A failover
     * takes one to two seconds more.
     */
    public EmbeddedSentinelBuilder downAfter(Duration downAfter) {
        if (downAfter.compareTo(SHORTEST_DOWN_AFTER) < 0 || downAfter.compareTo(LONGEST_DOWN_AFTER) > 0) {
            throw new IllegalArgumentException("downAfter must be " + SHORTEST_DOWN_AFTER.toMillis() + " ms to "
                    + LONGEST_DOWN_AFTER.toMillis() + " ms, not " + downAfter.toMillis() + " ms");
        }
        this.downAfter = downAfter;
        return this;
    }

    /** Sets the password of the primary and the replicas, not empty; by default there is none. */
    public EmbeddedSentinelBuilder password(String password) {
        this.password = EmbeddedRedisBuilder.checkedPassword(password);
        return this;
    }

    /** Sets the password of the Sentinels themselves, not empty; by default there is none. */
    public EmbeddedSentinelBuilder sentinelPassword(String sentinelPassword) {
        this.sentinelPassword = EmbeddedRedisBuilder.checkedPassword(sentinelPassword);
        return this;
    }

    /**
     * Adds a directive of redis.conf to the primary and the replicas, as {@link EmbeddedRedisBuilder#config} does.
     *
     * @param name the directive
     * @param value the values in order, at least one, unquoted
     * @throws IllegalArgumentException if name or values are not such
     */
    public EmbeddedSentinelBuilder config(String name, String... value) {
        directives.add(RedisConfiguration.directive(name, List.of(value)));
        return this;
    }

    /**
     * Says whether a proxy stands before each server and each Sentinel, for {@link EmbeddedSentinel#partition}. Clients,
     * replicas and Sentinels then reach a server only by its proxy, and clients reach a Sentinel by its proxy. Default false.
     */
    public EmbeddedSentinelBuilder proxied(boolean proxied) {
        this.proxied = proxied;
        return this;
    }

    /** Sets the executable to run, as {@link EmbeddedRedisBuilder#executable} does. */
    public EmbeddedSentinelBuilder executable(Path executable) {
        this.executable = Objects.requireNonNull(executable, "executable");
        return this;
    }

    /**
     * Starts the servers and the Sentinels, and returns when the replicas have their primary's data and each Sentinel knows
     * all of them. That takes about a second.
     *
     * @throws EmbeddedRedisException as {@link EmbeddedRedisBuilder#start}; nothing is left behind
     */
    public EmbeddedSentinel start() {
        RedisExecutable chosen = executable == null ? RedisExecutable.byDefault() : RedisExecutable.at(executable);
        return ServerGroup.start(chosen, proxied, this::start);
    }

    private EmbeddedSentinel start(ServerGroup group) {
        List<EmbeddedRedis> servers = startServers(group);
        List<EmbeddedRedis> started = startSentinels(group, servers);
        EmbeddedSentinel deployment = new EmbeddedSentinel(group, servers, started, password, sentinelPassword);
        deployment.awaitComplete();
        return deployment;
    }

    /** The first is the primary. */
    private List<EmbeddedRedis> startServers(ServerGroup group) {
        List<EmbeddedRedis> servers = new ArrayList<>();
        RedisConfiguration.@Nullable Primary primary = null;
        for (int port : group.choosePorts(replicas + 1)) {
            List<String> lines = new ArrayList<>(directives);
            // Without it, others take the address that a replica's connection comes from.
            lines.add(RedisConfiguration.directive(
                    "replica-announce-port", List.of(Integer.toString(group.announced(port)))));
            servers.add(group.start(new RedisConfiguration(password, false, primary, Role.WATCHED, lines), port));
            if (primary == null) {
                primary = new RedisConfiguration.Primary(group.announced(port), password);
            }
        }
        return servers;
    }

    /** Each is told of all others, which it would find out by itself within some seconds. */
    private List<EmbeddedRedis> startSentinels(ServerGroup group, List<EmbeddedRedis> servers) {
        List<Integer> ports = group.choosePorts(sentinels);
        List<String> ids = ports.stream().map(port -> newId()).toList();
        List<EmbeddedRedis> started = new ArrayList<>();
        for (int i = 0; i < sentinels; i++) {
            List<String> lines = new ArrayList<>();
            sentinel(lines, "myid", ids.get(i));
            sentinel(
                    lines,
                    "monitor",
                    EmbeddedSentinel.NAME,
                    servers.get(0).host(),
                    Integer.toString(group.announced(servers.get(0).port())),
                    Integer.toString(sentinels / 2 + 1));
            setting(lines, "down-after-milliseconds", Long.toString(downAfter.toMillis()));
            setting(lines, "failover-timeout", Long.toString(FAILOVER_TIMEOUT.toMillis()));
            if (password != null) {
                setting(lines, "auth-pass", password);
            }
            if (sentinelPassword != null) {
                sentinel(lines, "sentinel-pass", sentinelPassword);
            }
            for (EmbeddedRedis replica : servers.subList(1, servers.size())) {
                setting(lines, "known-replica", replica.host(), Integer.toString(group.announced(replica.port())));
            }
            for (int other = 0; other < sentinels; other++) {
                if (other != i) {
                    setting(
                            lines,
                            "known-sentinel",
                            servers.get(0).host(),
                            Integer.toString(ports.get(other)),
                            ids.get(other));
                }
            }
            started.add(group.start(
                    new RedisConfiguration(sentinelPassword, false, null, Role.SENTINEL, lines), ports.get(i)));
        }
        return started;
    }

    private static void setting(List<String> lines, String name, String... values) {
        List<String> words = new ArrayList<>(List.of(name, EmbeddedSentinel.NAME));
        words.addAll(List.of(values));
        lines.add(RedisConfiguration.directive("sentinel", words));
    }

    private static void sentinel(List<String> lines, String name, String... values) {
        List<String> words = new ArrayList<>(List.of(name));
        words.addAll(List.of(values));
        lines.add(RedisConfiguration.directive("sentinel", words));
    }

    /** As the servers draw them: 40 hexadecimal digits. */
    private static String newId() {
        String digits = UUID.randomUUID().toString() + UUID.randomUUID();
        return digits.replace("-", "").substring(0, 40).toLowerCase(Locale.ROOT);
    }
}
