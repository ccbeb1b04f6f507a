package io.distributedmutex.redis;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Checks;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.protocol.CommandType;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Leases in one Redis deployment: a standalone server, the primary that Sentinels name, or the masters of a Redis Cluster. Most users start at
 * {@link RedisMutex} instead.
 *
 * <p>A store has two connections: one for commands, one for pushed grants and messages. With Sentinels there is one more to each
 * of them; in a cluster there are up to two to each master that has its keys. Most operations are one script and one round trip, or
 * the {@linkplain FastPath fast path} of native commands. What a lost connection may have sent is not sent again; only the releases
 * of the last 2 s are repeated when another primary takes over. Without a connection operations fail at once, with
 * {@link StoreUnreachableException} or with what the server refused the connection with. There are two exceptions. Just after a
 * connection was cut, requests that were surely not sent wait at most 1 s for the first attempt to reconnect. In a cluster they wait
 * for the first connection to a master, for the command time-out at most. The head of {@code scripts/common.lua} says what stands in Redis,
 * and under which keys.
 *
 * <p>Thread-safe. Stages complete on the client's I/O thread.
 */
public final class RedisLockStore implements LockStore {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** What the names of the channels begin with by which grants are pushed, each to one instance. */
    static final String GRANTS = "dmutex:grants:";

    /** What the names of the channels begin with on which instances send each other messages; their ids follow. */
    static final String MESSAGES = "dmutex:instance:";

    private static final byte[] EMPTY = {};

    /** How long most waiters count as alive, and how long most grants to them last; see common.lua. */
    private static final long USUAL_MILLIS = 2_000;

    /** The native commands that acquire; see {@link FastPath}. */
    private static final List<CommandType> TAKING =
            List.of(CommandType.SET, CommandType.XADD, CommandType.EXISTS, CommandType.GETRANGE);

    /** What Lettuce takes the command for that compares and deletes, whose name depends on the server. */
    private static final List<CommandType> FREEING = List.of(CommandType.DEL);

    private static final List<CommandType> ALL_THAT_FREE = List.of(CommandType.DEL, CommandType.DEL, CommandType.EVAL);

    /** How much of a value is read: all of ours. Others' may be huge. */
    private static final int LAST_BYTE_OF_OURS = 511;

    private final KeyPrefix prefix;
    private final ConnectLimits limits;
    private final boolean startCheck;
    private final RedisErrors errors;
    private final Topology topology;
    private final KeySearch search;
    private final FastPath fastPath;
    private final LongSupplier nanoTime;
    private final AtomicBoolean closed = new AtomicBoolean();

    /** What another primary may have to be told again; null where there is no other. */
    private final @Nullable RecentReleases releases;

    private volatile byte[] label = EMPTY;

    /**
     * A store that is connected.
     *
     * @param nanoTime what it takes for the time, as {@link System#nanoTime()}
     */
    RedisLockStore(
            KeyPrefix prefix,
            ConnectLimits limits,
            boolean startCheck,
            RedisErrors errors,
            Topology topology,
            LongSupplier nanoTime) {
        this.prefix = prefix;
        this.limits = limits;
        this.startCheck = startCheck;
        this.errors = errors;
        this.topology = topology;
        this.nanoTime = nanoTime;
        this.search = new KeySearch(topology::servers, prefix);
        this.releases = topology.onMoved(this::releaseAgain) ? new RecentReleases(nanoTime) : null;
        this.fastPath = new FastPath(new Server(), nanoTime);
    }

    /**
     * Connects with all defaults.
     *
     * @param uri such as {@code redis://localhost:6379}
     * @return the store
     * @throws IllegalArgumentException if it is no Redis URI
     * @throws StoreException if the server is not there ({@link StoreUnreachableException}) or refuses us
     *     ({@link StoreRefusedException}); known within 3 s, or 10 s if it is silent
     */
    public static RedisLockStore connect(String uri) {
        return builder().uri(uri).connect();
    }

    /**
     * A builder with all defaults.
     *
     * @return a new builder
     * @throws IllegalStateException if the Lettuce on the class path is older than 6.6
     */
    public static Builder builder() {
        Lettuce.checkVersion();
        return new Builder();
    }

