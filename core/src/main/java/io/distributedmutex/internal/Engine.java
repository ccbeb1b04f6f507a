package io.distributedmutex.internal;

import io.distributedmutex.HolderStatus;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.MutexListener;
import io.distributedmutex.MutexStatus;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Checks;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Messages;
import io.distributedmutex.spi.StoreEvents;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One instance: its keys, and the calls of its users. Asynchronous throughout; a blocking call is an asynchronous one on which
 * the caller parks. Keys share nothing but the {@link Instance} and the map that they stand in, so one never delays another.
 */
public final class Engine implements StoreEvents {

    /** How long close() waits for the store. */
    private static final long CLOSE_NANOS = 2_000_000_000L;

    /** So many leases are verified at once when connections are back, and then again after 5 ms. */
    private static final int VERIFIED_AT_ONCE = 100;

    private static final long VERIFY_PAUSE_NANOS = 5_000_000L;

    private final LockStore store;
    private final Environment environment;
    private final Instance instance;
    private final ConcurrentHashMap<String, KeyQueue> queues = new ConcurrentHashMap<>();
    private final DeadlockDetector deadlocks;
    private final HolderQuestions questions;
    private final ThreadHolds holds = new ThreadHolds(false);

    /** Whether nothing can be acquired any more; what is held may be used still, until it is closed. */
    private volatile boolean ending;

    private volatile boolean closed;

    /**
     * Starts the store.
     *
     * @param label the holder's label
     * @param listeners those who hear of everything
     * @param onDeadlock what to do about owners that wait in a circle
     * @param deadlocksAfter how long a wait lasts before it is looked at
     */
    public Engine(
            LockStore store,
            Environment environment,
            String label,
            List<MutexListener> listeners,
            OnDeadlock onDeadlock,
            Duration deadlocksAfter) {
        this.store = store;
        this.environment = environment;
        this.instance = new Instance(store, environment, label, listeners) {
            @Override
            void retired(String key, Object queue) {
                queues.remove(key, queue);
                work.wakeClosing();
            }
        };
        this.deadlocks = new DeadlockDetector(instance, queues, onDeadlock, deadlocksAfter.toNanos());
        this.questions = new HolderQuestions(instance, queues, deadlocks);
        store.start(label, Token.half(instance.id), this);
    }

    // ---- what users ask

    /**
     * Waits for the wait time of the options; interruptible.
     *
     * @param owner the name of who acquires; null for the thread
     */
    public Lease acquire(String key, LockOptions options, @Nullable String owner) {
        return acquire(key, options, owner, options.waitTime().toNanos(), true);
    }

    /**
     * Waits.
     *
     * @param owner the name of who acquires; null for the thread
     * @param waitNanos how long at most; {@link Long#MAX_VALUE} for no limit
     */
    Lease acquire(String key, LockOptions options, @Nullable String owner, long waitNanos, boolean interruptible) {
        Checks.key(key);
        if (interruptible && Thread.interrupted()) {
            throw Outcomes.interrupted(key, new InterruptedException("interrupted before waiting"));
        }
        ThreadWaiter waiter = new ThreadWaiter(key, options, owner, now(), waitNanos);
        if (waitNanos <= 0) {
            awaitAnswer(waiter, interruptible);
        } else {
            await(enqueue(waiter), waiter, interruptible);
        }
        LeaseHandle lease = waiter.lease();
        return lease != null ? lease : notAcquired(waiter);
    }

    /**
     * Returns null if the key is taken.
     *
     * @param owner the name of who acquires; null for the thread
     */
    public @Nullable Lease tryAcquire(String key, LockOptions options, @Nullable String owner) {
        Checks.key(key);
        KeyQueue queue = queues.get(key);
        LockNotAcquiredException refusal =
                queue == null ? null : queue.refusal(owner != null ? owner : Thread.currentThread());
        if (refusal != null) {
            checkOpen(key);
            instance.events.notAcquired(key, FlightEvents.beginAcquire(), 0, refusal);
            return null;
        }
        try {
            return acquire(key, options, owner, 0, false);
        } catch (LockNotAcquiredException e) {
            return null;
        }
    }

