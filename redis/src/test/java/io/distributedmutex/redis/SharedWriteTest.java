package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.AsyncCommand;
import io.lettuce.core.protocol.Command;
import io.lettuce.core.protocol.CommandEncoder;
import io.lettuce.core.protocol.CommandType;
import io.lettuce.core.protocol.RedisCommand;
import io.netty.buffer.ByteBuf;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SharedWriteTest {

    private final EmbeddedChannel channel = new EmbeddedChannel(new CommandEncoder(), SharedWrite.opener());

    @AfterEach
    void close() {
        channel.finishAndReleaseAll();
    }

    @Test
    void itsCommandsAreOneBufferOnTheChannel() {
        channel.writeOutbound(new SharedWrite(List.of(command(CommandType.PING), command(CommandType.TIME))));

        assertThat(channel.outboundMessages()).hasSize(1);
        assertThat(written()).isEqualTo("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nTIME\r\n");
    }

    @Test
    void anythingElseIsWrittenAsItIs() {
        channel.writeOutbound(command(CommandType.PING));

        assertThat(written()).isEqualTo("*1\r\n$4\r\nPING\r\n");
    }

    @Test
    void anErrorIsThatOfEachCommand() {
        AsyncCommand<byte[], byte[], String> first = command(CommandType.PING);
        AsyncCommand<byte[], byte[], String> second = command(CommandType.TIME);
        SharedWrite shared = new SharedWrite(List.<RedisCommand<byte[], byte[], ?>>of(first, second));
        IllegalStateException error = new IllegalStateException("expected");

        assertThat(shared.isDone()).isFalse();
        first.cancel();
        assertThat(shared.isDone()).as("with one of two commands open").isFalse();
        shared.completeExceptionally(error);

        assertThat(second)
                .failsWithin(0, java.util.concurrent.TimeUnit.SECONDS)
                .withThrowableThat()
                .withCause(error);
        assertThat(shared.isDone()).isTrue();
    }

    private String written() {
        ByteBuf buffer = channel.readOutbound();
        try {
            return buffer.toString(StandardCharsets.US_ASCII);
        } finally {
            buffer.release();
        }
    }

    private static AsyncCommand<byte[], byte[], String> command(CommandType type) {
        return new AsyncCommand<>(new Command<>(type, new StatusOutput<>(ByteArrayCodec.INSTANCE)));
    }
}
