package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.api.StatefulConnection;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connection for commands. Adds what Lettuce leaves to the client's options, so that an application's client serves as
 * well as our own, whatever its options: a time limit; no waiting for a reconnect; no second sending after one; and an end to
 * a connection that is dead without knowing it.
 *
 * <p>No request waits for a server that is away. There is one exception: middleboxes cut idle connections, and those are back
 * in a moment. So requests that were surely not sent wait for the first attempt to reconnect.
 */
final class CommandConnection implements NodeConnection {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** How long requests wait for the first attempt to reconnect. */
    private static final long INTERRUPTION_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final StatefulConnection<byte[], byte[]> connection;
    private final Connections connections;
    private final RedisErrors errors;
    private final RoleListener roles;
    private final ScheduledExecutorService executor;
    private final CommandTimeouts timeouts;
    private final HandOver handOver;
    /** Whether callers hand over, because there is no event loop of ours that could. */
    private final boolean handedOverByCallers;

    private final AtomicBoolean warnedOfShutDown = new AtomicBoolean();

    private volatile boolean closed;

    private volatile Runnable reconnected = () -> {};

    /** The thread that writes to the connection and reads from it; null until the first reply. */
    private volatile @Nullable Thread ioThread;

    /** Until when the connection counts as cut a moment ago, while there is none. */
    private volatile long interruptedUntilNanos = System.nanoTime();

    /** Whether a connection was there; only for its events, which come one after the other. */
    private volatile boolean connected = true;

    /** What the last attempt to reconnect ended with; null while there was none. */
    private volatile @Nullable Throwable failure;

    /** Whether the server refused the last attempt to reconnect; only for the events of such attempts. */
    private volatile boolean refused;

    /** The time of a time-out since which nothing was answered; only meaningful while silent. */
    private volatile long silentSinceNanos;

    private volatile boolean silent;

    /**
     * Wraps the connection for commands.
     *
     * @param connections where it is from
     * @param errors says what went wrong
     * @param timeout how long a command may take
     * @param roles hears what may mean that the server is the primary no more
     */
    CommandConnection(Connections connections, RedisErrors errors, Duration timeout, RoleListener roles) {
        this.roles = roles;
        this.connection = connections.commands();
        this.connections = connections;
        this.errors = errors;
        this.executor = connection.getResources().eventExecutorGroup();
        Executor eventLoop = connections.eventLoop();
        this.handedOverByCallers = eventLoop == null;
        this.handOver = new HandOver(
                connection,
                eventLoop != null ? eventLoop : executor,
                () -> connection.isOpen() || closed,
                eventLoop != null);
        this.timeouts = new CommandTimeouts(executor, System::nanoTime, timeout.toNanos());
        // Zero turns the client's own time-outs off, and with them a timer for each command.
        connection.setTimeout(Duration.ZERO);
        connection.addListener(new RedisConnectionStateListener() {
            @Override
            public void onRedisConnected(RedisChannelHandler<?, ?> channel, SocketAddress address) {
                connected(address);
            }

            @Override
            public void onRedisDisconnected(RedisChannelHandler<?, ?> channel) {
                disconnected();
            }
        });
        connections.onReconnectFailure(this::reconnectFailed);
    }

    /**
     * Sets a listener for reconnects.
     *
     * @param listener called when commands work again; must not throw
     */
    @Override
    public void onReconnect(Runnable listener) {
        reconnected = listener;
    }

    @Override
    public <T> CompletableFuture<T> send(Request request, Function<List<@Nullable Object>, T> parser) {
        Call<T> call = new Call<>(this, request, parser, System.nanoTime());
        try {
            if (isUsable(call)) {
                if (!timeouts.add(call)) {
                    call.fail((what, sent) -> errors.tooMany(what, CommandTimeouts.CAPACITY));
                } else if (isUsable(call)) {
                    // Looked again, because who closes or loses the connection ends only the calls that were added
                    // before.
                    dispatch(call);
                }
            }
        } catch (Throwable e) {
            // No memory, no stack. It may have been handed over all the same.
            call.fail((what, sent) -> errors.of(e, what, sent));
        }
        return call.result();
    }

    @Override
    public RedisErrors errors() {
        return errors;
    }

    @Override
    public boolean isOpen() {
        return connection.isOpen();
    }

    /** Hands a call to Lettuce after all that were given to this method before. */
    void dispatch(Call<?> call) {
        handOver.add(call, !handedOverByCallers || Thread.currentThread() == ioThread);
    }

    /** Lettuce has not taken a call. It is handed over once more, if there is a connection, or was a moment ago. */
    void again(Call<?> call) {
        if (isDown()) {
            refuse(call);
        } else {
            handOver.again(call);
        }
    }

    /** A reply came, on the I/O thread. */
    void answered() {
        Thread thread = Thread.currentThread();
        if (ioThread != thread) {
            ioThread = thread;
        }
        if (silent) {
            silent = false;
        }
    }

    /**
     * An error came, from the server or from Lettuce.
     *
     * @param error the error
     * @param request what it answers
     * @param sent whether the request may have been sent
     * @return the exception for the caller
     */
    StoreException failure(Throwable error, Request request, boolean sent) {
        StoreException failure = errors.of(error, request, sent);
        if (failure instanceof StoreRefusedException refused) {
            answered();
            if (refused.reason() == Reason.READ_ONLY) {
                roles.readOnly();
            }
        }
        return failure;
    }

