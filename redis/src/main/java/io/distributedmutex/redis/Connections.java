package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import io.lettuce.core.api.StatefulConnection;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.event.connection.ReconnectFailedEvent;
import io.lettuce.core.protocol.DefaultEndpoint;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;

/**
 * The two connections of a store, opened from a client of our own or from the application's; or the one for commands to a node
 * of a cluster, whose other one is made when it is needed.
 */
final class Connections {

    /** How long closing is waited for. */
    static final long CLOSE_MILLIS = 1_000;

    private final StatefulRedisConnection<byte[], byte[]> commands;
    private final @Nullable StatefulRedisPubSubConnection<String, String> pushes;
    private final @Nullable OwnClient ownClient;

    /** Whether it is to one of several nodes, for which the client is not to be closed. */
    private final boolean toNode;

    /** The subscription to Lettuce's events; null until there is one. */
    private volatile @Nullable Disposable events;

    /** Where the commands went last, with an application's client; null if that is not known. */
    private volatile @Nullable SocketAddress lastAddress;

    private Connections(
            StatefulRedisConnection<byte[], byte[]> commands,
            @Nullable StatefulRedisPubSubConnection<String, String> pushes,
            @Nullable OwnClient ownClient,
            boolean toNode) {
        this.toNode = toNode;
        this.commands = commands;
        this.pushes = pushes;
        this.ownClient = ownClient;
    }

    /**
     * Makes a client of our own and connects.
     *
     * @param uri where to
     * @param ssl how to speak TLS; null for as the JDK does
     * @param errors says what went wrong
     * @param limits how long it may take
     * @return the connections, which close the client with them
     */
    static Connections open(RedisURI uri, @Nullable SslOptions ssl, RedisErrors errors, ConnectLimits limits) {
        OwnClient own = new OwnClient(uri, ssl, limits.command());
        boolean opened = false;
        try {
            Connections connections = open(own, errors, limits);
            opened = true;
            return connections;
        } catch (RedisException | IllegalStateException e) {
            // The latter where a socket's path was given, and the platform's native part of Netty is not there.
            throw errors.connecting(e);
        } finally {
            if (!opened) {
                own.close();
            }
        }
    }

    /** Tries again as long as the server is silent and there is time; what it says, and that nobody is there, is the end. */
    static Connections open(OwnClient own, RedisErrors errors, ConnectLimits limits) {
        ConnectLimits.Deadline deadline = limits.begin();
        while (true) {
            try {
                return tryOnce(own, errors, deadline);
            } catch (StoreUnreachableException e) {
                if (!RedisErrors.isSilence(e) || !deadline.pausesForRetry(true)) {
                    throw e;
                }
            }
        }
    }

    /** Tries each address of the server's name once, as long as none answers. */
    static Connections tryOnce(OwnClient own, RedisErrors errors, ConnectLimits.Deadline deadline) {
        @Nullable StoreException silence = null;
        for (int tried = 1; ; tried++) {
            CompletableFuture<StatefulRedisConnection<byte[], byte[]>> commands = own.client()
                    .connectAsync(ByteArrayCodec.INSTANCE, own.uri())
                    .toCompletableFuture();
            CompletableFuture<StatefulRedisPubSubConnection<String, String>> pushes =
                    own.client().connectPubSubAsync(StringCodec.UTF8, own.uri()).toCompletableFuture();
            try {
                awaitWithin(CompletableFuture.allOf(commands, pushes), errors, deadline.left());
                return new Connections(commands.join(), pushes.join(), own, false);
            } catch (StoreUnreachableException e) {
                StoreException failure = said(commands, pushes, errors, e);
                Stream.of(commands, pushes).forEach(Connections::closeWhenOpen);
                if (failure instanceof StoreRefusedException || isInterrupted()) {
                    throw failure;
                }
                // Of several addresses the silent one may be that of the server.
                silence = RedisErrors.isSilence(failure) ? failure : silence;
                if (tried >= own.addresses() || deadline.nanosLeft(true) <= 0) {
                    throw silence == null ? failure : silence;
                }
            }
        }
    }

    private static boolean isInterrupted() {
        return Thread.currentThread().isInterrupted();
    }

    @SuppressWarnings("FutureReturnValueIgnored") // Nobody needs this connection, and the client's end ends it too.
    private static void closeWhenOpen(CompletableFuture<? extends StatefulConnection<?, ?>> connection) {
        connection.thenAccept(StatefulConnection::closeAsync);
    }

