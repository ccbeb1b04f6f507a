package io.distributedmutex.redis;

import io.lettuce.core.output.CommandOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import io.lettuce.core.protocol.ProtocolKeyword;
import io.lettuce.core.protocol.RedisCommand;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Commands that go out together. Lettuce takes them for one until they are written: it has one promise, one buffer and one way
 * through the channel's handlers for all of them, where several commands have one each. In the channel, {@link #opener} puts
 * the commands themselves in its place, so that each has its own reply.
 *
 * <p>Only for connections whose channels have an opener, which are those of our own client.
 */
final class SharedWrite implements RedisCommand<byte[], byte[], Object> {

    private final List<RedisCommand<byte[], byte[], ?>> commands;

    /**
     * Commands that are to be written in this order.
     *
     * @param commands not to be changed any more
     */
    SharedWrite(List<RedisCommand<byte[], byte[], ?>> commands) {
        this.commands = commands;
    }

    /** The last handler of a channel, which is the first to see what is written. */
    static ChannelOutboundHandlerAdapter opener() {
        return new ChannelOutboundHandlerAdapter() {
            @Override
            public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
                Object opened = message instanceof SharedWrite shared ? shared.commands : message;
                ChannelFuture unused = context.write(opened, promise);
            }
        };
    }

    // ---- what Lettuce asks of a command

    @Override
    public ProtocolKeyword getType() {
        return CommandType.EVALSHA;
    }

    /** Where there is no opener, Lettuce closes the connection, since nobody would wait for the replies. */
    @Override
    public void encode(ByteBuf target) {
        throw new IllegalStateException("the channel has no opener");
    }

    @Override
    public void complete() {
        throw new IllegalStateException("each command has its own reply");
    }

    @Override
    public boolean completeExceptionally(Throwable error) {
        commands.forEach(command -> command.completeExceptionally(error));
        return true;
    }

    @Override
    public void cancel() {
        commands.forEach(RedisCommand::cancel);
    }

    @Override
    public boolean isCancelled() {
        return commands.stream().allMatch(RedisCommand::isCancelled);
    }

    @Override
    public boolean isDone() {
        return commands.stream().allMatch(RedisCommand::isDone);
    }

    @Override
    public @Nullable CommandOutput<byte[], byte[], Object> getOutput() {
        return null;
    }

    @Override
    public void setOutput(CommandOutput<byte[], byte[], Object> output) {
        throw new UnsupportedOperationException("each command has its own reply");
    }

    @Override
    public @Nullable CommandArgs<byte[], byte[]> getArgs() {
        return null;
    }

    @Override
    public String toString() {
        return "SharedWrite" + commands;
    }
}
