package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.api.StatefulConnection;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connection that commands take. Adds what Lettuce leaves to the client's options, so that an application's client
 * with any options serves as well as our own: a time limit, no waiting for a reconnect, no sending again after one, and
 * an end to a connection that is dead without knowing it.
 */
final class CommandConnection {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** How long a server may say that it is a read-only replica before it is looked up anew. */
    private static final long READ_ONLY_PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);

    /** How many commands are handed to Lettuce before whoever does it lets others do something. */
    private static final int MAXIMUM_HAND_OVER = 1_000;

    /**
     * How many commands go out in one write: a quarter of those that wait, and at most four. More would save system calls,
     * but the server would begin later, and answer all at once. Of the most, 1, 2, 4, 8, 16 and all were tried; of the
     * part, all, a half, a quarter and an eighth (docs/performance.md).
     */
    private static final int COMMANDS_PER_WRITE = 4;

    private static final int WRITES_FOR_THOSE_THAT_WAIT = 4;

    private final StatefulConnection<byte[], byte[]> connection;
    private final RedisErrors errors;
    private final CommandTimeouts timeouts;
    private final Runnable reconnect;
    /** Whether callers hand over by themselves, for want of an event loop that could. */
    private final boolean handedOverByCallers;

    private final Executor handOverExecutor;
    private volatile boolean closed;

    /** What is to be handed to Lettuce, in order; and how many, including those that are being handed over. */
    private final Queue<Call<?>> unsent = new ConcurrentLinkedQueue<>();

    private final AtomicInteger unsentCount = new AtomicInteger();

    /** The thread that writes to the connection and reads from it; null until the first reply. */
    private volatile @Nullable Thread ioThread;

    /** The time of a time-out since which nothing was answered; only meaningful while silent. */
    private volatile long silentSinceNanos;

    private volatile boolean silent;

    /** When the server first said that it is read-only; only meaningful while readOnly. */
    private volatile long readOnlySinceNanos;

    private volatile boolean readOnly;

    /**
     * Wraps a connection.
     *
     * @param connection an open connection of our own
     * @param eventLoop what its I/O thread can be given to do; null if that is not known
     * @param errors says what went wrong
     * @param timeout how long a command may take
     * @param reconnect makes Lettuce drop and re-establish the connections
     */
    CommandConnection(
            StatefulConnection<byte[], byte[]> connection,
            @Nullable Executor eventLoop,
            RedisErrors errors,
            Duration timeout,
            Runnable reconnect) {
        this.connection = connection;
        this.handedOverByCallers = eventLoop == null;
        this.errors = errors;
        this.reconnect = reconnect;
        ScheduledExecutorService executor = connection.getResources().eventExecutorGroup();
        this.handOverExecutor = eventLoop != null ? eventLoop : executor;
        this.timeouts = new CommandTimeouts(executor, System::nanoTime, timeout.toNanos());
        // Zero turns the client's own time-outs off, and with them a timer for each command.
        connection.setTimeout(Duration.ZERO);
        connection.addListener(new RedisConnectionStateListener() {
            @Override
            public void onRedisConnected(RedisChannelHandler<?, ?> channel, SocketAddress address) {
                errors.connectedTo(address);
                ioThread = Thread.currentThread();
                silent = false;
                readOnly = false;
            }

            @Override
            public void onRedisDisconnected(RedisChannelHandler<?, ?> channel) {
                failAll(request -> errors.lost(request, null));
            }
        });
    }

    /**
     * Sends a request.
     *
     * @param request what to send
     * @param parser what the reply means; what it throws becomes a {@link StoreRefusedException}
     * @param <T> the result
     * @return the result, or a {@link StoreException}
     */
    <T> CompletableFuture<T> send(Request request, Function<List<@Nullable Object>, T> parser) {
        Call<T> call = new Call<>(this, request, parser, System.nanoTime());
        if (isUsable(call)) {
            if (!timeouts.add(call)) {
                call.fail(errors.tooMany(request, CommandTimeouts.CAPACITY));
            } else if (isUsable(call)) {
                // Looked again, because who closes or loses the connection ends only the calls that were added before.
                dispatch(call);
            }
        }
        return call.result();
    }

    RedisErrors errors() {
        return errors;
    }

    /**
     * Sends a call after all that were given to this method before, together with those that come while the I/O thread is
     * busy: one write to the socket, and one read for the server, serve them all.
     *
     * <p>Lettuce alone does neither. What the I/O thread writes goes out at once and overtakes what other threads wrote
     * before, which is still on its way to that thread, and each command is a write of its own. So all that is sent is
     * handed over on the I/O thread; with an application's client, whose event loops are not ours to use, by the callers,
     * and what the I/O thread itself sends by the executor.
     */
    void dispatch(Call<?> call) {
        unsent.add(call);
        if (unsentCount.getAndIncrement() == 0) {
            if (handedOverByCallers && Thread.currentThread() != ioThread) {
                handOver();
            } else {
                handOverByExecutor();
            }
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
     * @return what the caller is told
     */
    StoreException failure(Throwable error, Request request) {
        StoreException failure = errors.of(error, request);
        if (failure instanceof StoreRefusedException refused) {
            answered();
            if (refused.reason() == Reason.READ_ONLY) {
                refusedAsReadOnly();
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
        if (!call.fail(errors.timedOut(call.request()))) {
            return;
        }
        if (!silent) {
            silentSinceNanos = now;
            silent = true;
        } else if (call.sentNanos() - silentSinceNanos >= 0) {
            silent = false;
            log.warn("{} has been silent for two command time-outs; reconnecting", errors.server());
            reconnect.run();
        }
    }

    /** Ends all calls; later ones end at once. */
    void close() {
        closed = true;
        failAll(errors::closed);
    }

    /** Called by one thread at a time: on behalf of the one that found nothing unsent. */
    private void handOver() {
        int count = unsentCount.get();
        int handedOver = 0;
        while (count > 0) {
            if (handedOver >= MAXIMUM_HAND_OVER) {
                handOverByExecutor();
                return;
            }
            count = Math.max(1, Math.min(count / WRITES_FOR_THOSE_THAT_WAIT, COMMANDS_PER_WRITE));
            List<Call<?>> together = new ArrayList<>(count);
            for (int i = 0; i < count; i++) {
                together.add(unsent.remove());
            }
            handOver(together);
            handedOver += count;
            count = unsentCount.addAndGet(-count);
        }
    }

    private void handOver(List<Call<?>> together) {
        try {
            if (together.size() == 1) {
                connection.dispatch(together.get(0));
            } else {
                connection.dispatch(together);
            }
        } catch (RuntimeException e) {
            together.forEach(call -> call.completeExceptionally(e));
        }
    }

    private void handOverByExecutor() {
        try {
            handOverExecutor.execute(this::handOver);
        } catch (RejectedExecutionException e) {
            // The client is shutting down; the commands are about to be refused.
            handOver();
        }
    }

    private boolean isUsable(Call<?> call) {
        if (closed) {
            call.fail(errors.closedBefore(call.request()));
            return false;
        }
        if (!connection.isOpen()) {
            call.fail(
                    Connections.isClosed(connection)
                            ? errors.clientShutDown(call.request())
                            : errors.notConnected(call.request()));
            return false;
        }
        return true;
    }

    /** A primary that was demoted may keep its connections; asking the Sentinels or DNS anew finds its successor. */
    private void refusedAsReadOnly() {
        long now = System.nanoTime();
        if (!readOnly) {
            readOnlySinceNanos = now;
            readOnly = true;
        } else if (now - readOnlySinceNanos > READ_ONLY_PATIENCE_NANOS) {
            readOnly = false;
            log.info("{} is still a read-only replica; reconnecting, in case its name has moved", errors.server());
            reconnect.run();
        }
    }

    private void failAll(Function<Request, StoreException> error) {
        for (CommandTimeouts.Pending pending : timeouts.drain()) {
            Call<?> call = (Call<?>) pending;
            call.fail(error.apply(call.request()));
        }
    }
}