    /**
     * What the server said, if it did on either connection. Where it refuses the handshake and the connection ends in the
     * same moment, Lettuce now and then reports that end alone ("closed prematurely"), which helps nobody with a wrong
     * password.
     */
    private static StoreException said(
            CompletableFuture<?> commands,
            CompletableFuture<?> pushes,
            RedisErrors errors,
            StoreUnreachableException otherwise) {
        for (CompletableFuture<?> connection : List.of(commands, pushes)) {
            if (connection.isCompletedExceptionally()) {
                try {
                    connection.join();
                } catch (CompletionException | CancellationException e) {
                    StoreException failure = errors.connecting(e);
                    if (failure instanceof StoreRefusedException) {
                        return failure;
                    }
                }
            }
        }
        return otherwise;
    }

    /**
     * Connects with the application's client, by that client's own rules and time-outs.
     *
     * @param client the application's client, which is never changed nor closed
     * @param errors says what went wrong
     * @return the connections
     * @throws IllegalStateException if the client is shut down or has no URI
     */
    static Connections open(RedisClient client, RedisErrors errors) {
        // The client does not tell its URI, but messages should name the server.
        AddressBook addresses = new AddressBook();
        @Nullable StatefulRedisConnection<byte[], byte[]> commands = null;
        boolean opened = false;
        client.addListener(addresses);
        try {
            commands = client.connect(ByteArrayCodec.INSTANCE);
            SocketAddress address = addresses.of(commands);
            if (address != null) {
                errors.connectedTo(address);
            }
            Connections connections = new Connections(commands, client.connectPubSub(StringCodec.UTF8), null, false);
            connections.lastAddress = address;
            opened = true;
            return connections;
        } catch (IllegalStateException e) {
            throw e;
        } catch (RuntimeException e) {
            throw errors.connecting(e);
        } finally {
            client.removeListener(addresses);
            if (!opened && commands != null) {
                awaitClosed(commands.closeAsync());
            }
        }
    }

    /**
     * Opens the connection for commands to a node of a cluster.
     *
     * @param client makes it
     * @param address where the node is
     * @return completes on the client's threads
     */
    static CompletionStage<Connections> openNode(ClusterClient client, NodeAddress address) {
        AddressBook addresses = new AddressBook();
        RedisClient maker = client.commands();
        CompletionStage<StatefulRedisConnection<byte[], byte[]>> made;
        maker.addListener(addresses);
        try {
            made = maker.connectAsync(ByteArrayCodec.INSTANCE, client.uriOf(address));
        } catch (RuntimeException | VirtualMachineError e) {
            // The client is shut down, or there is no memory. Whoever waits for the connection hears of it.
            made = CompletableFuture.failedFuture(e);
        }
        return made.whenComplete((commands, error) -> maker.removeListener(addresses))
                .thenApply(commands -> {
                    Connections connections = new Connections(commands, null, client.own(), true);
                    connections.lastAddress = addresses.of(commands);
                    return connections;
                });
    }

    /** Notes where connections lead that are made while it listens. */
    private static final class AddressBook implements RedisConnectionStateListener {

        private final Map<Object, SocketAddress> addresses = new ConcurrentHashMap<>();

        @Override
        public void onRedisConnected(RedisChannelHandler<?, ?> connection, SocketAddress address) {
            addresses.put(connection, address);
        }

        @Nullable
        SocketAddress of(StatefulConnection<?, ?> connection) {
            return addresses.get(connection);
        }
    }

    StatefulRedisConnection<byte[], byte[]> commands() {
        return commands;
    }

    /** What the I/O thread can be given to do; null with the application's client. */
    @Nullable
    Executor eventLoop() {
        return ownClient == null ? null : ownClient.eventLoop();
    }

    StatefulRedisPubSubConnection<String, String> pushes() {
        return Objects.requireNonNull(pushes, "a node of a cluster");
    }

    /**
     * Tells of attempts to reconnect that failed, on a thread of Lettuce's. Those of other connections to the same server
     * are among them, with an application's client.
     *
     * @param listener receives what each attempt ended with
     */
    void onReconnectFailure(Consumer<Throwable> listener) {
        if (ownClient == null || toNode) {
            commands.addListener(new RedisConnectionStateListener() {
                @Override
                public void onRedisConnected(RedisChannelHandler<?, ?> connection, SocketAddress address) {
                    lastAddress = address;
                }
            });
        }
        events = commands.getResources().eventBus().get().subscribe(event -> {
            if (event instanceof ReconnectFailedEvent failed && concernsUs(failed)) {
                listener.accept(failed.getCause());
            }
        });
    }

