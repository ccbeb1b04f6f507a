package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One master of a cluster. The connection for commands is made with the first request, the one for pushes when this instance
 * first waits for a key there; each ends some time after its last use. Requests that come while it is being made wait for it, in
 * order, and no longer than a command may take. What happens here concerns no other node.
 */
final class ClusterNode implements SlotRequests.Node, RoleListener {

    /** How long a connection is kept after the last request. */
    static final long KEPT_NANOS = TimeUnit.MINUTES.toNanos(5);

    /** The pause between two attempts to connect. */
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    /** What hears of a node. Called on the client's threads; must not block. */
    interface Listener {

        /** A node may be dead, or a master no more. */
        void doubtful(ClusterNode node);

        /** Its connection was lost, and is there again. */
        void reconnected(ClusterNode node);
    }

    /** A request that waits for the first connection. */
    private record Waiting<T>(
            Request request, Function<List<@Nullable Object>, T> parser, CompletableFuture<T> result) {}

    private final NodeAddress address;
    private final NodeClient client;
    private final Duration timeout;
    private final Listener listener;
    private final RedisErrors errors;
    private final NodePushes pushes;

    private volatile @Nullable NodeConnection commands;
    private volatile long usedNanos;

    /** It did not answer in time, or could not be reached; and nothing has shown since that it is well. */
    private volatile boolean isSilent;

    /** Whether it served the last request for a slot that it answered, and has been there since. */
    private volatile boolean serves;

    // Guarded by this.
    private final ArrayDeque<Waiting<?>> waiting = new ArrayDeque<>();
    private boolean connecting;
    private @Nullable Throwable failure;
    private long failedNanos;
    private boolean closed;

    /**
     * A node; connects nothing.
     *
     * @param address where it is
     * @param client makes connections
     * @param timeout how long a command may take
     * @param listener hears of it
     * @param isSharded whether the cluster has sharded channels, as far as is known
     * @param messages the channel of messages to this instance
     * @param pushed hears of pushes
     */
    ClusterNode(
            NodeAddress address,
            NodeClient client,
            Duration timeout,
            Listener listener,
            boolean isSharded,
            String messages,
            NodePushes.Listener pushed) {
        this.address = address;
        this.client = client;
        this.usedNanos = client.nanoTime();
        this.timeout = timeout;
        this.listener = listener;
        this.errors = new RedisErrors(client.uriOf(address), timeout.toMillis());
        this.pushes = new NodePushes(this, client, isSharded, timeout.toNanos(), messages, pushed);
    }

    @Override
    public NodeAddress address() {
        return address;
    }

    NodePushes pushes() {
        return pushes;
    }

    @Override
    public RedisErrors errors() {
        return errors;
    }

    boolean isSilent() {
        return isSilent;
    }

    /** Whether it is silent, or its connection was lost and has not come back. */
    boolean isIll() {
        NodeConnection open = commands;
        return isSilent || (open != null && !open.isOpen());
    }

    /** It has answered. */
    void isWell() {
        if (isSilent) {
            isSilent = false;
        }
    }

    @Override
    public void serves() {
        isWell();
        if (!serves) {
            serves = true;
        }
    }

    @Override
    public void servesNot() {
        serves = false;
    }

    /** Whether it is well, and serves what it is asked. */
    boolean isServing() {
        return serves && isOpen() && !isSilent;
    }

    /** Whether there is a connection, or was until a moment ago. */
    boolean isOpen() {
        NodeConnection open = commands;
        return open != null && open.isOpen();
    }

    @Override
    public <T> CompletableFuture<T> send(Request request, Function<List<@Nullable Object>, T> parser) {
        usedNanos = client.nanoTime();
        NodeConnection open = commands;
        if (open == null) {
            CompletableFuture<T> later = whenConnected(request, parser);
            if (later != null) {
                return later;
            }
            open = commands;
            if (open == null) {
                return CompletableFuture.failedFuture(errors.closed(request, false));
            }
        }
        return open.send(request, parser);
    }

    /** Lets a request wait for the connection. Null if it is there, or will not be. */
    private <T> @Nullable CompletableFuture<T> whenConnected(
            Request request, Function<List<@Nullable Object>, T> parser) {
        Waiting<T> one;
        synchronized (this) {
            if (commands != null || closed) {
                return null;
            }
            @Nullable Throwable last = failure;
            if (!connecting && last != null && client.nanoTime() - failedNanos < PAUSE_NANOS) {
                return CompletableFuture.failedFuture(errors.notConnected(request, last));
            }
            one = new Waiting<>(request, parser, new CompletableFuture<>());
            waiting.addLast(one);
            if (!connecting) {
                connecting = true;
                connect();
            }
        }
        client.schedule(() -> expire(one), timeout.toMillis());
        return one.result();
    }