    /**
     * Waits for the wait time of the options, without a thread.
     *
     * @param owner the name of who acquires; null if it has none
     */
    public CompletableFuture<Lease> acquireAsync(String key, LockOptions options, @Nullable String owner) {
        Checks.key(key);
        CompletableFuture<Lease> future = new CompletableFuture<>();
        FutureWaiter waiter =
                new FutureWaiter(key, options, owner, now(), options.waitTime().toNanos(), future);
        if (waiter.waitNanos == 0) {
            tryOnce(waiter);
        } else {
            KeyQueue queue = enqueue(waiter);
            DeadlockDetector.Wait watched = deadlocks.watchLater(waiter);
            // Whatever ends it before we do: cancel, orTimeout, complete, completeOnTimeout and the like.
            CompletableFuture<Lease> unused = future.whenComplete((lease, error) -> {
                if (watched != null) {
                    watched.end();
                }
                if (!waiter.isSettled()) {
                    String by = future.isCancelled() ? "cancelled" : "completed by its user";
                    queue.giveUpBecause(waiter, Outcomes.notAcquired(key, "the future was " + by));
                }
            });
        }
        return future;
    }

    /** Looks at a key. */
    public Optional<LockInfo> inspect(String key) {
        Checks.key(key);
        return askAndWait(key, "inspected", to -> to.inspect(key)).map(this::withOwnFencingToken);
    }

    /** Asks the instance that holds a key what its holder waits for. */
    public Optional<HolderStatus> askHolder(String key) {
        Checks.key(key);
        return openAndAsk(key, "asked about", () -> questions.ask(key));
    }

    /** A store need not know the fencing token of a lease that it granted at once; its instance does. */
    private LockInfo withOwnFencingToken(LockInfo info) {
        boolean isOurs = info.holder().equals(Optional.of(instance.label));
        KeyQueue queue = isOurs && info.fencingToken().isEmpty() ? queues.get(info.key()) : null;
        OptionalLong own = queue == null ? OptionalLong.empty() : queue.fencingToken();
        return own.isEmpty() ? info : new LockInfo(info.key(), info.holder(), own, info.remaining(), info.waiters());
    }

    /** Releases a key by force. */
    public Optional<LockInfo> forceRelease(String key) {
        Checks.key(key);
        Optional<LockInfo> evicted =
                askAndWait(key, "released", to -> to.forceRelease(key)).map(this::withOwnFencingToken);
        evicted.ifPresent(info -> instance.events.forcedRelease(info, instance.label));
        return evicted;
    }

    /** What is held and waited for, by key. Looks at one key after the other: it is no snapshot of all of them at once. */
    public MutexStatus status() {
        List<MutexStatus.Held> held = new ArrayList<>();
        List<MutexStatus.Waiting> waiting = new ArrayList<>();
        queues.values().forEach(queue -> queue.report(held, waiting));
        held.sort(Comparator.comparing(MutexStatus.Held::key));
        // Stable: those who wait for one key stay in their order.
        waiting.sort(Comparator.comparing(MutexStatus.Waiting::key));
        return new MutexStatus(instance.label, held, waiting);
    }

