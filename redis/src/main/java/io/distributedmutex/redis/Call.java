package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.protocol.AsyncCommand;
import io.lettuce.core.protocol.Command;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One request on its way: ends once, by the reply, an error, the time-out or the loss of its connection, whichever
 * comes first. The others find the result complete and change nothing.
 *
 * @param <T> what the reply means
 */
final class Call<T> implements CommandTimeouts.Pending {

    private final CommandConnection connection;
    private final Request request;
    private final Function<List<@Nullable Object>, T> parser;
    private final long sentNanos;
    private final CompletableFuture<T> result = new CompletableFuture<>();

    /** The command that Lettuce has now. */
    private volatile @Nullable AsyncCommand<byte[], byte[], List<Object>> sent;

    private volatile boolean sentWithText;

    Call(CommandConnection connection, Request request, Function<List<@Nullable Object>, T> parser, long sentNanos) {
        this.connection = connection;
        this.request = request;
        this.parser = parser;
        this.sentNanos = sentNanos;
    }

    Request request() {
        return request;
    }

    CompletableFuture<T> result() {
        return result;
    }

    @Override
    public long sentNanos() {
        return sentNanos;
    }

    @Override
    public boolean isDone() {
        return result.isDone();
    }

    @Override
    public void timeOut() {
        connection.timedOut(this);
    }

    /** Hands the command to Lettuce. */
    void send() {
        send(request.command());
    }

    /**
     * Ends the call if it has not ended.
     *
     * @param error why
     * @return whether this ended it
     */
    boolean fail(StoreException error) {
        boolean failed = result.completeExceptionally(error);
        AsyncCommand<byte[], byte[], List<Object>> sent = this.sent;
        if (failed && sent != null) {
            // Lettuce would send it again after a reconnect, and keeps it for a reply that may never come.
            sent.cancel(true);
        }
        return failed;
    }

    private void send(Command<byte[], byte[], List<Object>> command) {
        AsyncCommand<byte[], byte[], List<Object>> sending = new AsyncCommand<>(command);
        sending.onComplete(this::ended);
        sent = sending;
        if (result.isDone()) {
            // Failed before it could see what to cancel.
            sending.cancel(true);
            return;
        }
        connection.dispatch(sending);
    }

    private void ended(@Nullable List<@Nullable Object> reply, @Nullable Throwable error) {
        if (result.isDone()) {
            return;
        }
        if (error instanceof RedisNoScriptException && !sentWithText) {
            Command<byte[], byte[], List<Object>> withText = request.commandWithText();
            if (withText != null) {
                // Requests behind this one may overtake it here. All of them are idempotent on their token, and they
                // only do so when another instance has loaded their script, but not this one, since SCRIPT FLUSH.
                sentWithText = true;
                send(withText);
                return;
            }
        }
        if (error != null) {
            fail(connection.failure(error, request));
            return;
        }
        connection.answered();
        try {
            result.complete(parser.apply(reply == null ? List.of() : reply));
        } catch (RuntimeException e) {
            // Whatever a hostile server says, the caller gets a StoreException.
            fail(connection.errors().unexpected(e, request));
        }
    }
}
