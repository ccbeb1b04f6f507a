package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The servers of one deployment, which end together, each with a {@link FaultyProxy} before each of its ports or none. Servers
 * and proxies are added before anybody else sees the group; after that it is thread-safe.
 */
final class ServerGroup implements AutoCloseable {

    private static final Duration SETTLE_BOUND = Duration.ofSeconds(60);
    private static final long POLL_MILLIS = 10;
    private static final int MAXIMUM_PORT_TRIES = 10;

    private final RedisExecutable executable;
    private final boolean proxied;
    private final List<EmbeddedRedis> servers = new ArrayList<>();

    /** By the port of the server that they stand before. */
    private final Map<Integer, FaultyProxy> proxies = new LinkedHashMap<>();

    private ServerGroup(RedisExecutable executable, boolean proxied) {
        this.executable = executable;
        this.proxied = proxied;
    }

    /**
     * Starts a deployment; leaves nothing behind if that fails. All of it is tried again, on other ports, if a port was taken
     * between its choice and its use.
     */
    static <T> T start(RedisExecutable executable, boolean proxied, Function<ServerGroup, T> starter) {
        for (int tries = 1; ; tries++) {
            ServerGroup group = new ServerGroup(executable, proxied);
            boolean started = false;
            try {
                T deployment = starter.apply(group);
                started = true;
                return deployment;
            } catch (PortTakenException lostRace) {
                if (tries >= MAXIMUM_PORT_TRIES) {
                    throw lostRace;
                }
            } finally {
                if (!started) {
                    group.close();
                }
            }
        }
    }

    RedisExecutable executable() {
        return executable;
    }

    /** Chooses a free port that no other server of this group has, and puts a proxy before it if there are to be such. */
    int choosePort() {
        int port = EmbeddedRedisBuilder.freePort();
        while (proxies.containsKey(port) || servers.stream().anyMatch(isAt(port))) {
            port = EmbeddedRedisBuilder.freePort();
        }
        putProxyBefore(port);
        return port;
    }

    /** Puts a proxy before a port of a server if there are to be such. */
    void putProxyBefore(int port) {
        if (proxied) {
            proxies.put(port, FaultyProxy.to(port));
        }
    }

    /** The ports of so many servers, distinct. */
    List<Integer> choosePorts(int count) {
        List<Integer> ports = new ArrayList<>();
        while (ports.size() < count) {
            int port = choosePort();
            if (!ports.contains(port)) {
                ports.add(port);
            }
        }
        return ports;
    }

    /** The port by which others reach a port of a server: its proxy's if it has one. */
    int announced(int port) {
        FaultyProxy proxy = proxies.get(port);
        return proxy == null ? port : proxy.port();
    }

    EmbeddedRedis start(RedisConfiguration configuration, int port) {
        return start(executable, configuration, port);
    }

    /** Starts one with an executable of its own. */
    EmbeddedRedis start(RedisExecutable chosen, RedisConfiguration configuration, int port) {
        EmbeddedRedis server = EmbeddedRedis.start(chosen, configuration, port);
        servers.add(server);
        return server;
    }

    /** The server that others reach by that port, or by that port without its proxy. */
    Optional<EmbeddedRedis> at(int port) {
        return servers.stream()
                .filter(server -> server.port() == port || announced(server.port()) == port)
                .findFirst();
    }

    FaultyProxy proxyOf(EmbeddedRedis server) {
        return proxyOf(server, requireOurs(server).port());
    }

    /** The proxy before a port of a server. */
    FaultyProxy proxyOf(EmbeddedRedis server, int port) {
        FaultyProxy proxy = proxies.get(port);
        if (proxy == null) {
            throw new IllegalStateException(server + " has no proxy: start the deployment with proxied(true)");
        }
        return proxy;
    }

    EmbeddedRedis requireOurs(EmbeddedRedis server) {
        if (!servers.contains(server)) {
            throw new IllegalArgumentException(server + " is none of " + servers);
        }
        return server;
    }

    void partition(EmbeddedRedis server, Direction... directions) {
        FaultyProxy proxy = proxyOf(server);
        for (Direction direction : directions) {
            proxy.hold(direction);
        }
    }

    void heal() {
        proxies.values().forEach(FaultyProxy::heal);
    }

    /** Waits until a condition holds; an error reply or no answer means that it does not yet. */
    void await(String what, BooleanSupplier condition) {
        await(what, () -> condition.getAsBoolean() ? Optional.of(true) : Optional.empty());
    }

    /** Waits for a value; an error reply or no answer means that there is none yet. */
    <T> T await(String what, Supplier<Optional<T>> source) {
        long deadline = System.nanoTime() + SETTLE_BOUND.toNanos();
        String last = "";
        while (System.nanoTime() - deadline < 0) {
            try {
                Optional<T> value = source.get();
                if (value.isPresent()) {
                    return value.get();
                }
                last = "";
            } catch (EmbeddedRedisException notYet) {
                last = "; last: " + notYet.getMessage();
            }
            try {
                TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
            } catch (InterruptedException interrupt) {
                Thread.currentThread().interrupt();
                throw new EmbeddedRedisException("interrupted while waiting until " + what, interrupt);
            }
        }
        throw new EmbeddedRedisException(
                "not within " + SETTLE_BOUND.toMillis() + " ms: " + what + last + "; servers: " + servers);
    }

    /** Kills all servers that are alive, deletes their folders and closes the proxies. A second call does nothing. */
    @Override
    public void close() {
        @Nullable RuntimeException failure = null;
        for (AutoCloseable each : all()) {
            try {
                each.close();
            } catch (Exception e) {
                RuntimeException unchecked = e instanceof RuntimeException runtime ? runtime : new RuntimeException(e);
                if (failure == null) {
                    failure = unchecked;
                } else {
                    failure.addSuppressed(unchecked);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    private List<AutoCloseable> all() {
        List<AutoCloseable> all = new ArrayList<>(servers);
        all.addAll(proxies.values());
        return all;
    }

    private static Predicate<EmbeddedRedis> isAt(int port) {
        return server -> server.port() == port;
    }
}
