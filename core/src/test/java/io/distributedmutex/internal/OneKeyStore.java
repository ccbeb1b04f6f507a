package io.distributedmutex.internal;

import io.distributedmutex.LockInfo;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/**
 * The simplest store that keeps the contract, for one key and one instance, beside one other holder. It does at once what
 * it is asked; its answers and pushes come at once too, or each when {@link #deliver} is called.
 */
final class OneKeyStore implements LockStore {

    static final String KEY = "k";
    static final int BLOCK = 2;

    private static final String OTHER = "other";
    private static final long HELD_MILLIS = 600_000;

    private final boolean answersAtOnce;
    private StoreEvents events;

    /** Guarded by this. */
    private String owner;

    private final Set<String> queue = new LinkedHashSet<>();
    private final Queue<Runnable> messages = new ArrayDeque<>();
    private long fence;

    OneKeyStore(boolean answersAtOnce) {
        this.answersAtOnce = answersAtOnce;
    }

    // ---- what others do

    /** Another instance takes the key if it is free; only then, because it would have to wait its turn. */
    void takenByAnother() {
        synchronized (this) {
            if (owner == null) {
                owner = OTHER;
                fence += BLOCK;
            }
        }
    }

    void releasedByTheOther() {
        synchronized (this) {
            if (OTHER.equals(owner)) {
                free();
            }
        }
        deliverAtOnce();
    }

    /** Somebody deletes the key. */
    void deleted() {
        synchronized (this) {
            owner = null;
        }
    }

    synchronized boolean isFree() {
        return owner == null;
    }

    /** Nobody owns the key, nobody waits for it, and no message is on its way. */
    synchronized boolean isEmpty() {
        return owner == null && queue.isEmpty() && messages.isEmpty();
    }

    synchronized String contents() {
        return "owner " + owner + ", queue " + queue + ", messages " + messages.size();
    }

    /** Delivers the oldest answer or push; returns false if there is none. */
    boolean deliver() {
        Runnable message;
        synchronized (this) {
            message = messages.poll();
        }
        if (message == null) {
            return false;
        }
        message.run();
        return true;
    }

    // ---- what the instance asks

    @Override
    public void start(String label, String instance, StoreEvents listener) {
        events = listener;
    }

    @Override
    public CompletionStage<AcquireReply> acquire(AcquireRequest request) {
        return answer(() -> {
            String token = request.token();
            Ownership released = request.releasing() == null ? null : free(request.releasing());
            if (owner == null && (queue.isEmpty() || queue.iterator().next().equals(token))) {
                owner = token;
                fence += BLOCK;
            }
            if (token.equals(owner)) {
                queue.remove(token);
                return new AcquireReply.Granted(fence, request.queue() ? BLOCK : 1, released);
            }
            if (request.queue()) {
                queue.add(token);
            }
            return new AcquireReply.Refused(HELD_MILLIS, OTHER, null, fence, released);
        });
    }

    @Override
    public CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        return answer(() -> free(token));
    }

    @Override
    public CompletionStage<Ownership> cancel(String key, String token) {
        return answer(() -> {
            queue.remove(token);
            return free(token);
        });
    }

    @Override
    public CompletionStage<Ownership> renew(String key, String token, long leaseMillis) {
        return answer(() -> ownership(token));
    }

    private Ownership ownership(String token) {
        return token.equals(owner) ? Ownership.HELD : owner == null ? Ownership.GONE : Ownership.TAKEN;
    }

    private Ownership free(String token) {
        Ownership before = ownership(token);
        if (before == Ownership.HELD) {
            free();
        }
        return before;
    }

    private void free() {
        owner = null;
        if (!queue.isEmpty()) {
            String next = queue.iterator().next();
            queue.remove(next);
            owner = next;
            fence += BLOCK;
            long granted = fence;
            messages.add(() -> events.granted(KEY, next, granted, BLOCK));
        }
    }

    private <T> CompletionStage<T> answer(Supplier<T> request) {
        CompletableFuture<T> stage = new CompletableFuture<>();
        T reply;
        synchronized (this) {
            reply = Objects.requireNonNull(request.get());
            if (!answersAtOnce) {
                messages.add(() -> stage.complete(reply));
            }
        }
        if (answersAtOnce) {
            stage.complete(reply);
            deliverAtOnce();
        }
        return stage;
    }

    private void deliverAtOnce() {
        if (answersAtOnce) {
            while (deliver()) {
                // Pushes alone stand there.
            }
        }
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
