package io.distributedmutex.redis;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexListener;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.LockStore;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import io.lettuce.core.cluster.RedisClusterClient;
import java.time.Duration;
import java.util.Collection;
import java.util.concurrent.Executor;
import java.util.function.UnaryOperator;

/** Makes a {@link DistributedMutex} on Redis. */
public final class RedisMutex {

    private RedisMutex() {}

    /**
     * Connects with all defaults.
     *
     * @param uri such as {@code redis://localhost:6379}; see {@link Builder#uri(String)}
     * @return the mutex; make one per application
     * @throws IllegalArgumentException if it is no Redis URI
     * @throws StoreException if the server is not there ({@link StoreUnreachableException}) or refuses us
     *     ({@link StoreRefusedException}); known within 3 s, or 10 s if it is silent
     */
    public static DistributedMutex connect(String uri) {
        return builder().uri(uri).connect();
    }

    /**
     * A builder with all defaults.
     *
     * @return a new builder
     * @throws IllegalStateException if the Lettuce on the class path is older than 6.6
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Collects how to connect and how to lock. The options of the connection are described here; those of every store are
     * described at {@link DistributedMutex.Builder}. Not thread-safe.
     */
    public static final class Builder {

        private final RedisLockStore.Builder store = RedisLockStore.builder();
        private final DistributedMutex.Builder mutex = DistributedMutex.builder(store::connect);

        private Builder() {}

        /**
         * Where to connect to, with a client of our own. No default: give either this or {@link #client(RedisClient)}.
         *
         * <p>With {@code redis-sentinel://} the Sentinels name the primary. The mutex subscribes to each of them, and follows
         * when they choose another. Their failover is asynchronous, so it can lose locks: see the fencing token of
         * {@code Lease}. The password is that of the servers; {@code sentinelPassword} and {@code sentinelUser} are those of the
         * Sentinels.
         *
         * <p>With {@code redis-cluster://}, or with several hosts in {@code redis://}, the hosts are some of the nodes of a Redis
         * Cluster, which name the others. The user and password are the same for all nodes.
         *
         * @param uri {@code redis://[[user]:password@]host[:port][/database]}, {@code rediss://...} for TLS,
         *     {@code redis-sentinel://[password@]host[:port][,host2[:port2]][?sentinelPassword=...]#primary}, or
         *     {@code redis-cluster://[[user]:password@]host[:port][,host2[:port2]]}, {@code rediss-cluster://...} for TLS
         * @return this builder
         * @throws IllegalArgumentException if it is not one; the message does not show it, as it may hold a password
         */
        public Builder uri(String uri) {
            store.uri(uri);
            return this;
        }

        /**
         * Where to connect to, with a client of our own. No default: give either this or {@link #client(RedisClient)}. The URI's time-out
         * is not used; see {@link #commandTimeout}.
         *
         * @param uri the URI, which is copied when connecting
         * @return this builder
         * @throws IllegalArgumentException if it names both a server and Sentinels, or Sentinels without the primary's name,
         *     or the reverse
         */
        public Builder uri(RedisURI uri) {
            store.uri(uri);
            return this;
        }

        /**
         * Some of the nodes of a Redis Cluster, to connect to with a client of our own. No default: give either this, a URI or a
         * {@link #client(RedisClient) client}. All nodes of the cluster are connected to with the user, password and TLS of the first one given.
         *
         * @param nodes the URIs, which are copied when connecting
         * @return this builder
         * @throws IllegalArgumentException if there are none, one names a database other than 0, Sentinels or a socket, or some
         *     are with TLS and others without
         */
        public Builder nodes(Collection<RedisURI> nodes) {
            store.nodes(nodes);
            return this;
        }

        /**
         * How our own client speaks TLS: trust, keys, protocols. Default: as the JDK does. Needs a {@link #uri(RedisURI) URI}
         * with TLS. What {@link SslOptions.Builder#sslContext} is given is called at each connection, so it may give keys
         * that were renewed.
         *
         * @param sslOptions the options
         * @return this builder
         */
        public Builder sslOptions(SslOptions sslOptions) {
            store.sslOptions(sslOptions);
            return this;
        }

