package io.distributedmutex.testkit.memory;

import io.distributedmutex.spi.AcquireRequest;
import java.util.concurrent.CompletionStage;

/**
 * The steps of the Redis store's fast path one by one, on the data of an {@link InMemoryLockStore}: for a simulation of what
 * comes between them. It stands in the testkit's package since users have no need of it. Thread-safe, as the store is.
 */
public final class InMemoryCommands {

    /** Whether a key is a token's. */
    public enum Owned {

        /** It is not. */
        NO,

        /** It is, and nobody has queued since it was taken. */
        YES,

        /** It is, and somebody has. */
        FOLLOWED
    }

    private final InMemoryLockStore store;

    private InMemoryCommands(InMemoryLockStore store) {
        this.store = store;
    }

    /**
     * The steps of an instance.
     *
     * @param store its store, started
     * @return the steps
     */
    public static InMemoryCommands of(InMemoryLockStore store) {
        return new InMemoryCommands(store);
    }

    /** As SET with NX and PX: whether the key was free and is the token's now. */
    public CompletionStage<Boolean> take(AcquireRequest request) {
        return store.run(
                (data, self) -> data.take(request.key(), request.token(), self.label(), request.leaseMillis()));
    }

    /** As XADD: the next fencing token. */
    public CompletionStage<Long> draw() {
        return store.run((data, self) -> data.draw());
    }

    /** As EXISTS of the queue. */
    public CompletionStage<Boolean> isWaitedFor(String key) {
        return store.run((data, self) -> data.isWaitedFor(key));
    }

    /** As GETRANGE: whether the key is the token's, and nobody has queued since it was taken, or somebody has. */
    public CompletionStage<Owned> owned(String key, String token) {
        return store.run((data, self) -> data.owned(key, token));
    }

    /** As free.lua. */
    public CompletionStage<Boolean> free(String key, String token) {
        return store.run((data, self) -> data.free(key, token));
    }
}
