package io.distributedmutex.testkit;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.spi.Timer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A store that fails on demand, and otherwise does what the store does that it wraps. It also counts operations.
 *
 * <pre>{@code
 * FaultyLockStore store = new FaultyLockStore(new InMemoryLockStore(time), time);
 * store.failNext(2, Operation.RENEW);                                   // as if the connection were down
 * store.loseReplies(1, Operation.ACQUIRE.or(Operation.RELEASE));        // done, but the caller does not hear of it
 * store.hangNext(1, call -> call.key().equals("k"), ofSeconds(2));      // no answer; fails after 2 s on the clock
 * }</pre>
 *
 * <p>Each fault says how many calls it hits, and which. An {@link Operation} is a predicate of calls; combine them with
 * {@code or} and {@code and}. If several faults fit a call, the one that was set first hits it. Thread-safe.
 */
public final class FaultyLockStore implements LockStore {

    /** The operations of a store, each a predicate that is true for its calls. */
    public enum Operation implements Predicate<Call> {
        /** {@link LockStore#acquire}. */
        ACQUIRE,
        /** {@link LockStore#release}. */
        RELEASE,
        /** {@link LockStore#cancel}. */
        CANCEL,
        /** {@link LockStore#renew}. */
        RENEW,
        /** {@link LockStore#inspect}. */
        INSPECT,
        /** {@link LockStore#forceRelease}. */
        FORCE_RELEASE,
        /** {@link LockStore#send}, whose key is empty, and {@link LockStore#sendToHolder}. */
        SEND;

        @Override
        public boolean test(Call call) {
            return call.operation == this;
        }
    }

    /**
     * A call of an operation.
     *
     * @param operation which
     * @param key the key it is about; empty for a message
     * @param token the token it is for; null for the operations that have none
     */
    public record Call(
            Operation operation, String key, @Nullable String token) {}

    private enum Kind {
        FAIL,
        LOSE_REPLY,
        HANG,
        HOLD_REQUEST,
        HOLD_REPLY
    }

    private enum Pushing {
        DELIVER,
        DROP,
        HOLD,
        REPEAT
    }

    /** What shall happen to the next calls that fit. */
    private static final class Fault {
        final Kind kind;
        final Predicate<? super Call> which;
        final StoreException error;
        final long hangNanos;
        int left;

        Fault(Kind kind, int times, Predicate<? super Call> which, StoreException error, long hangNanos) {
            this.kind = kind;
            this.left = times;
            this.which = which;
            this.error = error;
            this.hangNanos = hangNanos;
        }
    }

    private final LockStore store;
    private final Environment time;

    /** Guards what follows; never held while the store, a listener or a completion runs. */
    private final ReentrantLock lock = new ReentrantLock();

    private final List<Fault> faults = new ArrayList<>();
    private final Map<Operation, Integer> counts = new EnumMap<>(Operation.class);
    private final List<Runnable> heldCalls = new ArrayList<>();
    private final List<Runnable> heldPushes = new ArrayList<>();
    private final Set<Waiting<?>> waiting = new LinkedHashSet<>();
    private Pushing pushing = Pushing.DELIVER;
    private @Nullable StoreEvents listener;

    /**
     * Wraps a store.
     *
     * @param store what does the work; closed with this one
     * @param time the clock on which calls hang
     */
    public FaultyLockStore(LockStore store, Environment time) {
        this.store = store;
        this.time = time;
    }

    /**
     * Makes calls fail before they reach the store. Whoever made them cannot know that: the error is one after which they
     * may have taken effect. See {@link #rejectNext} for the other kind.
     *
     * @param times how many calls
     * @param which which calls
     */
    public void failNext(int times, Predicate<? super Call> which) {
        failNext(times, which, unreachable("made to fail by the test"));
    }

    /**
     * Makes calls fail before they reach the store, with an error that {@linkplain
     * StoreException#isSurelyNotSent says so}, as when there is no connection and the store knows it.
     *
     * @param times how many calls
     * @param which which calls
     */
    public void rejectNext(int times, Predicate<? super Call> which) {
        failNext(times, which, StoreUnreachableException.notSent("rejected by the test", null));
    }

    /**
     * Makes calls fail before they take effect, with an error of the test's choice.
     *
     * @param times how many calls
     * @param which which calls
     * @param error what they fail with
     */
    public void failNext(int times, Predicate<? super Call> which, StoreException error) {
        add(new Fault(Kind.FAIL, times, which, error, 0));
    }

    /**
     * Makes calls fail after they took effect, as when the connection breaks before the reply.
     *
     * @param times how many calls
     * @param which which calls
     */
    public void loseReplies(int times, Predicate<? super Call> which) {
        add(new Fault(Kind.LOSE_REPLY, times, which, unreachable("reply lost by the test"), 0));
    }

