package io.distributedmutex.redis;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Takes requests to where some locks are. Thread-safe. */
interface Sender {

    /**
     * Sends a request, after all that were sent for the same key before.
     *
     * @param request what to send
     * @param parser what the reply means; what it throws becomes a {@link io.distributedmutex.StoreRefusedException}
     * @param <T> the result
     * @return the result, or a {@link io.distributedmutex.StoreException}
     */
    <T> CompletableFuture<T> send(Request request, Function<List<@Nullable Object>, T> parser);

    /** Says what went wrong there. */
    RedisErrors errors();
}
