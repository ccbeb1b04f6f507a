package io.distributedmutex.internal;

import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LockInterruptedException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.MutexListener;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.spi.Timer;
import java.time.Duration;
import java.util.Iterator;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One instance: its keys, its store, its clock. Asynchronous throughout; a blocking call is an asynchronous one on which
 * the caller parks. Keys share nothing but the map that they stand in, so one never delays another.
 *
 * <p>Times inside the engine are nanoseconds since the instance was made, so that they compare without overflow.
 */
public final class Engine implements StoreEvents {

    /** How long close() waits for the store. */
    private static final long CLOSE_NANOS = 2_000_000_000L;

    /** So many leases are verified at once when connections are back, and then again after 5 ms. */
    private static final int VERIFIED_AT_ONCE = 100;

    private static final long VERIFY_PAUSE_NANOS = 5_000_000L;

    /** A wait is worth a look for deadlocks after this long. */
    private static final long DEADLOCK_CHECK_NANOS = 50_000_000L;

    private final LockStore store;
    private final Environment environment;
    private final String label;
    private final Events events;
    private final long origin;
    private final ConcurrentHashMap<String, KeyQueue> queues = new ConcurrentHashMap<>();
    private final DeadlockDetector deadlocks = new DeadlockDetector(this);
    private final ThreadHolds holds = new ThreadHolds(false);
    /** What may still leave something in the store: requests being made or answered, and what is being given back. */
    private final AtomicInteger unfinished = new AtomicInteger();

    private final GiveBacks giveBacks = new GiveBacks(this);

    /** Timers that the environment did not take; see {@link #schedule}. */
    private final Queue<Timer> unscheduled = new ConcurrentLinkedQueue<>();

    /** Whether nothing can be acquired any more; what is held may be used still, until it is closed. */
    private volatile boolean ending;

    private volatile boolean closed;
    /** When close() waits no longer for the store. */
    private volatile long closeEndNanos = Long.MAX_VALUE;

    /** The threads in close(): to be woken when something has ended. */
    private final Set<Thread> closing = ConcurrentHashMap.newKeySet();

    /**
     * Starts the store.
     *
     * @param label the holder's label
     */
    public Engine(LockStore store, Environment environment, String label, @Nullable MutexListener listener) {
        this.store = store;
        this.environment = environment;
        this.label = label;
        this.events = new Events(this, listener);
        this.origin = environment.nanoTime();
        store.start(label, this);
    }

    // ---- what users ask

    /** Waits for the wait time of the options; interruptible. */
    public Lease acquire(String key, LockOptions options) {
        return acquire(key, options, options.waitTime().toNanos(), true);
    }

    /**
     * Waits.
     *
     * @param waitNanos how long at most; {@link Long#MAX_VALUE} for no limit
     */
    Lease acquire(String key, LockOptions options, long waitNanos, boolean interruptible) {
        Checks.key(key);
        if (interruptible && Thread.interrupted()) {
            throw interrupted(key, new InterruptedException("interrupted before waiting"));
        }
        Waiter waiter = new Waiter(key, options, now(), waitNanos, Thread.currentThread(), null);
        if (waitNanos <= 0) {
            awaitAnswer(waiter, interruptible);
        } else {
            await(enqueue(waiter), waiter, interruptible);
        }
        HeldLease lease = waiter.lease();
        return lease != null ? lease : notAcquired(waiter);
    }

    /** Returns null if the key is taken. */
    public @Nullable Lease tryAcquire(String key, LockOptions options) {
        Checks.key(key);
        KeyQueue queue = queues.get(key);
        LockNotAcquiredException refusal = queue == null ? null : queue.refusal();
        if (refusal != null) {
            checkOpen(key);
            events.notAcquired(key, FlightEvents.beginAcquire(), 0, refusal);
            return null;
        }
        try {
            return acquire(key, options, 0, false);
        } catch (LockNotAcquiredException e) {
            return null;
        }
    }

