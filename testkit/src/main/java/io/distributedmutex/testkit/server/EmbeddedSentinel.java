package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A primary with replicas, and Sentinels that watch over them: real processes for tests of failovers.
 *
 * <pre>{@code
 * try (EmbeddedSentinel redis = EmbeddedRedis.sentinel(1, 3).start();
 *         DistributedMutex mutex = RedisMutex.connect(redis.uri())) {
 *     Lease lease = mutex.acquire("k");
 *     redis.failOver();                      // planned: the old primary becomes a replica some seconds later
 *     redis.primary().kill();                // the Sentinels see it after a second, and choose another
 * }
 * }</pre>
 *
 * <p>Each server and each Sentinel is an {@link EmbeddedRedis}: it can be killed, paused, restarted and asked by itself. At a
 * restart it finds its configuration as it has rewritten it. All end with {@link #close}, or with the JVM. Thread-safe.
 */
public final class EmbeddedSentinel implements AutoCloseable {

    /** The name by which the Sentinels know the primary. */
    static final String NAME = "primary";

    private final ServerGroup group;
    private final List<EmbeddedRedis> servers;
    private final List<EmbeddedRedis> sentinels;
    private final @Nullable String password;
    private final @Nullable String sentinelPassword;

    EmbeddedSentinel(
            ServerGroup group,
            List<EmbeddedRedis> servers,
            List<EmbeddedRedis> sentinels,
            @Nullable String password,
            @Nullable String sentinelPassword) {
        this.group = group;
        this.servers = List.copyOf(servers);
        this.sentinels = List.copyOf(sentinels);
        this.password = password;
        this.sentinelPassword = sentinelPassword;
    }

    /**
     * Returns {@code redis-sentinel://:password@host:port,...?sentinelPassword=...#name}, with the passwords that there are, as
     * {@code RedisMutex} takes it. Lettuce itself does not know that parameter.
     */
    public String uri() {
        return sentinels.stream()
                .map(sentinel -> sentinel.host() + ":" + port(sentinel))
                .collect(Collectors.joining(
                        ",",
                        "redis-sentinel://"
                                + (password == null ? "" : ":" + EmbeddedRedis.percentEncoded(password) + "@"),
                        (sentinelPassword == null
                                        ? ""
                                        : "?sentinelPassword=" + EmbeddedRedis.percentEncoded(sentinelPassword))
                                + "#" + NAME));
    }

    /** Returns the name by which the Sentinels know the primary. */
    public String name() {
        return NAME;
    }

    /** Returns the primary of the beginning and its replicas, in the order in which they were started. */
    public List<EmbeddedRedis> servers() {
        return servers;
    }

    /** Returns the Sentinels. */
    public List<EmbeddedRedis> sentinels() {
        return sentinels;
    }

    /** Returns the port by which a client reaches the server or Sentinel: its proxy's if it has one. */
    public int port(EmbeddedRedis server) {
        return group.announced(group.requireOurs(server).port());
    }

    /**
     * Returns the server that is the primary by the newest decision that a Sentinel knows of. It may be dead.
     *
     * @throws EmbeddedRedisException if no Sentinel answers
     */
    public EmbeddedRedis primary() {
        return group.await("a Sentinel names the primary", () -> {
            long newest = -1;
            Optional<EmbeddedRedis> primary = Optional.empty();
            for (EmbeddedRedis sentinel : answering()) {
                Map<String, String> master = fields(sentinel.command("SENTINEL", "MASTER", NAME));
                long epoch = Long.parseLong(master.getOrDefault("config-epoch", "0"));
                if (epoch > newest) {
                    newest = epoch;
                    // Not the port that stands there: in the midst of a failover that is still the old one.
                    primary = namedBy(sentinel);
                }
            }
            return primary;
        });
    }

    /** Returns the servers that are not the {@link #primary}. */
    public List<EmbeddedRedis> replicas() {
        EmbeddedRedis primary = primary();
        return servers.stream().filter(server -> server != primary).toList();
    }

    /**
     * Makes the Sentinels choose another primary though the one of now is well, and waits until all of them that are alive
     * name it. The old primary stays one, and takes writes, for about ten seconds; then it becomes a replica.
     *
     * @return the new primary
     * @throws EmbeddedRedisException if that is not so within 30 s
     */
    public EmbeddedRedis failOver() {
        EmbeddedRedis before = primary();
        awaitReplica();
        group.await("a failover begins", () -> {
            answering().get(0).command("SENTINEL", "FAILOVER", NAME);
            return true;
        });
        return awaitPrimaryOtherThan(before);
    }

    /**
     * Kills the primary (SIGKILL) and waits until all Sentinels that are alive name another. Before that it waits until they
     * have a replica to choose, which after a restart of one takes up to ten seconds.
     *
     * @return the new primary
     * @throws EmbeddedRedisException if that is not so within 30 s
     */
    public EmbeddedRedis killPrimary() {
        EmbeddedRedis before = primary();
        awaitReplica();
        before.kill();
        return awaitPrimaryOtherThan(before);
    }

    /**
     * Waits until all Sentinels that are alive name the same primary, another than the given one.
     *
     * @param before the primary until now
     * @return the new primary
     * @throws EmbeddedRedisException if that is not so within 30 s
     */
    public EmbeddedRedis awaitPrimaryOtherThan(EmbeddedRedis before) {
        group.requireOurs(before);
        return group.await("all Sentinels name another primary than " + before, () -> {
            List<Optional<EmbeddedRedis>> named =
                    answering().stream().map(this::namedBy).distinct().toList();
            return named.size() == 1 ? named.get(0).filter(primary -> primary != before) : Optional.empty();
        });
    }

    /**
     * Waits until each replica that is alive has all that the primary has written until now, as what is to survive a failover
     * needs. (WAIT on a connection of its own would wait for nothing.)
     *
     * @throws EmbeddedRedisException if that is not so within 30 s
     */
    public void awaitReplicated() {
        EmbeddedRedis primary = primary();
        long written = offset(primary, "master_repl_offset");
        List<EmbeddedRedis> replicas = servers.stream()
                .filter(server -> server != primary && server.isAlive() && !server.isPaused())
                .toList();
        group.await(
                "the replicas have what " + primary + " has written",
                () -> replicas.stream().allMatch(replica -> offset(replica, "slave_repl_offset") >= written));
    }

    /**
     * Returns the proxy before a server or Sentinel.
     *
     * @throws IllegalStateException if there is none: see {@link EmbeddedSentinelBuilder#proxied}
     */
    public FaultyProxy proxy(EmbeddedRedis server) {
        return group.proxyOf(server);
    }

    /**
     * Lets nothing through to a server or back, for all who reach it by its proxy: of a server clients, Sentinels and
     * replicas, of a Sentinel clients only. Connections stay open. What the server itself opens works.
     *
     * @throws IllegalStateException as {@link #proxy}
     */
    public void partition(EmbeddedRedis server) {
        group.partition(server, Direction.values());
    }

    /**
     * Lets nothing through one way: see {@link #partition(EmbeddedRedis)}.
     *
     * @param server the server or Sentinel
     * @param direction which way is cut
     * @throws IllegalStateException as {@link #proxy}
     */
    public void partition(EmbeddedRedis server, Direction direction) {
        group.partition(server, direction);
    }

    /** Ends all partitions and other faults of the proxies. */
    public void heal() {
        group.heal();
    }

    /** Kills what is alive and deletes the folders. A second call does nothing. */
    @Override
    public void close() {
        group.close();
    }

    /** Returns for instance {@code 2 servers and 3 Sentinels, redis 6.2.6}. */
    @Override
    public String toString() {
        return servers.size() + " servers and " + sentinels.size() + " Sentinels, " + group.executable();
    }

    /** Waits until each Sentinel has reached all others, and sees that each replica has the primary's data. */
    void awaitComplete() {
        String usable = "OK " + sentinels.size() + " usable ";
        for (EmbeddedRedis sentinel : sentinels) {
            group.await(
                    sentinel + " has reached all others",
                    () -> goodReplicas(sentinel) == servers.size() - 1
                            && String.valueOf(sentinel.command("SENTINEL", "CKQUORUM", NAME))
                                    .startsWith(usable));
        }
    }

    /** Waits until each Sentinel that is alive sees a replica that can become the primary. */
    private void awaitReplica() {
        group.await(
                "each Sentinel has a replica to choose",
                () -> answering().stream().allMatch(sentinel -> goodReplicas(sentinel) > 0));
    }

    /** Other flags say that it is down, or not reached. */
    private static long goodReplicas(EmbeddedRedis sentinel) {
        return replicasOf(sentinel).stream()
                .filter(replica ->
                        "slave".equals(replica.get("flags")) && "ok".equals(replica.get("master-link-status")))
                .count();
    }

    private static List<Map<String, String>> replicasOf(EmbeddedRedis sentinel) {
        return sentinel.command("SENTINEL", "REPLICAS", NAME) instanceof List<?> replicas
                ? replicas.stream().map(EmbeddedSentinel::fields).toList()
                : List.of();
    }

    private static long offset(EmbeddedRedis server, String field) {
        return String.valueOf(server.command("INFO", "replication"))
                .lines()
                .filter(line -> line.startsWith(field + ":"))
                .map(line -> Long.parseLong(line.substring(field.length() + 1)))
                .findFirst()
                .orElse(-1L);
    }

    private Optional<EmbeddedRedis> namedBy(EmbeddedRedis sentinel) {
        return sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME) instanceof List<?> address
                ? group.at(Integer.parseInt(String.valueOf(address.get(1))))
                : Optional.empty();
    }

    private List<EmbeddedRedis> answering() {
        List<EmbeddedRedis> answering = sentinels.stream()
                .filter(sentinel -> sentinel.isAlive() && !sentinel.isPaused())
                .toList();
        if (answering.isEmpty()) {
            throw new EmbeddedRedisException("no Sentinel of " + this + " is alive");
        }
        return answering;
    }

    /** A reply of names and values in turn. */
    private static Map<String, String> fields(@Nullable Object reply) {
        Map<String, String> fields = new HashMap<>();
        if (reply instanceof List<?> words) {
            for (int i = 0; i + 1 < words.size(); i += 2) {
                fields.put(String.valueOf(words.get(i)), String.valueOf(words.get(i + 1)));
            }
        }
        return fields;
    }
}
