package io.distributedmutex.internal;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A store that is made, such as connected, by the first request. That request and those that come meanwhile wait for it, and are
 * made in their order. If it cannot be made, they fail as making it failed, and the next request tries again.
 */
public final class LazyStore implements LockStore {

    private final Supplier<? extends LockStore> source;
    /** Starts what was made. */
    private volatile Consumer<LockStore> start = made -> {};

    /** Made and started, and all that waited for it was asked of it. */
    private volatile @Nullable LockStore store;

    // Guarded by this.
    private final ArrayDeque<Waiting<?>> waiting = new ArrayDeque<>();
    private boolean making;
    private boolean closed;

    /**
     * A store that is not made yet.
     *
     * @param source makes it; may block
     */
    public LazyStore(Supplier<? extends LockStore> source) {
        this.source = source;
    }

    /** A request that waits for the store. */
    private record Waiting<T>(Function<LockStore, CompletionStage<T>> request, CompletableFuture<T> answer) {

        /** Makes the request. Returns what passes its answer on. */
        Runnable send(LockStore made) {
            try {
                CompletionStage<T> reply = request.apply(made);
                return () -> reply.whenComplete((value, error) -> {
                    if (error != null) {
                        answer.completeExceptionally(error);
                    } else {
                        answer.complete(value);
                    }
                });
            } catch (Throwable t) {
                return fail(t);
            }
        }

        Runnable fail(Throwable error) {
            return () -> answer.completeExceptionally(error);
        }
    }

    @Override
    public void start(String label, String instance, StoreEvents events) {
        start = made -> made.start(label, instance, events);
    }

    private <T> CompletionStage<T> ask(Function<LockStore, CompletionStage<T>> request) {
        LockStore made = store;
        if (made == null) {
            synchronized (this) {
                made = store;
                if (made == null) {
                    return await(request);
                }
            }
        }
        return request.apply(made);
    }

    private <T> CompletionStage<T> await(Function<LockStore, CompletionStage<T>> request) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        if (closed) {
            answer.completeExceptionally(closedBefore());
            return answer;
        }
        if (!making) {
            Thread maker = new Thread(this::make, "dmutex-connect");
            maker.setDaemon(true);
            maker.start();
            making = true;
        }
        waiting.add(new Waiting<>(request, answer));
        return answer;
    }

    private void make() {
        LockStore made = null;
        Throwable failure = null;
        try {
            made = source.get();
            start.accept(made);
        } catch (Throwable t) {
            failure = t;
        }
        List<Runnable> answers = new ArrayList<>();
        boolean kept;
        synchronized (this) {
            making = false;
            kept = failure == null && !closed;
            StoreException why = failure == null ? closedBefore() : Outcomes.notSent(Outcomes.ofStore(failure));
            for (Waiting<?> request : waiting) {
                answers.add(kept && made != null ? request.send(made) : request.fail(why));
            }
            waiting.clear();
            if (kept) {
                // Only now: a request that finds it comes behind those that waited.
                store = made;
            }
        }
        try {
            if (!kept && made != null) {
                made.close();
            }
        } finally {
            answers.forEach(Runnable::run);
        }
    }

    private static StoreException closedBefore() {
        return StoreUnreachableException.notSent("closed before it was connected", null);
    }

    @Override
    public CompletionStage<AcquireReply> acquire(AcquireRequest request) {
        return ask(made -> made.acquire(request));
    }

    @Override
    public CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        return ask(made -> made.release(key, token, keepMillis));
    }

    @Override
    public CompletionStage<Ownership> cancel(String key, String token) {
        return ask(made -> made.cancel(key, token));
    }

    @Override
    public CompletionStage<Ownership> renew(String key, String token, long leaseMillis) {
        return ask(made -> made.renew(key, token, leaseMillis));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> inspect(String key) {
        return ask(made -> made.inspect(key));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> forceRelease(String key) {
        return ask(made -> made.forceRelease(key));
    }

    @Override
    public CompletionStage<Boolean> send(String instance, String message) {
        return ask(made -> made.send(instance, message));
    }

    @Override
    public CompletionStage<Boolean> sendToHolder(String key, String message) {
        return ask(made -> made.sendToHolder(key, message));
    }

    /** Does not wait for a store that is being made: it is closed as soon as it is there. */
    @Override
    public void close() {
        LockStore made;
        List<Waiting<?>> told;
        synchronized (this) {
            closed = true;
            made = store;
            told = List.copyOf(waiting);
            waiting.clear();
        }
        if (made != null) {
            made.close();
        }
        told.forEach(request -> request.fail(closedBefore()).run());
    }
}
