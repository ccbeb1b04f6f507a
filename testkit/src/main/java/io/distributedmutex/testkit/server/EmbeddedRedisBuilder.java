package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.internal.Loopback;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Collects what an {@link EmbeddedRedis} is to be like, and starts it. Each {@link #start} makes another server. Not
 * thread-safe.
 */
public final class EmbeddedRedisBuilder {

    private static final int MAXIMUM_PORT_TRIES = 10;

    private int port;
    private @Nullable String password;
    private boolean dataKept;
    private @Nullable EmbeddedRedis primary;
    private @Nullable Path executable;
    private final List<String> directives = new ArrayList<>();

    EmbeddedRedisBuilder() {}

    /**
     * Demands a port, 1 to 65535. By default one is chosen that is free, from 10000 to 19999; prefer that, since a
     * demanded port may be in use, and then the start fails.
     */
    public EmbeddedRedisBuilder port(int port) {
        if (port < 1 || port > 65_535) {
            throw new IllegalArgumentException("port " + port + " is not within 1 to 65535");
        }
        this.port = port;
        return this;
    }

    /** Sets the password of the default user, not empty; by default there is none. */
    public EmbeddedRedisBuilder password(String password) {
        this.password = checkedPassword(password);
        return this;
    }

    static String checkedPassword(String password) {
        if (password.isEmpty()) {
            throw new IllegalArgumentException("an empty password means none to Redis: leave it out");
        }
        return password;
    }

    /**
     * Adds any directive of redis.conf, after those that the server is started with by default, as in {@code
     * config("notify-keyspace-events", "KEA")} or {@code config("client-output-buffer-limit", "pubsub", "1mb", "1mb",
     * "0")}. Whether the server knows it shows at the start.
     *
     * @param name letters, digits and hyphens; not a directive that another option sets, or that ties the server to
     *     this JVM
     * @param value the values in order, at least one, unquoted
     * @throws IllegalArgumentException if name or values are not such
     */
    public EmbeddedRedisBuilder config(String name, String... value) {
        directives.add(RedisConfiguration.directive(name, List.of(value)));
        return this;
    }

    /**
     * Says whether data outlives the process, by an append-only file that is written before each reply: what was
     * answered survives {@link EmbeddedRedis#kill}, not a crash of the machine. Costs a write for each command that
     * changes data. By default nothing is persisted.
     */
    public EmbeddedRedisBuilder dataKept(boolean dataKept) {
        this.dataKept = dataKept;
        return this;
    }

    /** Makes the server a replica of the other, by the other's password; by default it is a primary. */
    public EmbeddedRedisBuilder replicaOf(EmbeddedRedis primary) {
        this.primary = Objects.requireNonNull(primary, "primary");
        return this;
    }

    /**
     * Sets the executable to run: a redis-server, a valkey-server, or a script that ends by {@code exec}ing one. By
     * default it is chosen as {@link EmbeddedRedis} tells.
     */
    public EmbeddedRedisBuilder executable(Path executable) {
        this.executable = Objects.requireNonNull(executable, "executable");
        return this;
    }

    /**
     * Starts a server and returns when it answers; if it is a replica, when it has its primary's data.
     *
     * <p>A free port may be taken by another process before the server binds it; then another one is chosen, up to 10
     * times.
     *
     * @throws EmbeddedRedisException if there is no such executable, the server ends, or it does not answer within 20
     *     s; the message has the command line and the end of the log, without the password. Also if this thread is
     *     interrupted.
     */
    public EmbeddedRedis start() {
        RedisExecutable chosen = executable == null ? RedisExecutable.byDefault() : RedisExecutable.at(executable);
        RedisConfiguration configuration = new RedisConfiguration(
                password,
                dataKept,
                primary == null ? null : new RedisConfiguration.Primary(primary.port(), primary.password()),
                RedisConfiguration.Role.SERVER,
                directives);
        if (port != 0) {
            return EmbeddedRedis.start(chosen, configuration, port);
        }
        for (int tries = 1; tries < MAXIMUM_PORT_TRIES; tries++) {
            try {
                return EmbeddedRedis.start(chosen, configuration, freePort());
            } catch (PortTakenException lostRace) {
                // Another process bound it between the choice and the server's bind: choose another one.
            }
        }
        return EmbeddedRedis.start(chosen, configuration, freePort());
    }

    static int freePort() {
        try {
            return Loopback.freePort();
        } catch (IllegalStateException e) {
            throw new EmbeddedRedisException(String.valueOf(e.getMessage()), e);
        }
    }

    /**
     * Adds a directive as a line of redis.conf.
     *
     * @param line the line, quoted where needed
     * @return this
     * @throws IllegalArgumentException if it is more than one line, or a directive that the server needs for itself
     */
    public EmbeddedRedisBuilder line(String line) {
        directives.add(RedisConfiguration.checked(line));
        return this;
    }
}
