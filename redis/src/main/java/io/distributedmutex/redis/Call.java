package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisException;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.output.CommandOutput;
import io.lettuce.core.output.NestedMultiOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.ProtocolKeyword;
import io.lettuce.core.protocol.RedisCommand;
import io.netty.buffer.ByteBuf;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One request on its way. It ends once: by the reply, an error, the time-out or the loss of its connection, whichever comes
 * first. Later endings find the result complete and change nothing.
 *
 * <p>It is the command that Lettuce sends, so it encodes itself and takes the reply. Lettuce does not send (again) a command
 * that is done, so a call that has ended is not sent.
 *
 * @param <T> what the reply means
 */
final class Call<T> implements RedisCommand<byte[], byte[], List<Object>>, CommandTimeouts.Pending {

    /** It is on its way to the connection. */
    private static final int MADE = 0;

    /** It was written, at least in part. */
    private static final int WRITTEN = 1;

    /** It ended before it was written, and will not be. */
    private static final int ABANDONED = 2;

    private static final VarHandle PROGRESS;

    /** What takes the place of a call that was abandoned when Lettuce had begun to write it, and waits for a reply. */
    static final byte[] NOTHING = "*1\r\n$4\r\nPING\r\n".getBytes(StandardCharsets.US_ASCII);

    static {
        try {
            PROGRESS = MethodHandles.lookup().findVarHandle(Call.class, "progress", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final CommandConnection connection;
    private final Request request;
    private final Function<List<@Nullable Object>, T> parser;
    private final long sentNanos;
    private final CompletableFuture<T> result = new CompletableFuture<>();

    private CommandOutput<byte[], byte[], List<Object>> output = new BoundedOutput();
    /** Whether it is sent with the script's text. */
    private volatile boolean withText;

    private volatile int progress;

    /** The commands before its own, as they were last handed over; null if it has none. */
    private Part @Nullable [] parts;

    /** Whether it was handed over once more because Lettuce had not taken it. */
    private boolean repeated;

    Call(CommandConnection connection, Request request, Function<List<@Nullable Object>, T> parser, long sentNanos) {
        this.connection = connection;
        this.request = request;
        this.parser = parser;
        this.sentNanos = sentNanos;
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

    boolean isRelease() {
        return request.isRelease();
    }

    boolean isWritten() {
        return progress == WRITTEN;
    }

    /**
     * Ends the call if it has not ended.
     *
     * @param error why: is told the request and whether it may have been sent, which is decided now
     * @return whether this ended it
     */
    boolean fail(BiFunction<Request, Boolean, StoreException> error) {
        if (result.isDone()) {
            return false;
        }
        boolean sent = !PROGRESS.compareAndSet(this, MADE, ABANDONED) && progress == WRITTEN;
        return result.completeExceptionally(error.apply(request, sent));
    }

    /** Adds what is to be written: its parts, if it has some, and itself. */
    void addTo(List<RedisCommand<byte[], byte[], ?>> commands) {
        int count = request.parts();
        if (count > 0 || request.isPipeline()) {
            Part[] before = new Part[count];
            for (int i = 0; i < count; i++) {
                before[i] = new Part(this, request, i);
                commands.add(before[i]);
            }
            parts = before;
        }
        commands.add(this);
    }

    /** It is about to be written, at least in part. Returns false if it ended before that, and must not be. */
    boolean begin() {
        return PROGRESS.compareAndSet(this, MADE, WRITTEN) || progress == WRITTEN;
    }

    // ---- what Lettuce asks of a command

    @Override
    public ProtocolKeyword getType() {
        return request.type();
    }

    @Override
    public void encode(ByteBuf target) {
        if (begin()) {
            request.encode(withText, target);
        } else {
            target.writeBytes(NOTHING);
        }
    }

    /** A reply has come in. */
    @Override
    public void complete() {
        if (result.isDone()) {
            return;
        }
        try {
            CommandOutput<byte[], byte[], List<Object>> received = output;
            Part[] before = parts;
            if (before != null && request.isPipeline()) {
                connection.answered();
                result.complete(parser.apply(elements(before, received)));
            } else if (received.hasError()) {
                refused(received.getError());
            } else {
                connection.answered();
                result.complete(parser.apply(elements(received)));
            }
        } catch (RedisCommandExecutionException e) {
            // The parser found the server's error among the replies of a pipeline.
            completeExceptionally(e);
        } catch (RuntimeException e) {
            // Whatever a hostile server says, the caller gets a StoreException.
            fail((what, sent) -> connection.errors().unexpected(e, what));
        } catch (Error e) {
            // It must not get to the handlers of Lettuce, which take it for the failure of another command.
            fail((what, sent) -> connection.errors().of(e, what, sent));
        }
    }

    @SuppressWarnings("NullAway") // A nil in the reply is a null in the list, which Lettuce's types do not say.
    private static List<@Nullable Object> elements(CommandOutput<byte[], byte[], List<Object>> received) {
        List<Object> reply = received.get();
        return reply == null ? List.of() : reply;
    }

    private static List<@Nullable Object> elements(
            Part[] before, CommandOutput<byte[], byte[], List<Object>> received) {
        List<@Nullable Object> replies = new ArrayList<>(before.length + 1);
        for (Part part : before) {
            replies.add(part.reply());
        }
        if (received.hasError()) {
            replies.add(new Part.ServerError(received.getError()));
        } else {
            replies.addAll(elements(received));
        }
        return replies;
    }

    private void refused(String error) {
        if (request.isScript() && !withText && error.startsWith("NOSCRIPT")) {
            // Requests behind this one may overtake it here. All of them are idempotent on their token, and they only
            // do so when another instance has loaded their script, but not this one, since SCRIPT FLUSH.
            withText = true;
            output = new BoundedOutput();
            connection.dispatch(this);
            return;
        }
        completeExceptionally(new RedisCommandExecutionException(error));
    }

    @Override
    public boolean completeExceptionally(Throwable error) {
        if (progress == MADE && !repeated && error instanceof RedisException && !result.isDone()) {
            // Lettuce has not taken it: the connection was cut a moment ago.
            repeated = true;
            output = new BoundedOutput();
            connection.again(this);
            return false;
        }
        return fail((what, sent) -> connection.failure(error, what, sent));
    }

    @Override
    public void cancel() {
        completeExceptionally(new CancellationException("given up by the client"));
    }

    @Override
    public boolean isCancelled() {
        return result.isCompletedExceptionally();
    }

    @Override
    public CommandOutput<byte[], byte[], List<Object>> getOutput() {
        return output;
    }

    @Override
    public void setOutput(CommandOutput<byte[], byte[], List<Object>> output) {
        this.output = output;
    }

    /** None that Lettuce would have to look into: what is sent is in {@link #encode}. */
    @Override
    public @Nullable CommandArgs<byte[], byte[]> getArgs() {
        return null;
    }

    @Override
    public String toString() {
        return "Call[" + request.operation() + "]";
    }

    /** Believes the number of elements that a reply announces only as they come: Lettuce makes room for all at once. */
    private static final class BoundedOutput extends NestedMultiOutput<byte[], byte[]> {

        private static final int ROOM = 64;

        BoundedOutput() {
            super(ByteArrayCodec.INSTANCE);
        }

        @Override
        public void multi(int count) {
            super.multi(Math.min(count, ROOM));
        }
    }
}