    /** Waits for the wait time of the options, without a thread. */
    public CompletableFuture<Lease> acquireAsync(String key, LockOptions options) {
        Checks.key(key);
        CompletableFuture<Lease> future = new CompletableFuture<>();
        Waiter waiter = new Waiter(key, options, now(), options.waitTime().toNanos(), null, future);
        if (waiter.waitNanos == 0) {
            tryOnce(waiter);
        } else {
            KeyQueue queue = enqueue(waiter);
            // Whatever ends it before we do: cancel, orTimeout, complete, completeOnTimeout and the like.
            CompletableFuture<Lease> unused = future.whenComplete((lease, error) -> {
                if (!waiter.isSettled()) {
                    String by = future.isCancelled() ? "cancelled" : "completed by its user";
                    queue.giveUpBecause(
                            waiter,
                            new LockNotAcquiredException(
                                    "'" + Checks.shown(key) + "' not acquired: the future was " + by, key, null, null));
                }
            });
        }
        return future;
    }

    /** Looks at a key. */
    public Optional<LockInfo> inspect(String key) {
        Checks.key(key);
        return required(askAndWait(key, "inspected", () -> store.inspect(key)));
    }

    /** Releases a key by force. */
    public Optional<LockInfo> forceRelease(String key) {
        Checks.key(key);
        Optional<LockInfo> evicted = required(askAndWait(key, "released", () -> store.forceRelease(key)));
        evicted.ifPresent(info -> events.forcedRelease(info, label));
        return evicted;
    }