    private void expire(Waiting<?> one) {
        boolean waits;
        synchronized (this) {
            waits = waiting.remove(one);
        }
        if (waits) {
            one.result().completeExceptionally(errors.timedOut(one.request(), false));
            isSilent = true;
            listener.doubtful(this);
        } else if (!one.result().isDone()) {
            // It was sent meanwhile, and for its answer the connection would wait as long again.
            one.result().completeExceptionally(errors.timedOut(one.request(), true));
        }
    }

    @SuppressWarnings("FutureReturnValueIgnored") // What comes of it is taken in here.
    private void connect() {
        client.connect(address, errors, timeout, this)
                .whenComplete((made, error) -> client.execute(() -> connected(made, error)));
    }

    private void connected(@Nullable NodeConnection made, @Nullable Throwable error) {
        List<Waiting<?>> failed = new ArrayList<>();
        List<Runnable> answers = new ArrayList<>();
        boolean isLate = false;
        synchronized (this) {
            connecting = false;
            if (made == null) {
                failed.addAll(waiting);
                waiting.clear();
                failure = error;
                failedNanos = client.nanoTime();
            } else if (closed) {
                isLate = true;
            } else {
                made.onReconnect(() -> listener.reconnected(this));
                failure = null;
                isSilent = false;
                // Before others can send: those that wait came first.
                for (Waiting<?> one : waiting) {
                    answers.add(forward(one, made));
                }
                waiting.clear();
                commands = made;
            }
        }
        answers.forEach(Runnable::run);
        for (Waiting<?> one : failed) {
            one.result().completeExceptionally(errors.notConnected(one.request(), error));
        }
        if (isLate && made != null) {
            made.drop();
        } else if (made == null) {
            isSilent = true;
            listener.doubtful(this);
        } else {
            endWhenIdle(KEPT_NANOS);
        }
    }

    /** Sends what waited. The answer is passed on later, without the monitor. */
    private static <T> Runnable forward(Waiting<T> one, NodeConnection to) {
        CompletableFuture<T> answer = to.send(one.request(), one.parser());
        return () -> {
            CompletionStage<T> unused = answer.whenComplete((value, error) -> {
                if (error == null) {
                    one.result().complete(value);
                } else {
                    one.result().completeExceptionally(error);
                }
            });
        };
    }

    private void endWhenIdle(long nanos) {
        client.schedule(
                () -> {
                    long left = usedNanos + KEPT_NANOS - client.nanoTime();
                    if (commands == null) {
                        return;
                    }
                    if (left > 0 || pushes.isUsed()) {
                        endWhenIdle(Math.max(left, TimeUnit.MINUTES.toNanos(1)));
                    } else {
                        endCommands();
                    }
                },
                TimeUnit.NANOSECONDS.toMillis(nanos) + 1);
    }

    /** The next request connects anew. */
    private void endCommands() {
        @Nullable NodeConnection last;
        synchronized (this) {
            last = commands;
            commands = null;
        }
        if (last != null) {
            last.drop();
        }
    }

    /** Ends both connections for good. Requests on their way fail, as when they are lost. */
    void close() {
        List<Waiting<?>> failed;
        synchronized (this) {
            closed = true;
            failed = new ArrayList<>(waiting);
            waiting.clear();
        }
        failed.forEach(one -> one.result().completeExceptionally(notSent(one)));
        pushes.close();
        endCommands();
    }

    /** The client is about to end all connections: ends all requests. */
    void end() {
        List<Waiting<?>> failed;
        @Nullable NodeConnection last;
        synchronized (this) {
            closed = true;
            failed = new ArrayList<>(waiting);
            waiting.clear();
            last = commands;
        }
        failed.forEach(one -> one.result().completeExceptionally(errors.closed(one.request(), false)));
        pushes.forget();
        if (last != null) {
            last.close();
        }
    }

    private StoreException notSent(Waiting<?> one) {
        return errors.notConnected(one.request(), null);
    }

    @Override
    public void connected(SocketAddress at) {
        isSilent = false;
        serves = false;
    }

    @Override
    public void readOnly() {
        listener.doubtful(this);
    }

    @Override
    public void silent() {
        isSilent = true;
        serves = false;
        listener.doubtful(this);
    }

    /** What silenced one connection has likely silenced both, and the other one is not asked anything. */
    @Override
    public void dead() {
        pushes.renew();
    }

    @Override
    public String toString() {
        return address.toString();
    }
}