    /** Wakes waiters, takes what is held, ends everything. */
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            instance.work.endBy(now() + CLOSE_NANOS);
            ending = true;
            closed = true;
        }
        instance.work.wakeClosing();
        instance.work.enterClose();
        try {
            queues.values().forEach(KeyQueue::close);
            instance.work.await();
        } finally {
            instance.work.leaveClose();
            try {
                store.close();
            } finally {
                environment.close();
            }
        }
    }

    /**
     * Wakes waiters, waits for what is held to be given back, then closes. An interrupt ends the waiting (the flag is kept).
     *
     * @return whether nothing was held any more
     */
    public boolean close(long patienceNanos) {
        long end = now() + patienceNanos;
        ending = true;
        instance.work.enterClose();
        try {
            queues.values().forEach(KeyQueue::dismiss);
            // A queue that nobody waits in is in the map as long as its key is held or being given back.
            while (!queues.isEmpty() && !closed && !Thread.currentThread().isInterrupted() && now() < end) {
                instance.scheduler.park(queues, end - now());
            }
            // In this order: a close() by another thread empties the map after it has said so.
            boolean allEnded = queues.isEmpty() && !closed;
            close();
            return allEnded;
        } finally {
            instance.work.leaveClose();
        }
    }

    // ---- waiting

    private KeyQueue enqueue(Waiter waiter) {
        String key = waiter.key;
        instance.work.begin();
        try {
            while (true) {
                checkOpen(key);
                KeyQueue queue = queues.get(key);
                if (queue == null) {
                    queue = queues.computeIfAbsent(key, k -> new KeyQueue(instance, k));
                }
                // False if it retired just now, or is being closed: then it has left the map, or the instance is
                // closed.
                if (queue.add(waiter)) {
                    // close() may have walked past this queue before it was there.
                    if (closed) {
                        queue.close();
                    } else if (ending) {
                        queue.dismiss();
                    }
                    return queue;
                }
            }
        } finally {
            instance.work.end();
        }
    }

    /** One attempt. If it is interrupted, whatever it may still acquire is given back; see {@link ThreadWaiter#abandon}. */
    private void awaitAnswer(ThreadWaiter waiter, boolean interruptible) {
        boolean interrupted = false;
        try {
            tryOnce(waiter);
            while (!waiter.isSettled()) {
                instance.scheduler.park(waiter, Long.MAX_VALUE);
                if (Thread.interrupted()) {
                    if (interruptible && waiter.failure() == null) {
                        throw Outcomes.interrupted(
                                waiter.key, new InterruptedException("interrupted while asking the store"));
                    }
                    interrupted = true;
                }
            }
        } catch (Throwable t) {
            abandon(waiter, null);
            throw t;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void await(KeyQueue queue, ThreadWaiter waiter, boolean interruptible) {
        boolean interrupted = false;
        boolean watched = false;
        DeadlockDetector.Wait wait = null;
        try {
            while (!waiter.isSettled()) {
                long left = waiter.leftNanos(now());
                if (left <= 0) {
                    queue.timeOut(waiter);
                    continue;
                }
                if (!watched) {
                    long unwatched = deadlocks.afterNanos() - (now() - waiter.startNanos);
                    if (unwatched <= 0) {
                        watched = true;
                        wait = deadlocks.watch(waiter);
                        // The log may have parked this thread, and so have used up a wake-up that was ours: look again.
                        continue;
                    }
                    left = Math.min(left, unwatched);
                }
                instance.scheduler.park(queue, left);
                if (Thread.interrupted()) {
                    if (interruptible) {
                        InterruptedException cause = new InterruptedException("interrupted while waiting");
                        queue.giveUpBecause(waiter, Outcomes.interrupted(queue.key, cause));
                        if (waiter.lease() != null) {
                            // Granted in the same moment: an interrupted acquire always throws, and leaves nothing.
                            throw Outcomes.interrupted(queue.key, cause);
                        }
                    } else {
                        interrupted = true;
                    }
                }
            }
        } catch (Throwable t) {
            abandon(waiter, queue);
            throw t;
        } finally {
            if (wait != null) {
                wait.end();
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Its thread leaves with an exception: what it was granted, or will be, is given back. */
    private static void abandon(ThreadWaiter waiter, @Nullable KeyQueue queue) {
        waiter.abandon();
        LeaseHandle lease = waiter.lease();
        if (lease != null) {
            lease.giveBackUnused();
        } else if (queue != null) {
            queue.giveUpBecause(waiter, Outcomes.notAcquired(waiter.key, "its thread has given up"));
        }
    }

    private Lease notAcquired(Waiter waiter) {
        LockException failure = waiter.failure();
        if (failure == null) {
            throw new IllegalStateException("neither granted nor failed");
        }
        // Made by another thread: what its stack says is of no use to the caller.
        failure.fillInStackTrace();
        waiter.tellFailure(instance, failure);
        throw failure;
    }

    /** One request that does not queue. */
    private void tryOnce(Waiter waiter) {
        instance.work.begin();
        try {
            checkOpen(waiter.key);
            // In order: this thread may have released the key just now, by a step that another thread is about to do.
            KeyQueue queue = queues.get(waiter.key);
            if (queue == null || !queue.inOrder(() -> askOnceAsStep(waiter))) {
                askOnce(waiter);
            }
        } finally {
            instance.work.end();
        }
    }

    /** As a step, which may be done by another thread than the one that waits for it. */
    private void askOnceAsStep(Waiter waiter) {
        try {
            askOnce(waiter);
        } catch (Throwable t) {
            waiter.fail(Outcomes.copy(Outcomes.notAcquired(waiter.key), Outcomes.ofStore(t)));
            waiter.signal(instance);
            throw t;
        }
    }

    private void askOnce(Waiter waiter) {
        String key = waiter.key;
        Token owner = instance.newToken();
        String token = owner.text();
        long leaseMillis = waiter.options.leaseTime().toMillis();
        long sent = now();
        AcquireRequest message = new AcquireRequest(
                key,
                token,
                leaseMillis,
                false,
                Math.min(Holding.CLAIM_MILLIS, leaseMillis),
                KeyRequest.aliveMillis(waiter.retryMillis()),
                null);
        instance.store.ask(to -> to.acquire(message), (reply, error) -> {
            if (error != null) {
                if (error.isTransient() && !error.isSurelyNotSent()) {
                    // It may have taken effect, or may do so still.
                    instance.giveBacks.send(GiveBack.doubtful(key, token, now() + leaseMillis * 1_000_000));
                }
                waiter.fail(ending ? closedMeanwhile(key) : Outcomes.copy(Outcomes.notAcquired(key), error));
            } else if (reply instanceof AcquireReply.Granted granted) {
                long deadline = sent + Belief.validNanos(leaseMillis);
                if (now() < deadline && adopt(owner, granted.fencingToken(), deadline, waiter)) {
                    return;
                }
                instance.giveBacks.send(GiveBack.doubtful(key, token, now() + leaseMillis * 1_000_000));
                waiter.fail(
                        ending
                                ? closedMeanwhile(key)
                                : new StoreUnreachableException(
                                        Outcomes.notAcquired(key) + Outcomes.grantedTooLate(now() - sent, leaseMillis),
                                        null));
            } else if (reply instanceof AcquireReply.Refused refused) {
                waiter.fail(
                        Outcomes.heldBy(Outcomes.notAcquired(key), key, refused.holder(), refused.remainingMillis()));
            }
            waiter.signal(instance);
        });
    }

    private boolean adopt(Token owner, long fencingToken, long deadline, Waiter waiter) {
        while (!ending) {
            KeyQueue queue = queues.computeIfAbsent(waiter.key, k -> new KeyQueue(instance, k));
            if (queue.adopt(queue.newHolding(owner, fencingToken, deadline, waiter), waiter)) {
                if (closed) {
                    queue.close();
                }
                return true;
            }
        }
        return false;
    }

    private static MutexClosedException closedMeanwhile(String key) {
        return Outcomes.closed(key, "closed meanwhile");
    }

    private void checkOpen(String key) {
        if (ending) {
            throw Outcomes.closed(key, "this DistributedMutex is closed");
        }
    }

    // ---- the store

    private <T> T askAndWait(String key, String what, Function<LockStore, CompletionStage<T>> request) {
        return openAndAsk(key, what, () -> instance.store.askAndWait(request));
    }

    private <T> T openAndAsk(String key, String what, Supplier<T> question) {
        if (closed) {
            throw new MutexClosedException("'" + Messages.shown(key) + "' not " + what + ": closed");
        }
        try {
            return question.get();
        } catch (StoreException e) {
            throw Outcomes.copy("'" + Messages.shown(key) + "' not " + what + ": ", e);
        }
    }

    @Override
    public void granted(String key, String token, long fencingToken, int fencingTokens) {
        KeyQueue queue = queues.get(key);
        if (queue != null) {
            queue.granted(token, fencingToken, fencingTokens);
        } else if (!closed) {
            instance.giveBacks.disown(key, token);
        }
    }

    @Override
    public void message(String text) {
        if (!questions.received(text)) {
            deadlocks.received(text);
        }
    }

    @Override
    public void reconnected() {
        // What threads wait for goes first. A poll that finds the key held by what is given back behind it gets a push
        // then.
        queues.values().forEach(KeyQueue::poll);
        instance.giveBacks.reconnected();
        verify(queues.values().iterator());
    }

    /** Asks for each held lease whether it is still there: a failover may have lost it. Paced, since there may be many. */
    private void verify(Iterator<KeyQueue> rest) {
        int asked = 0;
        while (asked < VERIFIED_AT_ONCE && rest.hasNext()) {
            asked += rest.next().verify() ? 1 : 0;
        }
        if (rest.hasNext()) {
            instance.scheduler.runAfter(() -> verify(rest), VERIFY_PAUSE_NANOS);
        }
    }

    @Nullable
    KeyQueue queue(String key) {
        return queues.get(key);
    }

    private long now() {
        return instance.now();
    }

    ThreadHolds holds() {
        return holds;
    }
}