    /**
     * Makes calls hang: they never reach the store, and fail after a time-out.
     *
     * @param times how many calls
     * @param which which calls
     * @param timeout how long until they fail, on the clock given to the constructor
     */
    public void hangNext(int times, Predicate<? super Call> which, Duration timeout) {
        add(new Fault(Kind.HANG, times, which, unreachable("no reply within " + timeout), timeout.toNanos()));
    }

    /**
     * Holds calls back before they reach the store, until {@link #releaseHeld}.
     *
     * @param times how many calls
     * @param which which calls
     */
    public void holdRequests(int times, Predicate<? super Call> which) {
        add(new Fault(Kind.HOLD_REQUEST, times, which, unreachable("held by the test"), 0));
    }

    /**
     * Lets calls take effect, and holds their replies back until {@link #releaseHeld}.
     *
     * @param times how many calls
     * @param which which calls
     */
    public void holdReplies(int times, Predicate<? super Call> which) {
        add(new Fault(Kind.HOLD_REPLY, times, which, unreachable("held by the test"), 0));
    }

    /**
     * Lets go of the requests and replies that are held back, in the order of their calls, on this thread.
     *
     * @return how many there were
     */
    public int releaseHeld() {
        List<Runnable> released = take(heldCalls);
        released.forEach(Runnable::run);
        return released.size();
    }

    /** Drops pushes from now on: grants and messages. */
    public void dropPushes() {
        pushing(Pushing.DROP);
    }

    /** Holds pushes back from now on, until {@link #deliverPushes}. */
    public void holdPushes() {
        pushing(Pushing.HOLD);
    }

    /** Delivers every push twice from now on. */
    public void repeatPushes() {
        pushing(Pushing.REPEAT);
    }

    /** Delivers pushes again from now on, and at once those that were held back, on this thread and in their order. */
    public void deliverPushes() {
        pushing(Pushing.DELIVER);
        take(heldPushes).forEach(Runnable::run);
    }

    /** Tells the instance that its store has connected again. */
    public void announceReconnection() {
        StoreEvents events = listener;
        if (events != null) {
            events.reconnected();
        }
    }

    /** Forgets all faults to come, and lets go of what is held back. Calls that hang go on hanging. */
    public void heal() {
        lock.lock();
        try {
            faults.clear();
        } finally {
            lock.unlock();
        }
        releaseHeld();
        deliverPushes();
    }

    /**
     * How often an operation was called, whatever became of it.
     *
     * @param operation which
     * @return the number of calls since the beginning or {@link #resetCounts}
     */
    public int count(Operation operation) {
        lock.lock();
        try {
            return counts.getOrDefault(operation, 0);
        } finally {
            lock.unlock();
        }
    }

    /**
     * How often each operation was called.
     *
     * @return the numbers of calls; operations not called are left out
     */
    public Map<Operation, Integer> counts() {
        lock.lock();
        try {
            return Map.copyOf(counts);
        } finally {
            lock.unlock();
        }
    }

    /** Counts from zero again. */
    public void resetCounts() {
        lock.lock();
        try {
            counts.clear();
        } finally {
            lock.unlock();
        }
    }

