package io.distributedmutex.micrometer;

import io.distributedmutex.LockInfo;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/** Asks another store, and times each request: from when it is made until its answer is there, before anybody hears of that. */
final class TimedLockStore implements LockStore {

    private final LockStore store;
    private final StoreTimers timers;

    TimedLockStore(LockStore store, StoreTimers timers) {
        this.store = store;
        this.timers = timers;
    }

    private <T> CompletionStage<T> timed(StoreRequest request, Supplier<CompletionStage<T>> call) {
        long begin = timers.now();
        CompletionStage<T> reply;
        try {
            reply = call.get();
        } catch (RuntimeException | Error e) {
            timers.record(request, begin, e);
            throw e;
        }
        // A stage of our own: one that depends on the reply would wrap its exception, and what depends on the reply
        // beside ours
        // would be called before it.
        CompletableFuture<T> answer = new CompletableFuture<>();
        reply.whenComplete((value, failure) -> {
            try {
                timers.record(request, begin, failure);
            } finally {
                if (failure == null) {
                    answer.complete(value);
                } else {
                    answer.completeExceptionally(failure);
                }
            }
        });
        return answer;
    }

    @Override
    public void start(String label, String instance, StoreEvents events) {
        store.start(label, instance, events);
    }

    @Override
    public CompletionStage<AcquireReply> acquire(AcquireRequest request) {
        return timed(StoreRequest.ACQUIRE, () -> store.acquire(request));
    }

    @Override
    public CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        return timed(StoreRequest.RELEASE, () -> store.release(key, token, keepMillis));
    }

    @Override
    public CompletionStage<Ownership> cancel(String key, String token) {
        return timed(StoreRequest.CANCEL, () -> store.cancel(key, token));
    }

    @Override
    public CompletionStage<Ownership> renew(String key, String token, long leaseMillis) {
        return timed(StoreRequest.RENEW, () -> store.renew(key, token, leaseMillis));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> inspect(String key) {
        return timed(StoreRequest.INSPECT, () -> store.inspect(key));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> forceRelease(String key) {
        return timed(StoreRequest.FORCE_RELEASE, () -> store.forceRelease(key));
    }

    /** Not timed: no lock waits for it. */
    @Override
    public CompletionStage<Boolean> send(String instance, String message) {
        return store.send(instance, message);
    }

    /** Not timed either. */
    @Override
    public CompletionStage<Boolean> sendToHolder(String key, String message) {
        return store.sendToHolder(key, message);
    }

    @Override
    public void close() {
        store.close();
    }

    /** That of the store, for messages. */
    @Override
    public String toString() {
        return store.toString();
    }
}