    /**
     * {@inheritDoc}
     *
     * <p>Unlike the operations, this waits for the server: until grants can be received.
     *
     * @throws StoreException if the server did not confirm the subscription within the command time-out or 10 s, whichever
     *     is longer; or, with {@link Builder#startCheck}, does not let us do all that locks need. In a cluster a master that
     *     does not answer is not waited for any longer than 3 s, and no error
     */
    @Override
    public void start(String label, String instance, StoreEvents events) {
        this.label = label.getBytes(StandardCharsets.UTF_8);
        NettyThreadLocals.leavingNone(() -> subscribe(instance, events));
    }

    private void subscribe(String instance, StoreEvents events) {
        StartCheck check = startCheck ? StartCheck.begin(topology, errors, limits.silence(), prefix.text()) : null;
        boolean isCluster = topology.shardOf(instance).isPresent();
        try {
            Connections.awaitWithin(
                    topology.subscribe(MESSAGES + instance, prefix, events),
                    errors,
                    isCluster ? limits.attempt() : limits.silence());
        } catch (StoreUnreachableException e) {
            if (!isCluster || Thread.currentThread().isInterrupted()) {
                throw e;
            }
            // Any master may be that of the messages, and one that is away is not held against the others.
            log.warn(
                    "messages to this instance do not arrive until a master of the cluster answers: {}",
                    e.getMessage());
        } catch (StoreRefusedException e) {
            if (check == null || e.reason() != Reason.PERMISSION) {
                throw e;
            }
            check.subscriptionDenied(e);
        }
        if (check != null) {
            check.end();
        }
        topology.started();
    }

    @Override
    public CompletionStage<AcquireReply> acquire(AcquireRequest request) {
        String key = request.key();
        if (isReserved(key)) {
            return reserved(key);
        }
        CompletionStage<AcquireReply> answer = fastPath.acquire(request);
        String releasing = request.releasing();
        if (releasing != null) {
            remember(answer, key, releasing, 0);
        }
        return answer;
    }

    /**
     * Adds what acquire.lua is told of a waiter that is not as most are. No push reaches an instance that is not subscribed. It
     * keeps its place if its next poll comes while a grant lasts: it is granted the key in its turn and finds that by the poll;
     * the key stands idle until then. (A poll is due at the latest after a quarter of the time for which the waiter counts as
     * alive.)
     */
    private void addUnusual(AcquireRequest request, String before, Arguments arguments) {
        boolean waits = request.queue();
        boolean polls =
                waits && !topology.isSubscribed(request.key()) && request.aliveMillis() / 4 <= request.claimMillis();
        boolean isUsual =
                !waits || (!polls && request.aliveMillis() == USUAL_MILLIS && request.claimMillis() == USUAL_MILLIS);
        String releasing = request.releasing();
        if (isUsual && releasing == null && before.isEmpty()) {
            return;
        }
        if (isUsual) {
            arguments.add("").add("");
        } else {
            arguments.add(request.aliveMillis() + (polls ? "!" : "")).add(request.claimMillis());
        }
        arguments.add(releasing == null ? "" : releasing);
        if (!before.isEmpty()) {
            arguments.add(before);
        }
    }

    /** Where a waiter stands in the queue. */
    private byte[] entry(String token, String clientName) {
        return labelled(token + '|' + clientName + '|');
    }

    private byte[] labelled(String text) {
        byte[] before = text.getBytes(StandardCharsets.US_ASCII);
        byte[] whole = Arrays.copyOf(before, before.length + label.length);
        System.arraycopy(label, 0, whole, before.length, label.length);
        return whole;
    }

