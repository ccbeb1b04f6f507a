package io.distributedmutex.redis;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.SslOptions;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.metrics.CommandLatencyRecorder;
import io.lettuce.core.protocol.ConnectionWatchdog;
import io.lettuce.core.resource.ClientResources;
import io.lettuce.core.resource.DefaultClientResources;
import io.lettuce.core.resource.DefaultEventLoopGroupProvider;
import io.lettuce.core.resource.NettyCustomizer;
import io.lettuce.core.resource.SocketAddressResolver;
import io.lettuce.core.resource.ThreadFactoryProvider;
import io.netty.channel.Channel;
import io.netty.resolver.AddressResolverGroup;
import io.netty.util.concurrent.DefaultEventExecutorGroup;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.AccessController;
import java.security.PrivilegedAction;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A Lettuce client of our own: two threads (one for I/O, one for timers and reconnecting), options that suit locks.
 */
final class OwnClient {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** The longest pause before the second attempt to reconnect. */
    private static final Duration RECONNECT_DELAY = Duration.ofMillis(50);

    /** Stands for the primary that Sentinels name; resolved by us, and by nobody else (RFC 6761). */
    private static final String PRIMARY = "primary.invalid";

    /**
     * When Lettuce is taken to have forgotten to reconnect: longer than any resolver looks for an address, since two
     * attempts at once would leave two connections.
     */
    private static final Duration FORGOTTEN = Duration.ofMinutes(1);

    /** The shortest time for a connect or a handshake, also when commands have less: TLS takes several round trips. */
    private static final Duration MINIMUM_CONNECT_TIMEOUT = Duration.ofSeconds(2);

    private static final long CLOSE_MILLIS = 1_500;

    private static final long BEGUN_MILLIS = 200;

    private static final AtomicInteger THREAD_NUMBERS = new AtomicInteger();

    private final Set<Thread> threads = ConcurrentHashMap.newKeySet();
    private final DefaultEventLoopGroupProvider eventLoops;
    private final DefaultEventExecutorGroup executor;
    private final ExecutorTimer timer;
    private final long forgottenNanos;

    /** What reconnects each connection, and the connection's last channel. */
    private final Map<ConnectionWatchdog, Channel> watchdogs = new ConcurrentHashMap<>();

    private final AllAddresses addresses;
    private final ClientResources resources;
    private final RedisClient client;
    private final RedisURI uri;

    /** Makes connections that are not made anew by Lettuce: to Sentinels, and in a cluster for pushes and for finding it. */
    private final RedisClient plainClient;

    /** They name the primary; null without them. */
    private final @Nullable Sentinels sentinels;

    private volatile @Nullable Executor eventLoop;

    /**
     * Makes a client; connects nothing.
     *
     * @param source where to connect to; copied
     * @param ssl how to speak TLS; null for as the JDK does
     * @param commandTimeout how long a command may take
     */
    OwnClient(RedisURI source, @Nullable SslOptions ssl, Duration commandTimeout) {
        this(source, ssl, commandTimeout, FORGOTTEN, lookUp());
    }