        /**
         * A client of the application to connect with, instead of one of our own. It saves our two threads, and brings the
         * application's TLS, credentials and resources. We open two connections from it, by its own connect time-out; we do
         * not change its options and do not shut it down. It must reconnect, as Lettuce does by default. With Lettuce's
         * default delay the locks may be back up to 30 s later than the server.
         *
         * <p>Close the mutex before the client is shut down. After that nothing can be released, and what is held stays
         * taken until its lease ends.
         *
         * @param client a client that was created with a URI
         * @return this builder
         * @throws IllegalArgumentException if it is a {@code MultiDbClient}, which would leave its locks behind
         */
        public Builder client(RedisClient client) {
            store.client(client);
            return this;
        }

        /**
         * A client of the application of a Redis Cluster. The mutex makes connections of its own, with this client's threads,
         * options and credentials, and finds the nodes by the first one that this client was created with. It does not change
         * the client and does not shut it down. Close the mutex before the client is shut down, as with
         * {@link #client(RedisClient)}.
         *
         * @param client a client that was created with a URI
         * @return this builder
         */
        public Builder client(RedisClusterClient client) {
            store.client(client);
            return this;
        }

        /**
         * What the Redis key of each lock begins with. Default {@code lock:}; at most 128 characters. A prefix keeps locks
         * away from data.
         *
         * <p>An empty prefix makes the Redis key exactly the user's key, which shares locks with other libraries that set
         * one key. A lock may then meet data of the same name, and keys that begin with <code>dmutex:&#123;</code>, as those
         * beside locks do, are refused.
         *
         * @param keyPrefix the prefix, which may be empty; all instances that share locks need the same
         * @return this builder
         * @throws IllegalArgumentException if it is too long, not well-formed Unicode, or begins with <code>dmutex:&#123;</code>
         */
        public Builder keyPrefix(String keyPrefix) {
            store.keyPrefix(keyPrefix);
            return this;
        }

        /**
         * How long the server may take to answer one request before it counts as failed. Default 2 s; from 10 ms to 1 min.
         * An acquire repeats failed requests within its wait time. A short time-out notices a dead server soon; a long one
         * spares a slow server the repetitions. Keep it well below a third of the lease time of renewed leases.
         *
         * @param commandTimeout a fraction of a millisecond is rounded up
         * @return this builder
         * @throws IllegalArgumentException if it is out of bounds
         */
        public Builder commandTimeout(Duration commandTimeout) {
            store.commandTimeout(commandTimeout);
            return this;
        }

        /**
         * Whether connecting tries once all that locks need: each command, key pattern and channel that the ACL must allow.
         * Default true. What is missing is then named at once, instead of by the first release that is refused. It costs
         * one round trip and leaves nothing in Redis. Turn it off if the user may lock only some keys behind the prefix, or
         * may not do what this application never does.
         *
         * @param startCheck whether to try
         * @return this builder
         */
        public Builder startCheck(boolean startCheck) {
            store.startCheck(startCheck);
            return this;
        }

        /**
         * The name of this instance for people, as {@link DistributedMutex.Builder#holderLabel} describes it. Default: host
         * name and process id, after the {@link #application} if that is given. It stands in Redis beside each lock.
         *
         * @param holderLabel the label
         * @return this builder
         * @throws IllegalArgumentException if it is empty, too long or not well-formed Unicode
         */
        public Builder holderLabel(String holderLabel) {
            mutex.holderLabel(holderLabel);
            return this;
        }

        /**
         * The name of the application in the default holder label, as {@link DistributedMutex.Builder#application} describes
         * it. Default: none.
         *
         * @param application one character or more
         * @return this builder
         * @throws IllegalArgumentException if it is empty or not well-formed Unicode
         */
        public Builder application(String application) {
            mutex.application(application);
            return this;
        }

        /**
         * How locks are acquired and held, as {@link DistributedMutex.Builder#options} describes it. Default: a lease of
         * 1 min, a wait of 5 s, no renewal.
         *
         * @param options the options
         * @return this builder
         */
        public Builder options(LockOptions options) {
            mutex.options(options);
            return this;
        }

        /**
         * Hears of everything that happens to locks, as {@link DistributedMutex.Builder#listener} describes it. Default:
         * nobody. May be called several times.
         *
         * @param listener one more listener
         * @return this builder
         */
        public Builder listener(MutexListener listener) {
            mutex.listener(listener);
            return this;
        }

