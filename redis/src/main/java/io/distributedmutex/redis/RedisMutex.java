package io.distributedmutex.redis;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexListener;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

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
     *     ({@link StoreRefusedException}); known within 3 s
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

    /** Collects how to connect and how to lock; each method says the default, the bounds and the trade-off. Not thread-safe. */
    public static final class Builder {

        private static final int MAXIMUM_LABEL = 128;

        private final RedisLockStore.Builder store = RedisLockStore.builder();
        private @Nullable String holderLabel;
        private @Nullable LockOptions options;
        private @Nullable MutexListener listener;
        private @Nullable Executor callbackExecutor;
        private boolean countWallClockSteps = true;

        private Builder() {}

        /**
         * Where to connect to, with a client of our own. No default: either this or {@link #client} has to be given.
         *
         * @param uri {@code redis://[[user]:password@]host[:port][/database]}, {@code rediss://...} for TLS, or
         *     {@code redis-sentinel://[password@]host[:port][,host2[:port2]]#primary}
         * @return this builder
         * @throws IllegalArgumentException if it is not one; the message does not show it, as it may hold a password
         */
        public Builder uri(String uri) {
            store.uri(uri);
            return this;
        }

        /**
         * Where to connect to, with a client of our own. No default: either this or {@link #client} has to be given. The
         * URI's time-out is not used; see {@link #commandTimeout}.
         *
         * @param uri the URI, which is copied when connecting
         * @return this builder
         */
        public Builder uri(RedisURI uri) {
            store.uri(uri);
            return this;
        }

        /**
         * A client of the application to connect with, instead of one of our own: saves its two threads, and brings the
         * application's TLS, credentials and resources along. Two connections are opened from it, by its own connect
         * time-out; its options are not changed and it is not shut down. It must reconnect by itself, as Lettuce does by
         * default; with its default delay the locks may be back up to 30 s later than the server.
         * Close the mutex before the client is shut down: afterwards nothing can be released, and what is held stays taken
         * until its lease ends.
         *
         * @param client a client that was created with a URI
         * @return this builder
         */
        public Builder client(RedisClient client) {
            store.client(client);
            return this;
        }

        /**
         * What the Redis key of each lock begins with. Default {@code lock:}; at most 128 characters. Keeps locks away
         * from data. An empty prefix makes the Redis key exactly the user's key, which shares locks with other libraries
         * that set one key, but then a lock may meet data of the same name, and keys that begin with <code>dmutex:&#123;</code>, as
         * those beside locks do, are refused.
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
         * How long the server may take to answer one request before it counts as failed. Default 2 s; from 10 ms to
         * 1 min. Failed requests are repeated within the wait time. A short one notices a dead server soon; a long one
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
         * How this instance is called in what others see of its leases, in their messages and in Redis. Default: host
         * name and process id; from 1 to 128 characters. Not a secret, and without any effect on who owns what.
         *
         * @param holderLabel the label
         * @return this builder
         * @throws IllegalArgumentException if it is empty, too long or not well-formed Unicode
         */
        public Builder holderLabel(String holderLabel) {
            Objects.requireNonNull(holderLabel, "holderLabel");
            if (holderLabel.isEmpty() || holderLabel.length() > MAXIMUM_LABEL) {
                throw new IllegalArgumentException("holderLabel must be 1 to " + MAXIMUM_LABEL
                        + " characters long, but has " + holderLabel.length());
            }
            Texts.checkWellFormed("holderLabel", holderLabel);
            this.holderLabel = holderLabel;
            return this;
        }

        /**
         * How locks are acquired and held unless a view says otherwise. Default {@link LockOptions#defaults()}: a lease
         * of 1 min, a wait of 5 s, no renewal. Bounds and trade-offs are with each option.
         *
         * @param options the options
         * @return this builder
         */
        public Builder options(LockOptions options) {
            this.options = Objects.requireNonNull(options, "options");
            return this;
        }

        /**
         * Who hears of everything that happens to locks. Default: nobody. Runs on a thread of its own; a slow one misses
         * events rather than delaying locks.
         *
         * @param listener the listener
         * @return this builder
         */
        public Builder listener(MutexListener listener) {
            this.listener = Objects.requireNonNull(listener, "listener");
            return this;
        }

        /**
         * Whether all that locks need is tried once when connecting: each command, key pattern and channel that the ACL must
         * allow. Default true. What is missing is then named at once, not found by the release that is refused; it costs
         * one round trip, and leaves nothing in Redis. Turn it off where the user may lock some keys behind the prefix
         * only, or may not do what this application never does.
         *
         * @param startCheck whether to try
         * @return this builder
         */
        public Builder startCheck(boolean startCheck) {
            store.startCheck(startCheck);
            return this;
        }

        /**
         * Where callbacks run: what is attached to futures of {@code acquireAsync}, and the listener's methods. Default: virtual
         * threads on JDK 24 and newer, else a pool that grows with the callbacks that are busy, without a limit.
         *
         * <p>An executor with a limit can deadlock: when all its threads wait for locks, the callbacks that would release
         * them have none. It must not run callbacks on the calling thread. A callback that it refuses, or throws for, runs on
         * a thread of the instance; a WARN line says so once. Listeners of a loss
         * ({@link Lease#onLost}, {@link Lease#lost}) always run on threads of the instance, so that no executor delays them.
         *
         * @param callbackExecutor the executor, which stays the application's; closing the instance leaves it alone
         * @return this builder
         */
        public Builder callbackExecutor(Executor callbackExecutor) {
            this.callbackExecutor = Objects.requireNonNull(callbackExecutor, "callbackExecutor");
            return this;
        }

        /**
         * Whether a forward step of this machine's wall clock by more than 50 ms counts as time that has passed, so that leases
         * end as much earlier. Default true: on a guest that its host pauses or moves, all clocks may stand still, and such a
         * step is then the only sign of it. A step within the remaining time of a lease costs no more than that time.
         *
         * <p>False is for machines whose wall clock is set forward while locks are held, and which are never paused by a
         * host. Suspensions that Linux's {@code /proc/uptime} shows count in any case; where there is none, so does every step.
         *
         * @param countWallClockSteps whether it counts
         * @return this builder
         */
        public Builder countWallClockSteps(boolean countWallClockSteps) {
            this.countWallClockSteps = countWallClockSteps;
            return this;
        }

        /**
         * Connects.
         *
         * @return the mutex; make one per application
         * @throws IllegalStateException if not exactly one of URI and client was given, or the client cannot connect
         *     anywhere, or the Lettuce on the class path is without the Netty that it needs
         * @throws StoreException if the server is not there ({@link StoreUnreachableException}) or refuses us
         *     ({@link StoreRefusedException}), for instance because the password is wrong, it is older than 6.2, a
         *     Sentinel, or only a part of a cluster, or something is missing of all that {@link #startCheck} tries
         */
        public DistributedMutex connect() {
            RedisLockStore connected = store.connect();
            boolean built = false;
            try {
                DistributedMutex.Builder mutex =
                        DistributedMutex.builder(connected).countWallClockSteps(countWallClockSteps);
                if (callbackExecutor != null) {
                    mutex.callbackExecutor(callbackExecutor);
                }
                if (holderLabel != null) {
                    mutex.holderLabel(holderLabel);
                }
                if (options != null) {
                    mutex.options(options);
                }
                if (listener != null) {
                    mutex.listener(listener);
                }
                DistributedMutex result = mutex.build();
                built = true;
                return result;
            } finally {
                if (!built) {
                    connected.close();
                }
            }
        }
    }
}