    /** Wakes waiters, takes what is held, ends everything. */
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closeEndNanos = now() + CLOSE_NANOS;
            ending = true;
            closed = true;
        }
        wakeClosing();
        closing.add(Thread.currentThread());
        try {
            queues.values().forEach(KeyQueue::close);
            while (unfinished.get() > 0 && now() < closeEndNanos) {
                parkUninterruptibly(this, closeEndNanos - now());
            }
        } finally {
            closing.remove(Thread.currentThread());
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
        closing.add(Thread.currentThread());
        try {
            queues.values().forEach(KeyQueue::dismiss);
            // A queue that nobody waits in is in the map as long as its key is held or being given back.
            while (!queues.isEmpty() && !closed && !Thread.currentThread().isInterrupted() && now() < end) {
                environment.park(queues, end - now());
            }
            // In this order: a close() by another thread empties the map after it has said so.
            boolean allEnded = queues.isEmpty() && !closed;
            close();
            return allEnded;
        } finally {
            closing.remove(Thread.currentThread());
        }
    }

    private void wakeClosing() {
        if (ending) {
            closing.forEach(LockSupport::unpark);
        }
    }

    // ---- waiting

    private KeyQueue enqueue(Waiter waiter) {
        String key = waiter.key;
        begin();
        try {
            while (true) {
                checkOpen(key);
                KeyQueue queue = queues.get(key);
                if (queue == null) {
                    queue = queues.computeIfAbsent(key, k -> new KeyQueue(this, k));
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
            end();
        }
    }

    /**
     * Something begins that may leave something in the store. Called before the look at {@code ending}, so that either that
     * look sees the close, or close() sees this and waits for its {@link #end}, by when all is given back that has to be.
     */
    void begin() {
        unfinished.incrementAndGet();
    }

    void end() {
        if (unfinished.decrementAndGet() == 0) {
            wakeClosing();
        }
        if (!unscheduled.isEmpty()) {
            scheduleAgain();
        }
    }

    /** One attempt. If it is interrupted, whatever it may still acquire is given back; see {@link Waiter#signal}. */
    private void awaitAnswer(Waiter waiter, boolean interruptible) {
        boolean interrupted = false;
        try {
            tryOnce(waiter);
            while (!waiter.isSettled()) {
                environment.park(waiter, Long.MAX_VALUE);
                if (Thread.interrupted()) {
                    if (interruptible && waiter.failure() == null) {
                        throw interrupted(waiter.key, new InterruptedException("interrupted while asking the store"));
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

    private void await(KeyQueue queue, Waiter waiter, boolean interruptible) {
        boolean interrupted = false;
        boolean checked = false;
        try {
            while (!waiter.isSettled()) {
                long left = waiter.leftNanos(now());
                if (left <= 0) {
                    queue.timeOut(waiter);
                    continue;
                }
                if (!checked && now() - waiter.startNanos >= DEADLOCK_CHECK_NANOS) {
                    checked = true;
                    deadlocks.waiting(queue.key, waiter);
                    // The log may have parked this thread, and so have used up a wake-up that was ours: look again.
                    continue;
                }
                environment.park(queue, checked ? left : Math.min(left, DEADLOCK_CHECK_NANOS));
                if (Thread.interrupted()) {
                    if (interruptible) {
                        InterruptedException cause = new InterruptedException("interrupted while waiting");
                        queue.giveUpBecause(waiter, interrupted(queue.key, cause));
                        if (waiter.lease() != null) {
                            // Granted in the same moment: an interrupted acquire always throws, and leaves nothing.
                            throw interrupted(queue.key, cause);
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
            if (checked) {
                deadlocks.resolved();
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Its thread leaves with an exception: what it was granted, or will be, is given back. */
    private static void abandon(Waiter waiter, @Nullable KeyQueue queue) {
        // First, as it cannot fail: whoever grants to this waiter from now on gives back; see Waiter.signal.
        waiter.abandoned = true;
        HeldLease lease = waiter.lease();
        if (lease != null) {
            lease.giveBackUnused();
        } else if (queue != null) {
            queue.giveUpBecause(
                    waiter,
                    new LockNotAcquiredException(
                            "'" + Checks.shown(waiter.key) + "' not acquired: its thread has given up",
                            waiter.key,
                            null,
                            null));
        }
    }

    private Lease notAcquired(Waiter waiter) {
        LockException failure = waiter.failure();
        if (failure == null) {
            throw new IllegalStateException("neither granted nor failed");
        }
        // Made by another thread: what its stack says is of no use to the caller.
        failure.fillInStackTrace();
        events.notAcquired(waiter.key, waiter.event, now() - waiter.startNanos, failure);
        throw failure;
    }

    /** One request that does not queue. */
    private void tryOnce(Waiter waiter) {
        begin();
        try {
            checkOpen(waiter.key);
            // In order: this thread may have released the key just now, by a step that another thread is about to do.
            KeyQueue queue = queues.get(waiter.key);
            if (queue == null || !queue.inOrder(() -> askOnceAsStep(waiter))) {
                askOnce(waiter);
            }
        } finally {
            end();
        }
    }

    /** As a step, which may be done by another thread than the one that waits for it. */
    private void askOnceAsStep(Waiter waiter) {
        try {
            askOnce(waiter);
        } catch (Throwable t) {
            waiter.fail(copy("'" + Checks.shown(waiter.key) + "' not acquired: ", storeException(t)));
            waiter.signal(this);
            throw t;
        }
    }

    private void askOnce(Waiter waiter) {
        String key = waiter.key;
        Token owner = Token.draw(environment);
        String token = owner.text();
        long leaseMillis = waiter.options.leaseTime().toMillis();
        long sent = now();
        AcquireRequest message = new AcquireRequest(
                key,
                token,
                leaseMillis,
                false,
                Math.min(Request.CLAIM_MILLIS, leaseMillis),
                Request.aliveMillis(waiter.retryMillis()),
                null);
        ask(() -> store.acquire(message), (reply, error) -> {
            if (error != null) {
                if (error.isTransient() && !error.isSurelyNotSent()) {
                    // It may have taken effect, or may do so still.
                    giveBack(GiveBack.doubtful(key, token, now() + leaseMillis * 1_000_000));
                }
                waiter.fail(ending ? closedMeanwhile(key) : copy("'" + Checks.shown(key) + "' not acquired: ", error));
            } else if (reply instanceof AcquireReply.Granted granted) {
                long deadline = sent + validNanos(leaseMillis);
                if (now() < deadline && adopt(owner, granted.fencingToken(), deadline, waiter)) {
                    return;
                }
                giveBack(GiveBack.doubtful(key, token, now() + leaseMillis * 1_000_000));
                waiter.fail(
                        ending
                                ? closedMeanwhile(key)
                                : new StoreUnreachableException(
                                        "'" + Checks.shown(key) + "' not acquired: "
                                                + grantedTooLate(now() - sent, leaseMillis),
                                        null));
            } else if (reply instanceof AcquireReply.Refused refused) {
                waiter.fail(notAcquired(
                        "'" + Checks.shown(key) + "' not acquired: ",
                        key,
                        refused.holder(),
                        refused.remainingMillis()));
            }
            waiter.signal(this);
        });
    }

    private boolean adopt(Token owner, long fencingToken, long deadline, Waiter waiter) {
        while (!ending) {
            KeyQueue queue = queues.computeIfAbsent(waiter.key, k -> new KeyQueue(this, k));
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
        return new MutexClosedException("'" + Checks.shown(key) + "' not acquired: closed meanwhile");
    }

    private void checkOpen(String key) {
        if (ending) {
            throw new MutexClosedException("'" + Checks.shown(key) + "' not acquired: this DistributedMutex is closed");
        }
    }

    // ---- the store

    /**
     * Makes a request. Never throws: whatever way it fails, the answer is taken in once, as a reply or a StoreException. An
     * {@link Error} counts as an unreachable store: the caller's stack may have been at its end, and another thread's is not.
     */
    <T> void ask(Supplier<CompletionStage<T>> request, BiConsumer<@Nullable T, @Nullable StoreException> answer) {
        begin();
        Asking<T> asking = new Asking<>(answer);
        try {
            request.get().whenComplete(asking);
        } catch (Throwable t) {
            asking.accept(null, t);
        }
    }

    /** A request on its way: takes in the first answer. */
    private final class Asking<T> extends AtomicBoolean implements BiConsumer<@Nullable T, @Nullable Throwable> {
        private static final long serialVersionUID = 1L;

        private final transient BiConsumer<@Nullable T, @Nullable StoreException> answer;

        Asking(BiConsumer<@Nullable T, @Nullable StoreException> answer) {
            this.answer = answer;
        }

        @Override
        public void accept(@Nullable T reply, @Nullable Throwable error) {
            if (!compareAndSet(false, true)) {
                return;
            }
            try {
                StoreException failure = error != null
                        ? storeException(error)
                        : reply == null ? storeException(new NullPointerException("a reply of null")) : null;
                if (failure == null) {
                    events.outage().answered();
                } else if (failure instanceof StoreUnreachableException) {
                    events.outage().failed(failure);
                }
                answer.accept(failure == null ? reply : null, failure);
            } catch (Throwable t) {
                events.bug("an answer of the store was not taken in", t);
            } finally {
                end();
            }
        }
    }

    private <T> T askAndWait(String key, String what, Supplier<CompletionStage<T>> request) {
        if (closed) {
            throw new MutexClosedException("'" + Checks.shown(key) + "' not " + what + ": closed");
        }
        CompletableFuture<T> answer = new CompletableFuture<>();
        ask(request, (reply, error) -> {
            if (error != null) {
                answer.completeExceptionally(error);
            } else {
                answer.complete(reply);
            }
        });
        try {
            return required(await(answer, Long.MAX_VALUE));
        } catch (StoreException e) {
            throw copy("'" + Checks.shown(key) + "' not " + what + ": ", e);
        }
    }

    private static <T> T required(@Nullable T value) {
        if (value == null) {
            throw new IllegalStateException("the store answered with null");
        }
        return value;
    }

    /** Gives something back; see {@link GiveBacks}. */
    void giveBack(GiveBack what) {
        giveBacks.send(what);
    }

    /** Until when something is repeated that is over by itself at a time: while closing, until that ends. */
    long endOfAttempts(long untilNanos) {
        return Math.min(untilNanos, closeEndNanos);
    }

    /** Frees what the store may hold for a token that nobody here knows any more. */
    void disown(String key, String token) {
        giveBack(GiveBack.cancel(key, token, now() + Request.ALIVE_MILLIS * 1_000_000));
    }

    @Override
    public void granted(String key, String token, long fencingToken, int fencingTokens) {
        KeyQueue queue = queues.get(key);
        if (queue != null) {
            queue.granted(token, fencingToken, fencingTokens);
        } else if (!closed) {
            disown(key, token);
        }
    }

    @Override
    public void reconnected() {
        // What threads wait for goes first. A poll that finds the key held by what is given back behind it gets a push
        // then.
        queues.values().forEach(KeyQueue::poll);
        giveBacks.reconnected();
        verify(queues.values().iterator());
    }

    /** Asks for each held lease whether it is still there: a failover may have lost it. Paced, since there may be many. */
    private void verify(Iterator<KeyQueue> rest) {
        int asked = 0;
        while (asked < VERIFIED_AT_ONCE && rest.hasNext()) {
            asked += rest.next().verify() ? 1 : 0;
        }
        if (rest.hasNext()) {
            runAfter(() -> verify(rest), VERIFY_PAUSE_NANOS);
        }
    }

    void retire(KeyQueue queue) {
        queues.remove(queue.key, queue);
        wakeClosing();
    }

    @Nullable
    KeyQueue queue(String key) {
        return queues.get(key);
    }

    // ---- parking

    /** Waits for an answer, interrupted or not (the flag is kept). Returns null if there is none in time. */
    <T> @Nullable T await(CompletableFuture<T> answer, long nanos) {
        if (!answer.isDone()) {
            Thread thread = Thread.currentThread();
            CompletableFuture<T> unused = answer.whenComplete((reply, error) -> LockSupport.unpark(thread));
            long start = now();
            boolean interrupted = false;
            while (!answer.isDone() && now() - start < nanos) {
                environment.park(answer, nanos == Long.MAX_VALUE ? nanos : nanos - (now() - start));
                interrupted |= Thread.interrupted();
            }
            if (interrupted) {
                thread.interrupt();
            }
        }
        try {
            return answer.isDone() ? answer.join() : null;
        } catch (CompletionException e) {
            throw storeException(e);
        }
    }

    /** Waits for a time, interrupted or not (the flag is kept). */
    void sleep(Object blocker, long nanos) {
        long end = now() + nanos;
        while (now() < end) {
            parkUninterruptibly(blocker, end - now());
        }
    }

    private void parkUninterruptibly(Object blocker, long nanos) {
        environment.park(blocker, nanos);
        if (Thread.interrupted()) {
            // The flag would make every further park return at once: wait in a way that keeps it.
            try {
                environment.park(blocker, Math.min(nanos, 1_000_000));
            } finally {
                Thread.currentThread().interrupt();
            }
        }
    }

    // ---- shared

    long now() {
        try {
            return environment.nanoTime() - origin;
        } catch (Throwable t) {
            // An environment's clock may log, say, and its logger throw. Once more: much is decided halfway without a
            // time.
            return environment.nanoTime() - origin;
        }
    }

    /**
     * Has a timer run. Never throws: an environment that fails, for want of memory or threads, is asked once more now, and
     * then whenever this instance has done something.
     */
    void schedule(Timer timer, long atNanos) {
        try {
            environment.schedule(timer, atNanos);
        } catch (Throwable first) {
            try {
                environment.schedule(timer, atNanos);
            } catch (Throwable second) {
                timer.setAtNanos(atNanos);
                unscheduled.add(timer);
                events.bug("a timer was not scheduled, which is tried again soon", second);
            }
        }
    }

    private void scheduleAgain() {
        for (int most = unscheduled.size(); most > 0; most--) {
            Timer timer = unscheduled.poll();
            if (timer == null) {
                return;
            }
            schedule(timer, timer.atNanos());
        }
    }

    /** Runs a task once after a delay; see {@link #schedule}. */
    Timer runAfter(Runnable task, long delayNanos) {
        Timer timer = new Timer() {
            @Override
            public void run() {
                task.run();
            }
        };
        // Half of what can be compared by subtraction.
        schedule(timer, atNanos(now() + Math.max(0, Math.min(delayNanos, Long.MAX_VALUE / 2))));
        return timer;
    }

    /** Never throws. Every timer of ours finds out by itself if it has nothing to do any more. */
    void cancel(Timer timer) {
        try {
            environment.cancel(timer);
        } catch (Throwable t) {
            events.bug("a timer was not cancelled", t);
        }
        if (!unscheduled.isEmpty()) {
            unscheduled.remove(timer);
        }
    }

    /** Runs user code on a callback thread. Never throws: where there is none to be had, it runs here. */
    void execute(Runnable callback) {
        execute(callback, environment::execute);
    }

    /** The same for what a holder must learn in time. */
    void executeAtOnce(Runnable callback) {
        execute(callback, environment::executeAtOnce);
    }

    private void execute(Runnable callback, Consumer<Runnable> thread) {
        Once once = new Once(callback);
        try {
            thread.accept(once);
        } catch (Throwable t) {
            events.bug("a callback found no thread, and runs on one of the library's", t);
            try {
                once.run();
            } catch (Throwable thrown) {
                events.bug("a callback threw", thrown);
            }
        }
    }

    /** A callback that runs once, also where an executor took it and threw all the same. */
    private static final class Once extends AtomicBoolean implements Runnable {
        private static final long serialVersionUID = 1L;

        private final transient Runnable callback;

        Once(Runnable callback) {
            this.callback = callback;
        }

        @Override
        public void run() {
            if (compareAndSet(false, true)) {
                callback.run();
            }
        }
    }

    /** A time of ours on the environment's clock. */
    long atNanos(long time) {
        return time + origin;
    }

    /**
     * How long a lease may be believed in, counted from before its request was sent: the lease time less a margin of 1 % for
     * clocks that run at different rates (the factor that Redlock uses) and 2 ms for the resolution of the store's expiry.
     */
    static long validNanos(long leaseMillis) {
        return leaseMillis * 1_000_000 - leaseMillis * 10_000 - 2_000_000;
    }

    Environment environment() {
        return environment;
    }

    LockStore store() {
        return store;
    }

    Events events() {
        return events;
    }

    String label() {
        return label;
    }

    ThreadHolds holds() {
        return holds;
    }

    private static LockInterruptedException interrupted(String key, InterruptedException cause) {
        Thread.currentThread().interrupt();
        return new LockInterruptedException("'" + Checks.shown(key) + "' not acquired: interrupted", cause);
    }

    static String grantedTooLate(long afterNanos, long leaseMillis) {
        return "the store's grant arrived after " + Checks.about(Duration.ofNanos(afterNanos))
                + ", when the lease time of " + Checks.about(Duration.ofMillis(leaseMillis)) + " was over";
    }

    static String stillFor(long millis) {
        return " for " + Checks.about(Duration.ofMillis(millis)) + " still";
    }

    static LockNotAcquiredException notAcquired(
            String prefix, String key, @Nullable String holder, long remainingMillis) {
        String who = holder == null ? "another client that is not of this library" : Checks.shown(holder);
        String howLong = remainingMillis < 0 ? ", without an expiry" : stillFor(remainingMillis);
        return new LockNotAcquiredException(
                prefix + "held by " + who + howLong,
                key,
                holder,
                remainingMillis < 0 ? null : Duration.ofMillis(remainingMillis));
    }

    /** The same outcome for one caller: with what it was about, and without a stack shared with others. */
    static StoreException copy(String prefix, StoreException error) {
        String message = prefix + error.getMessage();
        if (error instanceof StoreRefusedException refused) {
            return error.isSurelyNotSent()
                    ? StoreRefusedException.notSent(refused.reason(), message, error)
                    : new StoreRefusedException(refused.reason(), message, error);
        }
        return error.isSurelyNotSent()
                ? StoreUnreachableException.notSent(message, error)
                : new StoreUnreachableException(message, error);
    }

    private static StoreException storeException(Throwable error) {
        Throwable cause = error;
        while (cause instanceof CompletionException && cause.getCause() != null) {
            cause = cause.getCause();
        }
        if (cause instanceof StoreException known) {
            return known;
        }
        String message = "the store failed: " + cause;
        return cause instanceof Error
                ? new StoreUnreachableException(message, cause)
                : new StoreRefusedException(StoreRefusedException.Reason.OTHER, message, cause);
    }
}
