package io.distributedmutex.internal;

import io.distributedmutex.LockInfo;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** A store that grants what it is asked for, for tests of what is before it. */
final class GrantingStore implements LockStore {
    @Override
    public void start(String label, String instance, StoreEvents events) {}

    @Override
    public CompletionStage<AcquireReply> acquire(AcquireRequest request) {
        return CompletableFuture.completedStage(new AcquireReply.Granted(1, 1, null));
    }

    @Override
    public CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        return CompletableFuture.completedStage(Ownership.HELD);
    }

    @Override
    public CompletionStage<Ownership> cancel(String key, String token) {
        return CompletableFuture.completedStage(Ownership.GONE);
    }

    @Override
    public CompletionStage<Ownership> renew(String key, String token, long leaseMillis) {
        return CompletableFuture.completedStage(Ownership.HELD);
    }

    @Override
    public CompletionStage<Optional<LockInfo>> inspect(String key) {
        throw new UnsupportedOperationException();
    }

    @Override
    public CompletionStage<Optional<LockInfo>> forceRelease(String key) {
        throw new UnsupportedOperationException();
    }

    @Override
    public CompletionStage<Boolean> send(String instance, String message) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
}
