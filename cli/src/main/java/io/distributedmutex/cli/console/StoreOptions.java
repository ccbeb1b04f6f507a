package io.distributedmutex.cli.console;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.HolderStatus;
import io.distributedmutex.LockOptions;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.StoreException;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import java.time.Duration;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options of every command that talks to Redis. */
public final class StoreOptions {

    public static final String REDIS_URL = "REDIS_URL";

    private static final String EMBEDDED = "--embedded";
    private static final String DEFAULT_URI = "redis://localhost:6379";

    @Spec(Spec.Target.MIXEE)
    private @Nullable CommandSpec command;

    @Option(
            names = "--redis",
            paramLabel = "URI",
            description = {
                "Where Redis is. Default: the environment variable REDIS_URL, which keeps passwords from those who can"
                        + " see command lines; else " + DEFAULT_URI + ". Forms:",
                "  redis://[[user]:password@]host[:port][/database]",
                "  rediss://... for TLS",
                "  redis-sentinel://[password@]host[:port][,host2...]#primary",
                "  redis-cluster://[[user]:password@]host[:port][,host2...], rediss-cluster://... for TLS"
            })
    private @Nullable String redis;

    @Option(
            names = "--prefix",
            paramLabel = "TEXT",
            description = "What Redis keys of locks begin with; all who share locks need the same. Default: lock:")
    private String prefix = "lock:";

    @Option(
            names = "--timeout",
            paramLabel = "DURATION",
            converter = Durations.Converter.class,
            description = "How long Redis may take to answer one request. Default: 2s")
    private Duration timeout = Duration.ofSeconds(2);

    @Option(
            names = EMBEDDED,
            description = "Use a throw-away Redis server, started for this command alone; to try things out.")
    private boolean embedded;

    @Option(
            names = {"-v", "--verbose"},
            description = "Log what happens to standard error, and show stack traces of errors.")
    private boolean verbose;

    public boolean isVerbose() {
        return verbose;
    }

    /** Takes the option away from every command of a tool that carries no server to start. */
    public static void hideWhatIsMissing(CommandLine tool) {
        if (ThrowAwayServer.find().isPresent()) {
            return;
        }
        for (CommandLine command : tool.getSubcommands().values()) {
            CommandSpec spec = command.getCommandSpec();
            OptionSpec option = spec.findOption(EMBEDDED);
            if (option != null) {
                spec.remove(option);
            }
        }
    }

    /** As {@link #open}, but a throw-away server is the default; REDIS_URL is not looked at. */
    public Server openOrEmbedded() {
        embedded = embedded || redis == null;
        return open();
    }

    /** Decides which server is meant; starts it if it is a throw-away one. Call it before the library is used. */
    public Server open() {
        Logging.configure(verbose);
        CommandSpec spec = Arguments.present(command);
        if (embedded && redis != null) {
            throw new ParameterException(
                    spec.commandLine(), "--embedded and --redis exclude each other: which server is it to be?");
        }
        Arguments.checkBounds(spec, "--timeout", timeout, Duration.ofMillis(10), Duration.ofMinutes(1));
        if (embedded) {
            ThrowAwayServer.Running server = ThrowAwayServer.find()
                    .orElseThrow(() -> new ParameterException(spec.commandLine(), "this tool carries no Redis"))
                    .start();
            return new Server(server.uri(), prefix, timeout, server);
        }
        String environment = System.getenv(REDIS_URL);
        String chosen = redis != null ? redis : environment;
        return new Server(chosen == null || chosen.isBlank() ? DEFAULT_URI : chosen, prefix, timeout, null);
    }

    /**
     * A server that is ready to be connected to; closing it ends a throw-away one.
     *
     * @param uri where it is; may hold a password
     * @param prefix the key prefix
     * @param timeout the command time-out
     * @param embedded the throw-away server, or null
     */
    public record Server(String uri, String prefix, Duration timeout, ThrowAwayServer.@Nullable Running embedded)
            implements AutoCloseable {

        public Server withPrefix(String other) {
            return new Server(uri, other, timeout, embedded);
        }

        /** Whether it was a throw-away server, and is gone. */
        public boolean hasEnded() {
            return embedded != null && !embedded.isAlive();
        }

        /** What people may see of it. */
        public String description() {
            return embedded == null ? "the one given by --redis" : "a throw-away server, " + embedded;
        }

        /** For commands that only look: one that needs neither a subscription nor timers. */
        public RedisLockStore connectStore() {
            return RedisLockStore.builder()
                    .uri(uri)
                    .keyPrefix(prefix)
                    .commandTimeout(timeout)
                    .connect();
        }

        public DistributedMutex connectMutex(String label, LockOptions options) {
            return connectMutex(label, options, builder -> builder);
        }

        public DistributedMutex connectMutex(
                String label, LockOptions options, UnaryOperator<RedisMutex.Builder> change) {
            return change.apply(RedisMutex.builder()
                            .uri(uri)
                            .keyPrefix(prefix)
                            .commandTimeout(timeout)
                            .holderLabel(label)
                            .options(options))
                    .connect();
        }

        /** Asks the instance that holds a key about its holder. Empty if it does not answer, or Redis does not let us ask. */
        public Optional<HolderStatus> askHolder(String key) {
            try (DistributedMutex mutex = RedisMutex.builder()
                    .uri(uri)
                    .keyPrefix(prefix)
                    .commandTimeout(timeout)
                    .deadlocks(OnDeadlock.IGNORE)
                    .startCheck(false)
                    .connect()) {
                return mutex.askHolder(key);
            } catch (StoreException e) {
                // Such as a user who may look at locks, and not subscribe: all else was shown.
                return Optional.empty();
            }
        }

        @Override
        public void close() {
            if (embedded != null) {
                embedded.close();
            }
        }

        /** The URI may hold a password. */
        @Override
        public String toString() {
            return "Server[" + prefix + "]";
        }
    }
}
