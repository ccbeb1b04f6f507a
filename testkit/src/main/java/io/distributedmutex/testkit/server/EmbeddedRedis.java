package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.internal.Loopback;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A real redis-server process for tests: on a free port of the loopback address, with a temporary folder of its own,
 * and with nothing to install, since the executable comes out of a jar.
 *
 * <pre>{@code
 * try (EmbeddedRedis redis = EmbeddedRedis.start();
 *         DistributedMutex mutex = RedisMutex.connect(redis.uri())) {
 *     redis.pause();
 *     assertThrows(StoreUnreachableException.class, () -> mutex.acquire("k"));
 *     redis.resume();
 *     mutex.acquire("k").close();
 * }
 * }</pre>
 *
 * <p>It can be killed, paused and restarted on its port. A server never outlives its JVM: a shutdown hook kills servers that
 * were not closed, and on Linux the kernel does so when the JVM itself is killed (the folder then stays behind).
 *
 * <p>The executable is that of {@link EmbeddedRedisBuilder#executable}, else that of the system property {@code
 * dmutex.redis.executable}, else that of the environment variable {@code DMUTEX_REDIS_EXECUTABLE}, else the embedded one.
 * Property and variable may be {@code embedded}, {@code installed}, a path, or a name on the PATH.
 *
 * <p>Thread-safe. The methods that change the process exclude each other; the others may be called at any time. Only the start
 * of a server can be interrupted. Ending one waits up to its bound and keeps the interrupt flag, since an interrupted thread
 * must be able to do it.
 */
public final class EmbeddedRedis implements AutoCloseable {

    private static final Duration STOP_BOUND = Duration.ofSeconds(15);
    private static final Duration COMMAND_BOUND = Duration.ofSeconds(5);

    private final ServerLaunch launch;
    private final ReentrantLock lifecycle = new ReentrantLock();
    private volatile RedisProcess process;
    private volatile boolean paused;
    private boolean closed;

    private EmbeddedRedis(ServerLaunch launch, RedisProcess process) {
        this.launch = launch;
        this.process = process;
    }

    /** Starts a server with all defaults; see {@link EmbeddedRedisBuilder#start}. */
    public static EmbeddedRedis start() {
        return builder().start();
    }

    /** Returns a builder with all defaults: a free port, no password, no persistence, the default executable. */
    public static EmbeddedRedisBuilder builder() {
        return new EmbeddedRedisBuilder();
    }

    /**
     * Returns a builder of a primary with replicas, and Sentinels that watch over them.
     *
     * @param replicas how many, 1 to 20
     * @param sentinels how many, 1 to 20; more than half of them decide
     */
    public static EmbeddedSentinelBuilder sentinel(int replicas, int sentinels) {
        return new EmbeddedSentinelBuilder(replicas, sentinels);
    }

    /**
     * Returns a builder of a Redis Cluster.
     *
     * @param masters how many, 1 to 20, each with an equal part of the slots
     * @param replicas how many of each master, 0 to 5
     */
    public static EmbeddedClusterBuilder cluster(int masters, int replicas) {
        return new EmbeddedClusterBuilder(masters, replicas);
    }

    /**
     * Returns a redis-server, or else a valkey-server, that is installed on this machine and can be run: the first on
     * the PATH, else in the usual folders; never the embedded one.
     */
    public static Optional<Path> installed() {
        return RedisExecutable.installed().stream().map(RedisExecutable::path).findFirst();
    }

    /**
     * Returns the distinct server executables that can be run on this machine: the embedded one first, then what is
     * installed, last what property or variable names. Made to be the method source of a parameterised test or class
     * that is to pass on all of them.
     *
     * @throws EmbeddedRedisException if property or variable names what cannot be run
     */
    public static List<RedisExecutable> executables() {
        List<RedisExecutable> executables = new ArrayList<>();
        try {
            executables.add(RedisExecutable.embedded());
        } catch (EmbeddedRedisException unusable) {
            // Not for this platform, or without the libraries it needs; starting one says why.
        }
        executables.addAll(RedisExecutable.installed());
        RedisExecutable.configured()
                .filter(named -> !executables.contains(named))
                .ifPresent(executables::add);
        return List.copyOf(executables);
    }

    /** Starts a server, once; leaves nothing behind if that fails. */
    static EmbeddedRedis start(RedisExecutable executable, RedisConfiguration configuration, int port) {
        ServerFolder folder = ServerFolder.create();
        try {
            ServerLaunch launch = new ServerLaunch(executable, configuration, port, folder);
            RedisProcess process = launch.start();
            if (configuration.primary() != null) {
                launch.awaitSynchronised(process);
            }
            return new EmbeddedRedis(launch, process);
        } catch (RuntimeException | Error failure) {
            folder.delete();
            throw failure;
        }
    }

    /**
     * Returns {@code redis://127.0.0.1:port}, or {@code redis://:password@127.0.0.1:port} with the password
     * percent-encoded.
     */
    public String uri() {
        String password = password();
        return "redis://" + (password == null ? "" : ":" + percentEncoded(password) + "@") + host() + ":" + port();
    }

    /** Returns {@code 127.0.0.1}. */
    public String host() {
        return Loopback.HOST;
    }

    /** Returns the port, which stays the same over restarts. */
    public int port() {
        return launch.port();
    }

    /** Returns the id of the server's process: of the running one, or of the last that ran. A restart changes it. */
    public long pid() {
        return process.pid();
    }

    /** Returns the version that the executable says it has, for instance {@code 6.2.11}. */
    public String version() {
        return launch.executable().version();
    }

    /** Returns the executable that runs. */
    public RedisExecutable executable() {
        return launch.executable();
    }

    /** Returns the server's own folder, which is deleted by {@link #close}. */
    public Path folder() {
        return launch.folder().path();
    }

