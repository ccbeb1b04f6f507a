package io.distributedmutex.redis;

import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.output.NestedMultiOutput;
import io.lettuce.core.protocol.CommandType;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** What a server says that it is, by HELLO, which every user of ours may ask. */
enum ServerRole {
    PRIMARY,
    REPLICA,
    /** It does not say. That is not held against it. */
    UNKNOWN;

    /**
     * Asks.
     *
     * @param redis whom
     * @return the role; fails only if the connection does
     */
    static CompletableFuture<ServerRole> ask(RedisAsyncCommands<byte[], byte[]> redis) {
        return redis.dispatch(CommandType.HELLO, new NestedMultiOutput<>(ByteArrayCodec.INSTANCE))
                .handle((reply, error) -> {
                    if (error == null) {
                        return in(reply);
                    }
                    if (RedisErrors.refusal(error) != null) {
                        return UNKNOWN;
                    }
                    throw new CompletionException(error);
                })
                .toCompletableFuture();
    }

    private static ServerRole in(List<Object> reply) {
        for (int i = 0; i + 1 < reply.size(); i += 2) {
            if ("role".equals(text(reply.get(i)))) {
                return switch (text(reply.get(i + 1))) {
                    case "master" -> PRIMARY;
                    case "replica", "slave" -> REPLICA;
                    default -> UNKNOWN;
                };
            }
        }
        return UNKNOWN;
    }

    private static String text(Object value) {
        return value instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : "";
    }
}