    private boolean concernsUs(ReconnectFailedEvent failed) {
        SocketAddress address = lastAddress;
        return (ownClient != null && !toNode) || address == null || isSame(address, failed.remoteAddress());
    }

    /** Lettuce tells the address of a failed attempt as it was before the name was looked up. */
    private static boolean isSame(SocketAddress one, SocketAddress other) {
        return one.equals(other)
                || (one instanceof InetSocketAddress first
                        && other instanceof InetSocketAddress second
                        && first.getPort() == second.getPort()
                        && first.getHostString().equals(second.getHostString()));
    }

    /** Somebody waits for a connection that is not there. With an application's client, that client decides. */
    void hurry() {
        if (ownClient != null) {
            ownClient.hurry();
        }
    }

    /** Somebody cares for a connection that is not there, but need not have it soon. */
    void reconnectIfForgotten() {
        if (ownClient != null) {
            ownClient.reconnectIfForgotten();
        }
    }

    /** One connection is back: the other can be too. With an application's client, that client decides. */
    void reconnectAtOnce() {
        if (ownClient != null) {
            ownClient.reconnectAtOnce();
        }
    }

    /** Drops the connection for pushes, upon which Lettuce re-establishes it. */
    void reconnectPushes() {
        disconnect(pushes());
    }

    /** Drops both connections, upon which Lettuce re-establishes them. What silenced one has likely silenced both. */
    void reconnect() {
        disconnect(commands);
        if (pushes != null) {
            disconnect(pushes());
        }
    }

    /** The server is elsewhere now: as {@link #reconnect}, and ends attempts to connect to where it was. */
    void connectAnew() {
        if (ownClient != null) {
            ownClient.connectAnew();
        }
    }

    /** Hears no more of Lettuce's events. Their bus ends with the client, and complains if somebody listens. */
    void stopListening() {
        Disposable subscription = events;
        if (subscription != null) {
            subscription.dispose();
        }
    }

    /** Closes the connections, but no client. */
    void drop() {
        stopListening();
        closeWhenOpen(CompletableFuture.completedFuture(commands));
        if (pushes != null) {
            closeWhenOpen(CompletableFuture.completedFuture(pushes));
        }
    }

    /** Whether the application has shut its client down, and so closed the connections. */
    boolean wereClosedByApplication() {
        return ownClient == null && !toNode && isClosed(commands);
    }

    /** Whether a connection has ended for good: it was not lost, but closed. */
    static boolean isClosed(StatefulConnection<?, ?> connection) {
        return connection instanceof RedisChannelHandler<?, ?> handler && handler.isClosed();
    }

    /** Closes the connections and, if it is ours, the client, within 2 s. */
    void close() {
        stopListening();
        if (ownClient != null) {
            ownClient.close();
            return;
        }
        awaitClosed(CompletableFuture.allOf(closing(commands), closing(pushes())));
    }

    private static CompletableFuture<Void> closing(StatefulConnection<?, ?> connection) {
        // Lettuce warns of a second close.
        return isClosed(connection) ? CompletableFuture.completedFuture(null) : connection.closeAsync();
    }

    /**
     * Waits for a step of connecting.
     *
     * @param step what to wait for
     * @param errors says what went wrong
     * @param limit how long at most
     * @param <T> the result
     * @return the result
     */
    static <T> T awaitWithin(Future<T> step, RedisErrors errors, Duration limit) {
        try {
            return step.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw errors.connecting(e);
        } catch (ExecutionException | CancellationException | TimeoutException e) {
            throw errors.connecting(e);
        }
    }

    /** Waits for the end of connections, for 1 s at most. */
    static void awaitClosed(CompletableFuture<Void> closing) {
        try {
            closing.get(CLOSE_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            // The client goes on closing them.
        }
    }

    private static void disconnect(StatefulConnection<?, ?> connection) {
        DefaultEndpoint endpoint = Lettuce.endpoint(connection);
        if (endpoint != null) {
            endpoint.disconnect();
        }
    }
}
