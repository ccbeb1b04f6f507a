package io.distributedmutex.redis.equivalence;

import io.distributedmutex.StoreException;
import io.distributedmutex.spi.LockStore;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/**
 * A request that can be made to either store, and any number of times.
 *
 * @param client who makes it
 * @param key what it is about
 * @param text what it is, for people
 * @param call makes it
 */
record StoreRequest(int client, String key, String text, Function<LockStore, CompletionStage<?>> call) {

    private static final long BOUND_SECONDS = 90;

    /** The answer: a reply, or the exception that the store completed with. */
    Object askOn(Side side) {
        try {
            return call.apply(side.client(client).store()).toCompletableFuture().get(BOUND_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof StoreException refused) {
                return refused;
            }
            throw new AssertionError(this + " failed with what is no StoreException", e.getCause());
        } catch (TimeoutException e) {
            throw new AssertionError(this + " was not answered within " + BOUND_SECONDS + " s", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    boolean isAcquire() {
        return text.startsWith("AcquireRequest");
    }

    @Override
    public String toString() {
        return "client " + client + ": " + text;
    }
}
