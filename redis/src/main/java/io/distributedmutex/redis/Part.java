package io.distributedmutex.redis;

import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.output.CommandOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.ProtocolKeyword;
import io.lettuce.core.protocol.RedisCommand;
import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A native command that goes before a {@link Call}, in the same write, and belongs to it: it is sent if the call is sent, and
 * only keeps its reply, for the call to read. A server answers in order, so the reply is there when the call's own is. What
 * happens to it alone changes nothing: the call has a reply too few then, and says so.
 */
final class Part extends CommandOutput<byte[], byte[], Object> implements RedisCommand<byte[], byte[], Object> {

    private final Call<?> call;
    private final Request request;
    private final int index;

    private @Nullable Object reply;
    private boolean answered;

    Part(Call<?> call, Request request, int index) {
        super(ByteArrayCodec.INSTANCE, null);
        this.call = call;
        this.request = request;
        this.index = index;
    }

    /** What the server said to a command with an error. */
    record ServerError(String text) {}

    /**
     * What the server said.
     *
     * @return bytes, a {@code Long}, null for nil, or a {@link ServerError}
     */
    @Nullable
    Object reply() {
        if (hasError()) {
            return new ServerError(getError());
        }
        if (!answered) {
            throw new UnexpectedReplyException("a reply to each command");
        }
        return reply;
    }

    // ---- what Lettuce asks of a command

    @Override
    public ProtocolKeyword getType() {
        return request.typeOf(index);
    }

    @Override
    public void encode(ByteBuf target) {
        if (call.begin()) {
            request.encodePart(index, target);
        } else {
            target.writeBytes(Call.NOTHING);
        }
    }

    @Override
    public void complete() {
        answered = true;
    }

    @Override
    public boolean completeExceptionally(Throwable error) {
        return false;
    }

    @Override
    public void cancel() {
        // The call is told, too.
    }

    @Override
    public boolean isCancelled() {
        return call.isCancelled();
    }

    @Override
    public boolean isDone() {
        return call.isDone();
    }

    @Override
    public CommandOutput<byte[], byte[], Object> getOutput() {
        return this;
    }

    @Override
    public void setOutput(CommandOutput<byte[], byte[], Object> output) {
        throw new UnsupportedOperationException("it is its own output");
    }

    @Override
    public @Nullable CommandArgs<byte[], byte[]> getArgs() {
        return null;
    }

    // ---- what Lettuce asks of an output

    @Override
    public void set(ByteBuffer bytes) {
        // Null for nil, which Lettuce's types do not say.
        if (bytes != null) {
            byte[] copy = new byte[bytes.remaining()];
            bytes.get(copy);
            reply = copy;
        }
    }

    @Override
    public void set(long integer) {
        reply = integer;
    }

    // No command of ours answers with these; a hostile server may.

    @Override
    public void set(double number) {
        reply = number;
    }

    @Override
    public void set(boolean value) {
        reply = value;
    }

    @Override
    public void setBigNumber(ByteBuffer bytes) {
        set(bytes);
    }
}
