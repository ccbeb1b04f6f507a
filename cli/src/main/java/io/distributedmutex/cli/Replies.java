package io.distributedmutex.cli;

import io.distributedmutex.StoreException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;

/** Waits for what a store answers. */
final class Replies {

    private Replies() {}

    /** The reply; a store answers or fails within its command time-out. */
    static <T> T await(CompletionStage<T> reply) {
        try {
            return reply.toCompletableFuture().join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof StoreException known) {
                throw known;
            }
            throw e;
        }
    }
}