    /**
     * Makes a client; connects nothing.
     *
     * @param source where to connect to; copied
     * @param ssl how to speak TLS; null for as the JDK does
     * @param commandTimeout how long a command may take
     * @param forgotten after how long a reconnect is taken to be forgotten
     * @param lookUp finds the addresses of names
     */
    OwnClient(
            RedisURI source,
            @Nullable SslOptions ssl,
            Duration commandTimeout,
            Duration forgotten,
            AddressResolverGroup<InetSocketAddress> lookUp) {
        this.addresses = new AllAddresses(lookUp);
        Duration connectTimeout =
                commandTimeout.compareTo(MINIMUM_CONNECT_TIMEOUT) > 0 ? commandTimeout : MINIMUM_CONNECT_TIMEOUT;
        boolean bySentinels = !source.getSentinels().isEmpty();
        this.uri = bySentinels ? ofPrimary(source, connectTimeout) : copy(source, connectTimeout);
        ThreadFactoryProvider ioThreads = pool -> task -> newThread("dmutex-redis-io", task);
        this.eventLoops = new DefaultEventLoopGroupProvider(1, ioThreads);
        this.executor = new DefaultEventExecutorGroup(1, task -> newThread("dmutex-redis-timer", task));
        this.timer = new ExecutorTimer(executor);
        this.forgottenNanos = forgotten.toNanos();
        ClientResources.Builder builder = DefaultClientResources.builder()
                .eventLoopGroupProvider(eventLoops)
                .eventExecutorGroup(executor)
                .timer(timer)
                .nettyCustomizer(new NettyCustomizer() {
                    @Override
                    public void afterChannelInitialized(Channel channel) {
                        eventLoop = channel.eventLoop();
                        channel.pipeline().addLast(SharedWrite.opener());
                        remember(channel);
                    }
                })
                .addressResolverGroup(addresses)
                .commandLatencyRecorder(CommandLatencyRecorder.disabled())
                .reconnectDelay(ExecutorTimer.delays(RECONNECT_DELAY));
        if (bySentinels) {
            builder.socketAddressResolver(new SocketAddressResolver() {
                @Override
                public SocketAddress resolve(RedisURI which) {
                    return PRIMARY.equals(which.getHost()) ? addressOfPrimary() : super.resolve(which);
                }
            });
        }
        this.resources = builder.build();
        this.client = RedisClient.create(resources, uri);
        this.client.setOptions(options(connectTimeout, ssl));
        this.plainClient = RedisClient.create(resources);
        this.plainClient.setOptions(
                options(connectTimeout, ssl).mutate().autoReconnect(false).build());
        this.sentinels = bySentinels ? new Sentinels(plainClient, copy(source, connectTimeout), executor) : null;
        this.client.addListener(new RedisConnectionStateListener() {
            @Override
            public void onRedisConnected(RedisChannelHandler<?, ?> connection, SocketAddress address) {
                addresses.connected(address);
                if (sentinels != null && sentinels.nameAnotherThan(address)) {
                    // It was being made when they named that one.
                    connectAnew();
                }
            }
        });
    }

    RedisClient client() {
        return client;
    }

    RedisClient plainClient() {
        return plainClient;
    }

    /** The one event loop of all connections, by which their I/O thread can be given something to do; null before the first. */
    @Nullable
    Executor eventLoop() {
        return eventLoop;
    }

    RedisURI uri() {
        return uri;
    }

    /** The Sentinels of the URI; null if it has none. */
    @Nullable
    Sentinels sentinels() {
        return sentinels;
    }

    private SocketAddress addressOfPrimary() {
        Sentinels.Primary primary = sentinels == null ? null : sentinels.primary();
        if (primary == null) {
            throw new IllegalStateException("no Sentinel has named the primary yet");
        }
        return primary.address();
    }

    /** How many times connecting has to be tried until each address of the server's name was. */
    int addresses() {
        return addresses.most();
    }

    /** Somebody waits for a connection that is not there: the next attempt to make one comes soon. */
    void hurry() {
        timer.hurry();
        reconnectIfForgotten();
    }

    /**
     * Makes Lettuce begin anew with connections that are not there and that it does nothing about, because an error (no
     * memory, say) struck between an attempt to reconnect and the next.
     */
    void reconnectIfForgotten() {
        if (timer.idleNanos() > forgottenNanos) {
            // Not execute(): what a task throws then ends the executor for good.
            Future<?> unused = executor.submit(this::reconnectWhatIsForgotten);
        }
    }

    /** One connection is back: the other can be too. */
    void reconnectAtOnce() {
        timer.reconnectAtOnce();
    }

    /** The server is elsewhere now: ends its connections, also those that are being made, and connects at once. */
    void connectAnew() {
        timer.reconnectAtOnceFor(MINIMUM_CONNECT_TIMEOUT);
        for (Channel channel : watchdogs.values()) {
            Future<?> unused = channel.close();
        }
    }

    private void remember(Channel channel) {
        ConnectionWatchdog watchdog = channel.pipeline().get(ConnectionWatchdog.class);
        if (watchdog != null) {
            watchdogs.put(watchdog, channel);
        }
        // Connections that were closed for good, such as those to Sentinels.
        watchdogs
                .entrySet()
                .removeIf(each -> !each.getValue().isOpen() && !each.getKey().isListenOnChannelInactive());
    }

    private void reconnectWhatIsForgotten() {
        if (timer.idleNanos() <= forgottenNanos) {
            return;
        }
        timer.touch();
        watchdogs.forEach((watchdog, channel) -> {
            if (!channel.isActive()) {
                try {
                    watchdog.run(1);
                } catch (Exception e) {
                    log.warn("could not reconnect", Texts.foreign(e));
                }
            }
        });
    }