    @Override
    public CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        if (isReserved(key)) {
            return reserved(key);
        }
        CompletionStage<Ownership> answer = fastPath.release(key, token, keepMillis);
        remember(answer, key, token, keepMillis);
        return answer;
    }

    /** Another primary may have to be told again, if this one has confirmed it. */
    private void remember(CompletionStage<?> answer, String key, String token, long keepMillis) {
        RecentReleases recent = releases;
        if (recent != null) {
            CompletionStage<Void> unused = answer.thenAccept(confirmed -> recent.add(key, token, keepMillis));
        }
    }

    /** Another primary is there, which may not have heard of the latest releases. Nobody waits for the answers. */
    private void releaseAgain() {
        RecentReleases recent = releases;
        if (recent != null) {
            for (RecentReleases.Release each : recent.takeAll()) {
                CompletionStage<Ownership> unused = release(each.key(), each.token(), each.keepMillis());
            }
        }
    }

    @Override
    public CompletionStage<Ownership> cancel(String key, String token) {
        return isReserved(key) ? reserved(key) : fastPath.cancel(key, token);
    }

    @Override
    public CompletionStage<Ownership> renew(String key, String token, long leaseMillis) {
        if (isReserved(key)) {
            return reserved(key);
        }
        LockKeys keys = LockKeys.of(prefix.text() + key);
        Arguments arguments = new Arguments().add(1).add(keys.lock()).add(token).add(leaseMillis);
        CompletableFuture<Ownership> answer = new CompletableFuture<>();
        CompletableFuture<Ownership> unused = topology.commands(key)
                .send(Request.script(Script.RENEW, key, arguments), Replies::ownership)
                .whenComplete((ownership, error) -> {
                    if (error != null) {
                        answer.completeExceptionally(error);
                    } else if (ownership == Ownership.GONE) {
                        whyGone(key, keys, answer);
                    } else {
                        answer.complete(ownership);
                    }
                });
        return answer;
    }

    /** Where the fence is gone too, the store has lost its data. */
    private void whyGone(String key, LockKeys keys, CompletableFuture<Ownership> answer) {
        Request request = Request.single("renew", key, CommandType.EXISTS, new Arguments().add(keys.fence()));
        CompletableFuture<Boolean> unused = topology.commands(key)
                .send(request, Replies::isThere)
                .whenComplete((isThere, error) -> {
                    if (error != null) {
                        answer.completeExceptionally(error);
                    } else {
                        answer.complete(isThere ? Ownership.GONE : Ownership.STORE_LOST);
                    }
                });
    }

    @Override
    public CompletionStage<Optional<LockInfo>> inspect(String key) {
        return look(Script.INSPECT, key);
    }

    @Override
    public CompletionStage<Optional<LockInfo>> forceRelease(String key) {
        return look(Script.FORCE_RELEASE, key);
    }

    @Override
    public CompletionStage<Boolean> send(String instance, String message) {
        String channel = MESSAGES + instance;
        return topology.messages(channel)
                .send(
                        Request.command(
                                "message to an instance",
                                CommandType.PUBLISH,
                                new Arguments().add(channel).add(message)),
                        Replies::received);
    }

    /** Two requests: who holds the key may change between them, and a message that comes to nobody's holder does no harm. */
    @Override
    public CompletionStage<Boolean> sendToHolder(String key, String message) {
        return run(Script.INSPECT, key, keysOf(key), Replies::holder)
                .thenCompose(holder ->
                        holder.isPresent() ? send(holder.get(), message) : CompletableFuture.completedFuture(false));
    }

    /**
     * Finds keys that are taken now, by going through all keys of the database a few hundred at a time: for tools, not
     * for every-day use. With an empty key prefix, every value of type string counts as a lock.
     *
     * @param globPattern a pattern in Redis' manner, such as {@code tenant:*}, for the keys without the prefix
     * @param limit how many at most, from 1 up
     * @return the keys without the prefix, in no order; each request may take the command time-out
     * @throws IllegalArgumentException if the limit is less than 1
     */
    public CompletionStage<List<String>> keys(String globPattern, int limit) {
        return search.find(Objects.requireNonNull(globPattern, "globPattern"), limit);
    }

    /**
     * Where a key is in a Redis Cluster, as far as is known: for tools.
     *
     * @param key the key without the prefix
     * @return host and port of the master that has it; empty if this is no cluster
     */
    public Optional<String> shardOf(String key) {
        return topology.shardOf(Objects.requireNonNull(key, "key"));
    }

    /**
     * Closes the connections within 2 s. Pending operations, and later ones, end with {@link StoreUnreachableException}.
     * A client that the application brought is left as it is.
     */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            NettyThreadLocals.leavingNone(topology::close);
        }
    }

    private CompletionStage<Optional<LockInfo>> look(Script script, String key) {
        return run(script, key, keysOf(key), reply -> Replies.lockInfo(key, reply));
    }

    private <T> CompletionStage<T> run(
            Script script, String key, Arguments arguments, Function<List<@Nullable Object>, T> parser) {
        return isReserved(key)
                ? reserved(key)
                : topology.commands(key).send(Request.script(script, key, arguments), parser);
    }

    private boolean isReserved(String key) {
        return prefix.isReserved(key);
    }

    private <T> CompletionStage<T> reserved(String key) {
        return CompletableFuture.failedFuture(errors.companion(key));
    }

    /** What the fast path asks. */
    private final class Server implements FastPath.Server {

        @Override
        public CompletableFuture<FastPath.Taken> take(AcquireRequest request) {
            LockKeys keys = LockKeys.of(prefix.text() + request.key());
            String token = request.token();
            Arguments all = new Arguments();
            Request.Pipeline pipeline = new Request.Pipeline(TAKING);
            all.begin(6).add("SET").add(keys.lock()).add(valueOf(token));
            all.add("NX").add("PX").add(request.leaseMillis());
            pipeline.end(0, all.length());
            all.begin(7)
                    .add("XADD")
                    .add(keys.fence())
                    .add("MAXLEN")
                    .add(0)
                    .add("*")
                    .add("")
                    .add("");
            pipeline.end(1, all.length());
            all.begin(2).add("EXISTS").add(keys.queue());
            pipeline.end(2, all.length());
            all.begin(4).add("GETRANGE").add(keys.lock()).add(0).add(LAST_BYTE_OF_OURS);
            pipeline.end(3, all.length());
            return topology.commands(request.key())
                    .send(
                            Request.pipeline("acquire", request.key(), pipeline, all),
                            replies -> Replies.taken(replies, token));
        }

        @Override
        public CompletableFuture<FastPath.Freed> free(String key, String token, FastPath.Freeing by) {
            byte[] lock = LockKeys.of(prefix.text() + key).lock();
            byte[] value = valueOf(token);
            Arguments arguments = new Arguments();
            if (by == FastPath.Freeing.SCRIPT) {
                arguments.add(1).add(lock).add(value);
                return topology.commands(key).send(Request.script(Script.FREE, key, arguments), Replies::freed);
            }
            boolean isAll = by == FastPath.Freeing.ALL;
            Request.Pipeline pipeline = new Request.Pipeline(isAll ? ALL_THAT_FREE : FREEING);
            int index = 0;
            if (isAll || by == FastPath.Freeing.DELIFEQ) {
                arguments.begin(3).add("DELIFEQ").add(lock).add(value);
                pipeline.end(index++, arguments.length());
            }
            if (isAll || by == FastPath.Freeing.DELEX) {
                arguments.begin(4).add("DELEX").add(lock).add("IFEQ").add(value);
                pipeline.end(index++, arguments.length());
            }
            if (isAll) {
                arguments
                        .begin(5)
                        .add("EVAL")
                        .add(Script.FREE.text())
                        .add(1)
                        .add(lock)
                        .add(value);
                pipeline.end(index, arguments.length());
            }
            return topology.commands(key)
                    .send(
                            Request.pipeline("release", key, pipeline, arguments),
                            isAll ? Replies::freedByAll : Replies::freedNatively);
        }

        /** The value of a lock that is granted to this instance at once. */
        private byte[] valueOf(String token) {
            return labelled(token + "||");
        }

        @Override
        public CompletableFuture<AcquireReply> acquire(AcquireRequest request) {
            String key = request.key();
            ClientName.Names names = topology.names(key);
            Arguments arguments = keysOf(key)
                    .add(request.token())
                    .add(request.leaseMillis())
                    .add(label)
                    .add(request.queue() ? names.current() : "");
            addUnusual(
                    request,
                    request.queue() ? names.before(nanoTime.getAsLong(), request.aliveMillis()) : "",
                    arguments);
            return topology.commands(key).send(Request.script(Script.ACQUIRE, key, arguments), elements -> {
                AcquireReply reply = Replies.acquire(elements);
                if (reply instanceof AcquireReply.Refused) {
                    fastPath.contended(key);
                }
                return reply;
            });
        }

        @Override
        public CompletableFuture<Ownership> release(String key, String token, long keepMillis) {
            Arguments arguments = keysOf(key).add(token);
            if (keepMillis > 0) {
                arguments.add(keepMillis);
            }
            return topology.commands(key).send(Request.script(Script.RELEASE, key, arguments), reply -> {
                if (Replies.isHandedOn(reply)) {
                    fastPath.contended(key);
                    return Ownership.HELD;
                }
                return Replies.ownership(reply);
            });
        }

        @Override
        public CompletableFuture<Ownership> cancel(String key, String token) {
            ClientName.Names names = topology.names(key);
            Arguments arguments = keysOf(key).add(token).add(entry(token, names.current()));
            if (!names.previous().isEmpty()) {
                arguments.add(entry(token, names.previous()));
            }
            return topology.commands(key).send(Request.script(Script.CANCEL, key, arguments), Replies::ownership);
        }
    }

    /** What each script's arguments begin with; see the head of common.lua. */
    private Arguments keysOf(String key) {
        LockKeys keys = LockKeys.of(prefix.text() + key);
        return new Arguments()
                .add(4)
                .add(keys.lock())
                .add(keys.queue())
                .add(keys.waiters())
                .add(keys.fence());
    }

    /** Collects how to connect, by the options that {@link RedisMutex.Builder} describes. Not thread-safe. */
    public static final class Builder {

        private static final Duration MINIMUM_TIMEOUT = Duration.ofMillis(10);
        private static final Duration MAXIMUM_TIMEOUT = Duration.ofMinutes(1);

        private @Nullable RedisURI uri;
        private List<RedisURI> nodes = List.of();
        private @Nullable RedisClient client;
        private @Nullable RedisClusterClient clusterClient;
        private @Nullable SslOptions sslOptions;
        private KeyPrefix keyPrefix = KeyPrefix.DEFAULT;
        private Duration commandTimeout = Duration.ofSeconds(2);
        private boolean lazy;
        private boolean startCheck = true;

        private Builder() {}

        /**
         * Where to connect to: see {@link RedisMutex.Builder#uri(String)}.
         *
         * @param uri the URI
         * @return this builder
         * @throws IllegalArgumentException if it is not one
         */
        public Builder uri(String uri) {
            this.nodes = RedisUris.parseCluster(Objects.requireNonNull(uri, "uri"));
            this.uri = nodes.isEmpty() ? RedisUris.parse(uri) : nodes.get(0);
            return this;
        }

        /**
         * Where to connect to: see {@link RedisMutex.Builder#uri(RedisURI)}.
         *
         * @param uri the URI, which is copied when connecting
         * @return this builder
         * @throws IllegalArgumentException if it names both a server and Sentinels, or Sentinels without the primary's name,
         *     or the reverse
         */
        public Builder uri(RedisURI uri) {
            this.nodes = List.of();
            this.uri = RedisUris.withoutContradiction(Objects.requireNonNull(uri, "uri"));
            return this;
        }

        /**
         * Some of the nodes of a Redis Cluster: see {@link RedisMutex.Builder#nodes}.
         *
         * @param nodes the URIs, which are copied when connecting
         * @return this builder
         * @throws IllegalArgumentException if there are none, or they cannot be nodes of one cluster
         */
        public Builder nodes(Collection<RedisURI> nodes) {
            this.nodes = RedisUris.checkNodes(List.copyOf(nodes));
            this.uri = this.nodes.get(0);
            return this;
        }

        /**
         * How our own client speaks TLS: see {@link RedisMutex.Builder#sslOptions}.
         *
         * @param sslOptions the options
         * @return this builder
         */
        public Builder sslOptions(SslOptions sslOptions) {
            this.sslOptions = Objects.requireNonNull(sslOptions, "sslOptions");
            return this;
        }

        /**
         * A client of the application to connect with: see {@link RedisMutex.Builder#client}.
         *
         * @param client a client that was created with a URI
         * @return this builder
         */
        public Builder client(RedisClient client) {
            this.client = Lettuce.checkClient(Objects.requireNonNull(client, "client"));
            return this;
        }

        /**
         * A client of the application to connect with to a cluster: see {@link RedisMutex.Builder#client(RedisClusterClient)}.
         *
         * @param client a client that was created with a URI
         * @return this builder
         */
        public Builder client(RedisClusterClient client) {
            this.clusterClient = Objects.requireNonNull(client, "client");
            return this;
        }

        /**
         * What the Redis key of each lock begins with: see {@link RedisMutex.Builder#keyPrefix}.
         *
         * @param keyPrefix the prefix, which may be empty
         * @return this builder
         * @throws IllegalArgumentException if it cannot be a prefix
         */
        public Builder keyPrefix(String keyPrefix) {
            this.keyPrefix = KeyPrefix.of(keyPrefix);
            return this;
        }

        /**
         * How long the server may take to answer one request: see {@link RedisMutex.Builder#commandTimeout}.
         *
         * @param commandTimeout a fraction of a millisecond is rounded up
         * @return this builder
         * @throws IllegalArgumentException if it is out of bounds
         */
        public Builder commandTimeout(Duration commandTimeout) {
            this.commandTimeout = Checks.roundedUp("commandTimeout", commandTimeout, MINIMUM_TIMEOUT, MAXIMUM_TIMEOUT);
            return this;
        }

        /**
         * Whether {@link RedisLockStore#start} tries all that locks need: see {@link RedisMutex.Builder#startCheck}.
         *
         * @param startCheck whether to try
         * @return this builder
         */
        public Builder startCheck(boolean startCheck) {
            this.startCheck = startCheck;
            return this;
        }

        /**
         * Connects.
         *
         * @return the store, yet to be {@linkplain RedisLockStore#start started}
         * @throws IllegalStateException if not exactly one of URI and client was given, or the client cannot connect
         *     anywhere, or the Lettuce on the class path is without the Netty that it needs
         * @throws StoreException as {@link RedisMutex.Builder#connect}, but for what the start check finds
         */
        public RedisLockStore connect() {
            try {
                return NettyThreadLocals.leavingNone(this::open);
            } catch (LinkageError e) {
                throw Lettuce.doesNotFit(e);
            }
        }

        /** Whether requests wait for it to connect: see {@link RedisMutex.Builder#lazy}. */
        void lazy() {
            lazy = true;
        }

        /** See {@link RedisMutex.Builder#server}. */
        String server() {
            checkOneAddress();
            if (uri == null) {
                return "the application's client";
            }
            return nodes.isEmpty() ? RedisUris.describe(uri) : RedisUris.describeCluster(nodes);
        }

        /** Refuses to connect nowhere, or to two places. */
        void checkOneAddress() {
            int given = (uri == null ? 0 : 1) + (client == null ? 0 : 1) + (clusterClient == null ? 0 : 1);
            if (given != 1) {
                throw new IllegalStateException("exactly one of uri and client must be given, but "
                        + (given == 0 ? "neither" : uri == null ? "two clients" : "both")
                        + (given > 1 && uri == null ? " were" : " was"));
            }
            if (sslOptions != null && (uri == null || !uri.isSsl())) {
                throw new IllegalStateException("sslOptions need a URI with TLS, but "
                        + (uri == null ? "a client was given" : "the URI is without it"));
            }
        }

        private Topology topology(RedisErrors errors, ConnectLimits limits) {
            if (clusterClient != null) {
                return ClusterPrimaries.open(clusterClient, errors, limits, keyPrefix);
            }
            RedisURI server = uri;
            if (server == null) {
                return OnePrimary.open(Objects.requireNonNull(client), errors, limits);
            }
            if (!nodes.isEmpty()) {
                return ClusterPrimaries.open(nodes, sslOptions, errors, limits, keyPrefix);
            }
            return server.getSentinels().isEmpty()
                    ? OnePrimary.open(server, sslOptions, errors, limits)
                    : SentinelPrimary.open(server, sslOptions, errors, limits);
        }

        private RedisErrors errors() {
            return nodes.isEmpty() && clusterClient == null
                    ? new RedisErrors(uri, commandTimeout.toMillis())
                    : RedisErrors.ofCluster(nodes, commandTimeout.toMillis());
        }

        private RedisLockStore open() {
            checkOneAddress();
            RedisErrors errors = errors();
            ConnectLimits limits = lazy ? ConnectLimits.ofLazy(commandTimeout) : ConnectLimits.of(commandTimeout);
            return new RedisLockStore(
                    keyPrefix, limits, startCheck, errors, topology(errors, limits), System::nanoTime);
        }
    }
}
