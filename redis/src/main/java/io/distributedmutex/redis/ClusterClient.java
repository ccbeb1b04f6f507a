package io.distributedmutex.redis;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.resource.ClientResources;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Makes the connections to the nodes of a cluster: with a client of our own, or with the threads, options and credentials of the
 * application's. Knows nothing of slots.
 */
final class ClusterClient implements NodeClient {

    private final RedisClient commands;
    private final RedisClient pushes;
    private final @Nullable OwnClient own;
    private final RedisURI model;

    private ClusterClient(RedisClient commands, RedisClient pushes, @Nullable OwnClient own, RedisURI model) {
        this.commands = commands;
        this.pushes = pushes;
        this.own = own;
        this.model = model;
    }

    /**
     * Makes a client of our own; connects nothing.
     *
     * @param uri whose credentials and TLS all nodes are connected to with
     * @param ssl how to speak TLS; null for as the JDK does
     * @param timeout how long a command may take
     */
    static ClusterClient own(RedisURI uri, @Nullable SslOptions ssl, Duration timeout) {
        OwnClient own = new OwnClient(uri, ssl, timeout);
        return new ClusterClient(own.client(), own.plainClient(), own, own.uri());
    }

    /**
     * Makes connections with what belongs to the application's client; connects nothing.
     *
     * @param client the application's client, which is not changed
     * @param uri that the client was created with
     * @param limits how long connecting may take
     */
    static ClusterClient of(RedisClusterClient client, RedisURI uri, ConnectLimits limits) {
        ClientResources resources = client.getResources();
        // The engine repeats what was lost, and nothing waits for a node that is away.
        ClientOptions.Builder options = Lettuce.withoutMaintenanceNotifications(
                        client.getOptions().mutate())
                .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
                .suspendReconnectOnProtocolFailure(false);
        RedisClient commands = RedisClient.create(resources);
        commands.setOptions(options.autoReconnect(true).build());
        RedisClient pushes = RedisClient.create(resources);
        pushes.setOptions(options.autoReconnect(false).build());
        return new ClusterClient(commands, pushes, null, OwnClient.copy(uri, limits.attempt()));
    }

    /** Makes connections that Lettuce makes anew when they are lost. */
    RedisClient commands() {
        return commands;
    }

    /** Makes connections that end when they are lost. */
    RedisClient pushes() {
        return pushes;
    }

    /** Our own client, if it is one. */
    @Nullable
    OwnClient own() {
        return own;
    }

    @Override
    public CompletionStage<NodeConnection> connect(
            NodeAddress address, RedisErrors errors, Duration timeout, RoleListener roles) {
        return Connections.openNode(this, address)
                .thenApply(made -> new CommandConnection(made, errors, timeout, roles));
    }

    @Override
    public CompletionStage<PushConnection> connectPushes(NodeAddress address) {
        try {
            return pushes.connectPubSubAsync(StringCodec.UTF8, uriOf(address)).thenApply(LettucePushes::new);
        } catch (RuntimeException | VirtualMachineError e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    @Override
    public long nanoTime() {
        return System.nanoTime();
    }

    @Override
    public RedisURI uriOf(NodeAddress address) {
        return RedisURI.builder(model)
                .withHost(address.host())
                .withPort(address.port())
                .build();
    }

    private ScheduledExecutorService executor() {
        return commands.getResources().eventExecutorGroup();
    }

    /** Runs something soon, and once, on a thread of the client's; or now, if those are ending or an error strikes. */
    @Override
    public void execute(Runnable task) {
        Once once = new Once(task);
        try {
            // Not execute(): what a task throws then ends the executor for good.
            Future<?> unused = executor().submit(once);
        } catch (RejectedExecutionException | VirtualMachineError e) {
            // What connects, or goes on with requests, must not be lost. It may be in the queue all the same.
            once.run();
        }
    }

    private static final class Once implements Runnable {

        private final Runnable task;
        private final AtomicBoolean begun = new AtomicBoolean();

        Once(Runnable task) {
            this.task = task;
        }

        @Override
        public void run() {
            if (begun.compareAndSet(false, true)) {
                task.run();
            }
        }
    }

    /**
     * Runs something later.
     *
     * @return whether that will be so. If an error struck (no memory, say) it may be so though this is false.
     */
    @Override
    public boolean schedule(Runnable task, long millis) {
        try {
            Future<?> unused = executor().schedule(task, millis, TimeUnit.MILLISECONDS);
            return true;
        } catch (RejectedExecutionException | VirtualMachineError e) {
            // The client is shutting down, or cannot now. Whoever asked keeps no mark that it is due.
            return false;
        }
    }

    /** Ends all connections within 2 s; of the client, what is ours. */
    @Override
    public void close() {
        if (own != null) {
            own.close();
            return;
        }
        Connections.awaitClosed(CompletableFuture.allOf(
                commands.shutdownAsync(0, Connections.CLOSE_MILLIS, TimeUnit.MILLISECONDS),
                pushes.shutdownAsync(0, Connections.CLOSE_MILLIS, TimeUnit.MILLISECONDS)));
    }
}