        /**
         * Where callbacks run, as {@link DistributedMutex.Builder#callbackExecutor} describes it. Default: threads of the
         * instance, without a limit.
         *
         * @param callbackExecutor the executor, which stays the application's
         * @return this builder
         */
        public Builder callbackExecutor(Executor callbackExecutor) {
            mutex.callbackExecutor(callbackExecutor);
            return this;
        }

        /**
         * Whether a forward step of this machine's wall clock counts as time that has passed, as
         * {@link DistributedMutex.Builder#countWallClockSteps} describes it. Default true.
         *
         * @param countWallClockSteps whether it counts
         * @return this builder
         */
        public Builder countWallClockSteps(boolean countWallClockSteps) {
            mutex.countWallClockSteps(countWallClockSteps);
            return this;
        }

        /**
         * What to do about deadlocks, as {@link DistributedMutex.Builder#deadlocks} describes it. Default:
         * {@link OnDeadlock#REPORT}.
         *
         * @param onDeadlock what to do
         * @return this builder
         */
        public Builder deadlocks(OnDeadlock onDeadlock) {
            mutex.deadlocks(onDeadlock);
            return this;
        }

        /**
         * How long a wait lasts before it is looked at for deadlocks, as {@link DistributedMutex.Builder#deadlocksAfter}
         * describes it. Default 1 s.
         *
         * @param deadlocksAfter a fraction of a millisecond is rounded up
         * @return this builder
         * @throws IllegalArgumentException if it is out of bounds
         */
        public Builder deadlocksAfter(Duration deadlocksAfter) {
            mutex.deadlocksAfter(deadlocksAfter);
            return this;
        }

        /**
         * Connects at the first use instead of in {@link #connect}: an application whose Redis is down starts. Default: off. Until
         * Redis is there, an acquire tries again at each retry interval of its wait time, and then throws what connecting threw:
         * {@link StoreUnreachableException} or {@link StoreRefusedException}, with the address. A refusal that does not pass,
         * such as that of a wrong password, is thrown at once. A call that finds no store waits until connecting has succeeded or
         * failed, for which a silent server has 3 s or the command time-out. What {@link #startCheck} finds is found then, too.
         *
         * @return this builder
         */
        public Builder lazy() {
            store.lazy();
            mutex.lazy();
            return this;
        }

        /**
         * Where this leads, for people: {@code host:port}, a socket's path, the Sentinels with the name of the primary, or
         * the nodes of a cluster that were given; without credentials. A {@link #client(RedisClient)} of the application is called just that: Lettuce does not say where it leads.
         *
         * @return the server as messages call it
         * @throws IllegalStateException if not exactly one of URI and client was given, or SSL options without a URI with TLS
         */
        public String server() {
            return store.server();
        }

        /**
         * Puts another store around that on Redis, as {@link DistributedMutex.Builder#decorateStore} describes it: for instance
         * one that times the requests. Default: none.
         *
         * @param decorator given the store, gives what passes everything on to it
         * @return this builder
         */
        public Builder decorateStore(UnaryOperator<LockStore> decorator) {
            mutex.decorateStore(decorator);
            return this;
        }

        /**
         * Connects, or makes ready to if this is {@link #lazy}.
         *
         * @return the mutex; make one per application
         * @throws IllegalStateException if not exactly one of URI and client was given, or SSL options without a URI with
         *     TLS, or the client cannot connect anywhere, or the Lettuce on the class path is without the Netty that it needs
         * @throws StoreException if the server is not there ({@link StoreUnreachableException}; a server that is silent is tried
         *     again for 10 s, since a process that begins may hear it late, and by Sentinels or in a cluster it is tried for
         *     3 s, since a failover may be on; both last for the command time-out if that is longer) or refuses us
         *     ({@link StoreRefusedException}): the password is wrong, the server is older than 6.2, a Sentinel or only a
         *     part of a cluster, the Sentinels do not know the primary's name, or something is missing of all that
         *     {@link #startCheck} tries
         */
        public DistributedMutex connect() {
            store.checkOneAddress();
            return mutex.build();
        }
    }
}
