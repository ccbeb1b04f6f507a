package io.distributedmutex.redis;

import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Ownership;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** The store's own fast path, on a server that is simulated. In the store's package, as nobody else needs it. */
public final class SimulatedFastPath {

    private final FastPath fastPath;

    /** What the fast path asks. */
    public interface Server {

        /** Sends the native commands of an acquire. */
        CompletableFuture<Taken> take(AcquireRequest request);

        /** Compares and deletes by a command of this name, by a script, or by all that there is. */
        CompletableFuture<Freed> free(String key, String token, String by);

        CompletableFuture<AcquireReply> acquire(AcquireRequest request);

        CompletableFuture<Ownership> release(String key, String token, long keepMillis);

        CompletableFuture<Ownership> cancel(String key, String token);
    }

    /**
     * What the native commands said.
     *
     * @param took whether they took the key
     * @param granted the grant, if nothing is left to ask
     */
    public record Taken(boolean took, AcquireReply.@Nullable Granted granted) {}

    /**
     * What an attempt to free a key said.
     *
     * @param freed whether it freed the key
     * @param found what frees keys from now on; empty if nothing was found out
     */
    public record Freed(boolean freed, Optional<String> found) {}

    public SimulatedFastPath(Server server, LongSupplier nanoTime) {
        this.fastPath = new FastPath(
                new FastPath.Server() {
                    @Override
                    public CompletableFuture<FastPath.Taken> take(AcquireRequest request) {
                        CompletableFuture<FastPath.Taken> result = new CompletableFuture<>();
                        CompletableFuture<Taken> unused = server.take(request).whenComplete((taken, error) -> {
                            if (taken != null) {
                                result.complete(new FastPath.Taken(taken.took(), taken.granted(), null));
                            } else {
                                result.completeExceptionally(error);
                            }
                        });
                        return result;
                    }

                    @Override
                    public CompletableFuture<FastPath.Freed> free(String key, String token, FastPath.Freeing by) {
                        CompletableFuture<FastPath.Freed> result = new CompletableFuture<>();
                        CompletableFuture<Freed> unused = server.free(key, token, by.name())
                                .whenComplete((freed, error) -> {
                                    if (freed != null) {
                                        FastPath.Freeing found = freed.found()
                                                .map(FastPath.Freeing::valueOf)
                                                .orElse(null);
                                        result.complete(new FastPath.Freed(freed.freed(), found, "simulated"));
                                    } else {
                                        result.completeExceptionally(error);
                                    }
                                });
                        return result;
                    }

                    @Override
                    public CompletableFuture<AcquireReply> acquire(AcquireRequest request) {
                        return server.acquire(request);
                    }

                    @Override
                    public CompletableFuture<Ownership> release(String key, String token, long keepMillis) {
                        return server.release(key, token, keepMillis);
                    }

                    @Override
                    public CompletableFuture<Ownership> cancel(String key, String token) {
                        return server.cancel(key, token);
                    }
                },
                nanoTime);
    }

    /** Whether a key that was taken is a grant. */
    public static boolean isGrant(boolean isOurs, boolean isWaitedFor, boolean isFollowed) {
        return FastPath.isGrant(isOurs, isWaitedFor, isFollowed);
    }

    public CompletionStage<AcquireReply> acquire(AcquireRequest request) {
        return fastPath.acquire(request);
    }

    public CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        return fastPath.release(key, token, keepMillis);
    }

    public CompletionStage<Ownership> cancel(String key, String token) {
        return fastPath.cancel(key, token);
    }

    /** Somebody else has the key, or waits for it. */
    public void contended(String key) {
        fastPath.contended(key);
    }
}
