package io.distributedmutex.redis.store;

import io.distributedmutex.StoreException;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Base64;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A started store, and what it told of itself. */
final class StartedStore implements AutoCloseable {

    private static final SecureRandom RANDOM = new SecureRandom();

    /** A push. */
    record Grant(String key, String token, long fencingToken, int fencingTokens) {}

    private final RedisLockStore store;
    /** What messages to it are sent to. */
    final String instance = newToken().substring(0, 11);

    private final BlockingQueue<Grant> grants = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> messages = new LinkedBlockingQueue<>();
    private final AtomicInteger reconnections = new AtomicInteger();

    StartedStore(RedisLockStore store, String label) {
        this.store = store;
        try {
            store.start(label, instance, new StoreEvents() {
                @Override
                public void granted(String key, String token, long fencingToken, int fencingTokens) {
                    grants.add(new Grant(key, token, fencingToken, fencingTokens));
                }

                @Override
                public void message(String text) {
                    messages.add(text);
                }

                @Override
                public void reconnected() {
                    reconnections.incrementAndGet();
                }
            });
        } catch (RuntimeException e) {
            store.close();
            throw e;
        }
    }

    /** With a command time-out that outlasts what a machine stalls. */
    static StartedStore on(EmbeddedRedis redis) {
        return on(redis, Duration.ofSeconds(20));
    }

    static StartedStore on(EmbeddedRedis redis, Duration commandTimeout) {
        return new StartedStore(
                RedisLockStore.builder()
                        .uri(redis.uri())
                        .commandTimeout(commandTimeout)
                        .connect(),
                "label");
    }

    RedisLockStore store() {
        return store;
    }

    int reconnections() {
        return reconnections.get();
    }

    @Nullable
    Grant nextGrant() {
        try {
            return grants.poll(Await.BOUND.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Nullable
    String nextMessage() {
        try {
            return messages.poll(Await.BOUND.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    boolean hasGrants() {
        return !grants.isEmpty();
    }

    /** Asks for a key without queueing. */
    CompletionStage<AcquireReply> tryAcquire(String key, String token) {
        return store.acquire(new AcquireRequest(key, token, 10_000, false, 2_000, 1_000, null));
    }

    /** Asks for a key, and queues if it is taken. */
    CompletionStage<AcquireReply> queue(String key, String token) {
        return store.acquire(new AcquireRequest(key, token, 10_000, true, 2_000, 60_000, null));
    }

    @Override
    public void close() {
        store.close();
    }

    static String newToken() {
        byte[] random = new byte[16];
        RANDOM.nextBytes(random);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(random);
    }

    /** The result of a stage. */
    static <T> T get(CompletionStage<T> stage) {
        try {
            return stage.toCompletableFuture().get(Await.BOUND.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw new AssertionError("failed: " + e.getCause(), e.getCause());
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError(e);
        }
    }

    /** What a stage failed with: never anything wrapped, never anything but a StoreException. */
    static StoreException failureOf(CompletionStage<?> stage) {
        BlockingQueue<Object> outcome = new LinkedBlockingQueue<>();
        stage.whenComplete((value, error) -> outcome.add(error != null ? error : "succeeded with " + value));
        Object ended;
        try {
            ended = outcome.poll(Await.BOUND.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        if (ended instanceof StoreException failure) {
            return failure;
        }
        throw new AssertionError("no StoreException, but " + ended);
    }
}