    /**
     * The time of a call is up. A second time-out of a call that was sent after the first, with no reply in between, means
     * that the connection is dead, though no packet says so. (Calls sent together time out together also when the server
     * is only slow for once.)
     */
    void timedOut(Call<?> call) {
        // Before the caller hears of it, who may send the next one at once.
        long now = System.nanoTime();
        boolean written = call.isWritten();
        if (!call.fail((request, sent) ->
                sent || connection.isOpen() ? errors.timedOut(request, sent) : errors.notConnected(request, failure))) {
            return;
        }
        if (!written) {
            // Whoever had to hand it over has not done so.
            handOver.rescue();
        } else if (!silent) {
            silentSinceNanos = now;
            silent = true;
            roles.silent();
        } else if (call.sentNanos() - silentSinceNanos >= 0) {
            silent = false;
            log.warn("{} has been silent for two command time-outs; reconnecting", errors.server());
            connections.reconnect();
            roles.dead();
        }
    }

    /** Ends all calls; later ones end at once. */
    @Override
    public void close() {
        closed = true;
        // The listener hears nothing if the connection was lost before.
        warnIfClientIsShutDown();
        end(timeouts.drain(), errors::closed);
    }

    /** The server is left for good: ends all calls, as when the connection is lost; later ones end at once. */
    @Override
    public void drop() {
        closed = true;
        end(
                timeouts.drain(),
                (request, sent) -> sent ? errors.lost(request, null) : errors.notConnected(request, null));
        connections.drop();
    }

    private void connected(SocketAddress address) {
        connected = true;
        failure = null;
        refused = false;
        ioThread = Thread.currentThread();
        silent = false;
        roles.connected(address);
        errors.connectedTo(address);
        handOver.resume();
        reconnected.run();
    }

    /** Also called for a connection that was never there, because its handshake failed. */
    private void disconnected() {
        boolean interrupted = connected;
        if (!closed) {
            warnIfClientIsShutDown();
        }
        if (interrupted) {
            connected = false;
            interruptedUntilNanos = System.nanoTime() + INTERRUPTION_NANOS;
        }
        // What was not written yet waits, with us or with Lettuce.
        List<CommandTimeouts.Pending> written = timeouts.pending();
        written.removeIf(call -> !((Call<?>) call).isWritten());
        end(written, (request, sent) -> errors.lost(request, null));
        if (interrupted) {
            try {
                Future<?> unused = executor.schedule(this::endWaiting, INTERRUPTION_NANOS, TimeUnit.NANOSECONDS);
            } catch (RejectedExecutionException e) {
                // The client is shutting down; the store is about to be closed.
                interruptedUntilNanos = System.nanoTime();
            }
        }
    }

    private void warnIfClientIsShutDown() {
        if (connections.wereClosedByApplication() && warnedOfShutDown.compareAndSet(false, true)) {
            log.warn(
                    "the application's client of {} was shut down before the mutex that uses it was closed: what is held is"
                            + " not released, and stays taken until its lease ends; close the mutex first",
                    errors.server());
        }
    }

    /** Those that waited for a connection that has not come back, with us or with Lettuce, wait no longer. */
    private void endWaiting() {
        if (isDown()) {
            List<CommandTimeouts.Pending> waiting = timeouts.pending();
            waiting.removeIf(call -> ((Call<?>) call).isWritten());
            waiting.forEach(call -> refuse((Call<?>) call));
            handOver.resume();
        }
    }

    private void reconnectFailed(Throwable error) {
        // Lettuce now and then reports the end of a connection that was refused, but not what the server said before.
        boolean refusedBefore = refused;
        refused = RedisErrors.refusal(error) != null;
        if (refused || !refusedBefore) {
            failure = error;
        }
        interruptedUntilNanos = System.nanoTime();
        endWaiting();
        roles.silent();
    }

    private boolean isUsable(Call<?> call) {
        if (closed) {
            call.fail(errors::closed);
            return false;
        }
        if (connection.isOpen()) {
            return true;
        }
        if (connections.wereClosedByApplication()) {
            call.fail((request, sent) -> errors.clientShutDown(request));
            return false;
        }
        // What waits for a connection that is refused for good does not make it come sooner.
        Throwable reason = failure;
        ErrorCode refusal = reason == null ? null : RedisErrors.refusal(reason);
        if (refusal == null || refusal.reason().isTransient()) {
            connections.hurry();
        }
        if (isDown()) {
            refuse(call);
            return false;
        }
        return true;
    }

    /** Whether there is no connection, and not just for a moment. */
    private boolean isDown() {
        return !connection.isOpen() && !closed && System.nanoTime() - interruptedUntilNanos >= 0;
    }

    private void refuse(Call<?> call) {
        call.fail((request, sent) -> sent ? errors.lost(request, null) : errors.notConnected(request, failure));
    }

    /** Those that cannot be ended now, because an error strikes, end when their time is up. */
    private static void end(List<CommandTimeouts.Pending> calls, BiFunction<Request, Boolean, StoreException> error) {
        for (CommandTimeouts.Pending call : calls) {
            ((Call<?>) call).fail(error);
        }
    }
}