    /**
     * How many calls wait for a reply because a fault made them wait.
     *
     * @return the number of calls that hang or are held back
     */
    public int waitingCalls() {
        lock.lock();
        try {
            return waiting.size();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void start(String label, String instance, StoreEvents events) {
        listener = events;
        store.start(label, instance, new StoreEvents() {
            @Override
            public void granted(String key, String token, long fencingToken, int fencingTokens) {
                push(() -> events.granted(key, token, fencingToken, fencingTokens));
            }

            @Override
            public void message(String text) {
                push(() -> events.message(text));
            }

            @Override
            public void reconnected() {
                events.reconnected();
            }
        });
    }

    @Override
    public CompletionStage<AcquireReply> acquire(AcquireRequest request) {
        return call(new Call(Operation.ACQUIRE, request.key(), request.token()), () -> store.acquire(request));
    }

    @Override
    public CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        return call(new Call(Operation.RELEASE, key, token), () -> store.release(key, token, keepMillis));
    }

    @Override
    public CompletionStage<Ownership> cancel(String key, String token) {
        return call(new Call(Operation.CANCEL, key, token), () -> store.cancel(key, token));
    }

    @Override
    public CompletionStage<Ownership> renew(String key, String token, long leaseMillis) {
        return call(new Call(Operation.RENEW, key, token), () -> store.renew(key, token, leaseMillis));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> inspect(String key) {
        return call(new Call(Operation.INSPECT, key, null), () -> store.inspect(key));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> forceRelease(String key) {
        return call(new Call(Operation.FORCE_RELEASE, key, null), () -> store.forceRelease(key));
    }

    @Override
    public CompletionStage<Boolean> send(String instance, String message) {
        return call(new Call(Operation.SEND, "", null), () -> store.send(instance, message));
    }

    @Override
    public CompletionStage<Boolean> sendToHolder(String key, String message) {
        return call(new Call(Operation.SEND, key, null), () -> store.sendToHolder(key, message));
    }

    /** Closes the wrapped store; calls that wait fail. */
    @Override
    public void close() {
        store.close();
        List<Waiting<?>> left;
        lock.lock();
        try {
            faults.clear();
            heldCalls.clear();
            heldPushes.clear();
            left = List.copyOf(waiting);
        } finally {
            lock.unlock();
        }
        left.forEach(call -> call.fail(unreachable("closed: this store was closed")));
    }

    private <T> CompletionStage<T> call(Call call, Supplier<CompletionStage<T>> request) {
        Fault fault = faultFor(call);
        if (fault == null) {
            return request.get();
        }
        return switch (fault.kind) {
            case FAIL -> CompletableFuture.failedStage(fault.error);
            case LOSE_REPLY -> {
                Waiting<T> waiting = new Waiting<>();
                waiting.begin(null);
                CompletionStage<T> unused = request.get().whenComplete((reply, error) -> waiting.fail(fault.error));
                yield waiting.reply;
            }
            case HANG -> {
                Waiting<T> waiting = new Waiting<>();
                waiting.begin(null);
                waiting.timer = time.runAfter(() -> waiting.fail(fault.error), fault.hangNanos);
                yield waiting.reply;
            }
            case HOLD_REQUEST -> {
                Waiting<T> waiting = new Waiting<>();
                waiting.begin(() -> waiting.follow(request.get()));
                yield waiting.reply;
            }
            case HOLD_REPLY -> {
                Waiting<T> waiting = new Waiting<>();
                CompletionStage<T> answered = request.get();
                waiting.begin(() -> waiting.follow(answered));
                yield waiting.reply;
            }
        };
    }

    private @Nullable Fault faultFor(Call call) {
        lock.lock();
        try {
            counts.merge(call.operation, 1, Integer::sum);
            for (Iterator<Fault> all = faults.iterator(); all.hasNext(); ) {
                Fault fault = all.next();
                if (fault.which.test(call)) {
                    fault.left--;
                    if (fault.left <= 0) {
                        all.remove();
                    }
                    return fault;
                }
            }
            return null;
        } finally {
            lock.unlock();
        }
    }

    private void push(Runnable push) {
        Pushing how;
        lock.lock();
        try {
            how = pushing;
            if (how == Pushing.HOLD) {
                heldPushes.add(push);
            }
        } finally {
            lock.unlock();
        }
        if (how == Pushing.DELIVER || how == Pushing.REPEAT) {
            push.run();
        }
        if (how == Pushing.REPEAT) {
            push.run();
        }
    }

    private void pushing(Pushing how) {
        lock.lock();
        try {
            pushing = how;
        } finally {
            lock.unlock();
        }
    }

    private void add(Fault fault) {
        if (fault.left <= 0) {
            throw new IllegalArgumentException("a fault must hit one call at least: " + fault.left);
        }
        lock.lock();
        try {
            faults.add(fault);
        } finally {
            lock.unlock();
        }
    }

    private List<Runnable> take(List<Runnable> held) {
        lock.lock();
        try {
            List<Runnable> taken = List.copyOf(held);
            held.clear();
            return taken;
        } finally {
            lock.unlock();
        }
    }

    private static StoreUnreachableException unreachable(String message) {
        return new StoreUnreachableException(message, null);
    }

    /** A call that gets its reply later. */
    private final class Waiting<T> {
        final CompletableFuture<T> reply = new CompletableFuture<>();
        volatile @Nullable Timer timer;

        /**
         * Counts as waiting from now on.
         *
         * @param held what lets it go; null if nobody can. In order as soon as it counts, so that a test can wait for that
         */
        void begin(@Nullable Runnable held) {
            lock.lock();
            try {
                waiting.add(this);
                if (held != null) {
                    heldCalls.add(held);
                }
            } finally {
                lock.unlock();
            }
        }

        void fail(Throwable error) {
            end();
            reply.completeExceptionally(error);
        }

        void follow(CompletionStage<T> stage) {
            CompletionStage<T> unused = stage.whenComplete((value, error) -> {
                end();
                if (error == null) {
                    reply.complete(value);
                } else {
                    reply.completeExceptionally(error);
                }
            });
        }

        private void end() {
            lock.lock();
            try {
                waiting.remove(this);
            } finally {
                lock.unlock();
            }
            Timer set = timer;
            if (set != null) {
                time.cancel(set);
            }
        }
    }
}