    /** Returns the last 64 KiB of the server's log, over all its restarts; empty once closed. */
    public String log() {
        return launch.folder().logTail(0);
    }

    /** Returns whether the process exists, which a paused one does. */
    public boolean isAlive() {
        return process.isAlive();
    }

    /** Returns whether the process exists and is paused by {@link #pause}. */
    public boolean isPaused() {
        return paused && isAlive();
    }

    /**
     * Stops the server in good order (SIGTERM), resuming it first if it is paused, and waits until it has ended.
     * Nothing happens if it is not alive.
     *
     * @throws EmbeddedRedisException if it does not end within 15 s; it is then killed
     */
    public void stop() {
        exclusively(this::stopProcess);
    }

    /** Kills the server (SIGKILL), paused or not, and waits until it is dead. Nothing happens if it is not alive. */
    public void kill() {
        exclusively(this::killProcess);
    }

    /**
     * Freezes the server (SIGSTOP): connections stay open and new ones are accepted by the kernel, but nothing is
     * answered. Returns when it stands still, as far as /proc can tell. Nothing happens if it is paused.
     *
     * @throws IllegalStateException if it is not alive
     * @throws UnsupportedOperationException on Windows
     */
    public void pause() {
        exclusively(() -> {
            if (!process.isAlive()) {
                throw new IllegalStateException(launch + " cannot be paused: it is not alive");
            }
            paused = true; // Before the signal: should its effect not be seen in time, stop() must still resume it.
            process.pause();
        });
    }

    /**
     * Lets a paused server continue (SIGCONT); it then answers what was sent meanwhile. Nothing happens if it is not
     * paused, or not alive.
     */
    public void resume() {
        exclusively(this::resumeProcess);
    }

    /**
     * Stops the server if it is alive, as {@link #stop} does, and starts it again on its port. It has its data again if
     * {@link EmbeddedRedisBuilder#dataKept}, else none. A replica is not waited for to synchronise, since its primary
     * may be gone.
     *
     * @throws IllegalStateException if it is closed
     * @throws EmbeddedRedisException if it does not start, for instance because its port was taken meanwhile
     */
    public void restart() {
        exclusively(() -> {
            requireOpen();
            stopProcess();
            process = launch.start();
        });
    }

    /**
     * Kills the server if it is alive, deletes its data and starts it again on its port: what a server looks like that
     * has lost everything. Fails as {@link #restart} does.
     */
    public void restartEmpty() {
        exclusively(() -> {
            requireOpen();
            killProcess();
            launch.folder().deleteData();
            process = launch.start();
        });
    }

    /**
     * Sends one command over a connection of its own, logged in with the password that the server was started with, and
     * returns the reply in the terms of RESP2: a String, a Long, a List of such, or null. It is meant for the likes of
     * INFO, CONFIG SET, CLIENT KILL and DEBUG, not for what needs a connection to live on, as MULTI or SUBSCRIBE.
     *
     * @param words the command and its arguments, as in {@code command("CONFIG", "SET", "maxmemory", "1mb")}
     * @throws EmbeddedRedisException if the server answers with an error (the message has its text), or does not answer
     *     within 5 s
     */
    public @Nullable Object command(String... words) {
        if (words.length == 0) {
            throw new IllegalArgumentException("a command needs at least its name");
        }
        List<String> command = Arrays.asList(words.clone());
        try {
            return RespConnection.ask(port(), password(), COMMAND_BOUND, command);
        } catch (EmbeddedRedisException errorReply) {
            throw new EmbeddedRedisException(words[0] + " on " + this + ": " + errorReply.getMessage(), errorReply);
        } catch (IOException failure) {
            throw new EmbeddedRedisException(
                    this + " did not answer " + words[0] + " within " + COMMAND_BOUND.toMillis() + " ms: "
                            + failure.getMessage(),
                    failure);
        }
    }

    /** Kills the server if it is alive, paused or not, and deletes its folder. A second call does nothing. */
    @Override
    public void close() {
        exclusively(() -> {
            if (closed) {
                return;
            }
            closed = true;
            try {
                killProcess();
            } finally {
                launch.folder().delete();
            }
        });
    }

    /** Returns for instance {@code redis 6.2.11 on 127.0.0.1:12345 (process 4711)}; never the password. */
    @Override
    public String toString() {
        return launch + " (process " + pid() + ")";
    }

    @Nullable
    String password() {
        return launch.configuration().password();
    }

    private void exclusively(Runnable change) {
        lifecycle.lock();
        try {
            change.run();
        } finally {
            lifecycle.unlock();
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException(launch + " is closed");
        }
    }

    private void stopProcess() {
        if (!process.isAlive()) {
            return;
        }
        resumeProcess();
        if (!process.terminate(STOP_BOUND)) {
            killProcess();
            throw new EmbeddedRedisException(launch + " did not stop within " + STOP_BOUND.toMillis()
                    + " ms and was killed; its log ends with:\n"
                    + launch.configuration().redacted(log()));
        }
    }

    private void killProcess() {
        if (process.isAlive()) {
            process.kill();
        }
        paused = false;
    }

    private void resumeProcess() {
        if (paused && process.isAlive()) {
            process.resume();
        }
        paused = false;
    }

    static String percentEncoded(String text) {
        StringBuilder encoded = new StringBuilder();
        for (byte next : text.getBytes(StandardCharsets.UTF_8)) {
            boolean unreserved = next > 0 && (Character.isLetterOrDigit(next) || "-._~".indexOf(next) >= 0);
            if (unreserved) {
                encoded.append((char) next);
            } else {
                encoded.append(String.format(Locale.ROOT, "%%%02X", next & 0xff));
            }
        }
        return encoded.toString();
    }
}