    /** Ends the client and its threads, within 2 s. Waits for them unless called on one of them. */
    @SuppressWarnings("FutureReturnValueIgnored") // What counts is the end of the threads, and that is waited for.
    void close() {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(CLOSE_MILLIS);
        if (sentinels != null) {
            sentinels.close();
        }
        boolean isOurs = threads.contains(Thread.currentThread());
        timer.end();
        if (!isOurs) {
            awaitNoneIsBegun();
        }
        CompletableFuture<Void> plainEnd = plainClient.shutdownAsync(0, CLOSE_MILLIS, TimeUnit.MILLISECONDS);
        CompletableFuture<Void> end = client.shutdownAsync(0, CLOSE_MILLIS, TimeUnit.MILLISECONDS);
        CompletableFuture.allOf(plainEnd, end).whenComplete((ignored, error) -> {
            eventLoops.shutdown(0, CLOSE_MILLIS, TimeUnit.MILLISECONDS);
            executor.shutdownGracefully(0, CLOSE_MILLIS, TimeUnit.MILLISECONDS);
            resources.shutdown(0, CLOSE_MILLIS, TimeUnit.MILLISECONDS);
        });
        if (!isOurs) {
            awaitThreads(deadline);
        }
    }

    /**
     * Waits until no connection is being begun on the executor any more, for 0.2 s at most. An event loop that has ended takes
     * none, and Netty complains of that. What the timer began last has put its second half behind the first step here.
     */
    private void awaitNoneIsBegun() {
        try {
            CompletableFuture.runAsync(() -> {}, executor)
                    .thenRunAsync(() -> {}, executor)
                    .get(BEGUN_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException | RejectedExecutionException e) {
            // Somebody has closed this before, or the machine is slow: at worst Netty complains.
        }
    }

    private void awaitThreads(long deadline) {
        boolean interrupted = false;
        for (Thread thread : threads) {
            long millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            try {
                thread.join(Math.max(1, millis));
            } catch (InterruptedException e) {
                interrupted = true;
                break;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @SuppressWarnings("unchecked") // Whatever looks names up here, finds what TCP connects to.
    private static AddressResolverGroup<InetSocketAddress> lookUp() {
        return (AddressResolverGroup<InetSocketAddress>) DefaultClientResources.DEFAULT_ADDRESS_RESOLVER_GROUP;
    }

    /** A thread that has nothing of the one by which it happens to be made, as the engine's own: no application's classes. */
    // Removal: as long as threads keep an access control context, it keeps the caller's classes. The priority is the
    // default.
    @SuppressWarnings({"removal", "ThreadPriorityCheck"})
    private Thread newThread(String name, Runnable task) {
        Thread thread = AccessController.doPrivileged((PrivilegedAction<Thread>)
                () -> new Thread(null, task, name + "-" + THREAD_NUMBERS.incrementAndGet(), 0, false));
        thread.setDaemon(true);
        thread.setPriority(Thread.NORM_PRIORITY);
        thread.setContextClassLoader(OwnClient.class.getClassLoader());
        threads.add(thread);
        return thread;
    }

    private static ClientOptions options(Duration connectTimeout, @Nullable SslOptions ssl) {
        ClientOptions.Builder options = Lettuce.withoutMaintenanceNotifications(ClientOptions.builder())
                // What cannot be sent now fails now, and what was in flight is not sent again: the engine knows better.
                .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
                .autoReconnect(true)
                .suspendReconnectOnProtocolFailure(false)
                .pingBeforeActivateConnection(true)
                // The protocol version is left to be found out: RESP3 where the server has it.
                .scriptCharset(StandardCharsets.UTF_8)
                .timeoutOptions(TimeoutOptions.create())
                .socketOptions(socketOptions(connectTimeout));
        return (ssl == null ? options : options.sslOptions(ssl)).build();
    }

    private static SocketOptions socketOptions(Duration connectTimeout) {
        return Lettuce.withKeepAlive(SocketOptions.builder())
                .connectTimeout(connectTimeout)
                .tcpNoDelay(true)
                .build();
    }

    /** All of a URI but its Sentinels: user, TLS, database, names. */
    private static RedisURI ofPrimary(RedisURI source, Duration timeout) {
        return RedisURI.builder(source).withHost(PRIMARY).withTimeout(timeout).build();
    }

    /** Copies all of a URI, by Lettuce's own {@link RedisURI#builder(RedisURI)}, which leaves the Sentinels out. */
    static RedisURI copy(RedisURI source, Duration timeout) {
        RedisURI.Builder copy = RedisURI.builder(source);
        if (source.getSentinelMasterId() != null) {
            copy.withSentinelMasterId(source.getSentinelMasterId());
        }
        for (RedisURI sentinel : source.getSentinels()) {
            copy.withSentinel(copy(sentinel, timeout));
        }
        // Bounds the handshake, and each question to a Sentinel.
        return copy.withTimeout(timeout).build();
    }
}
