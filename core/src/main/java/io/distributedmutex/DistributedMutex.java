package io.distributedmutex;

import io.distributedmutex.internal.DefaultLabel;
import io.distributedmutex.internal.Engine;
import io.distributedmutex.internal.LazyStore;
import io.distributedmutex.internal.LockView;
import io.distributedmutex.internal.SystemEnvironment;
import io.distributedmutex.spi.Checks;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Messages;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Lock;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A mutex across processes and machines. Make one per application; it is thread-safe, and any number of keys and
 * threads may use it.
 *
 * <p>A key is any non-empty text of at most 512 characters that is well-formed Unicode; case matters. Every method that
 * takes one throws {@link IllegalArgumentException} for another, {@link NullPointerException} for null, and
 * {@link MutexClosedException} after {@link #close}; of {@link #asLock} it is the view that throws this, when it locks.
 *
 * <p>A view made by {@link #with(UnaryOperator)} shares everything with the instance that it was made from but the options.
 */
public final class DistributedMutex implements AutoCloseable {

    private static final int MAXIMUM_NAME_LENGTH = 128;

    private final Engine engine;
    private final LockOptions options;
    private final @Nullable String owner;

    private DistributedMutex(Engine engine, LockOptions options, @Nullable String owner) {
        this.engine = engine;
        this.options = options;
        this.owner = owner;
    }

    /**
     * Builds an instance on any store. For Redis use {@code RedisMutex.connect}.
     *
     * @param store the store, which the instance then owns and closes
     * @return a new builder
     */
    public static Builder builder(LockStore store) {
        Objects.requireNonNull(store, "store");
        return new Builder(() -> store, false);
    }

    /**
     * Builds an instance on a store that is made, such as connected, only when the instance is built: options that are
     * refused then cost no connection.
     *
     * @param store makes the store, which the instance then owns and closes; asked once by each {@link Builder#build},
     *     which throws whatever it throws
     * @return a new builder
     */
    public static Builder builder(Supplier<? extends LockStore> store) {
        return new Builder(Objects.requireNonNull(store, "store"), true);
    }

    /**
     * A cheap view of this instance with other options.
     *
     * @param change sets the options that differ, for instance {@code o -> o.leaseTime(ofSeconds(10))}
     * @return the view; closing it closes the instance
     * @throws IllegalArgumentException if the options are out of bounds or contradict each other
     */
    public DistributedMutex with(UnaryOperator<LockOptions.Builder> change) {
        return new DistributedMutex(engine, change.apply(options.toBuilder()).build(), owner);
    }

    /**
     * A cheap view of this instance for one piece of work: what is acquired through it belongs to an owner of this name, instead
     * of to the thread. {@linkplain OnDeadlock Deadlocks} are found among owners, and messages name them. For work that has no
     * thread of its own: futures, reactive code, a request that many threads serve. Without it {@link #acquireAsync} acquires for
     * nobody, and such leases are not part of any deadlock that is found.
     *
     * <p>An owner means one piece of work that goes on only when all that it waits for is there. So give each its own name, such
     * as a request's id. Locks of {@link #asLock} stay reentrant by thread.
     *
     * @param owner 1 to 128 characters; the same name is the same owner, in this instance
     * @return the view; closing it closes the instance
     * @throws IllegalArgumentException if it is empty, longer, or not well-formed Unicode
     */
    public DistributedMutex owner(String owner) {
        return new DistributedMutex(engine, options, Checks.text("owner", owner, MAXIMUM_NAME_LENGTH));
    }

    /**
     * The options that this view acquires with.
     *
     * @return the options
     */
    public LockOptions options() {
        return options;
    }

    /**
     * Acquires a key, and waits for it at most the wait time.
     *
     * @param key the key
     * @return the lease; use try-with-resources
     * @throws LockNotAcquiredException if others held the key all the time; it names the holder and the time left.
     *     {@link DeadlockException} if this wait was ended to break a deadlock
     * @throws StoreException if the store could not be reached or refused. What it may have granted is given back in the
     *     background, and ends with the lease time at the latest
     * @throws LockInterruptedException if the thread is interrupted; its flag is kept, nothing is left behind
     */
    public Lease acquire(String key) {
        return engine.acquire(key, options, owner);
    }

    /**
     * Acquires a key, and waits for it at most a given time, instead of the wait time of the options.
     *
     * @param key the key
     * @param waitTime from 0 (one attempt) to 365 days; a fraction of a millisecond is rounded up
     * @return the lease; use try-with-resources
     * @throws IllegalArgumentException if the time is out of bounds
     * @throws LockNotAcquiredException if others held the key all the time; it names the holder and the time left.
     *     {@link DeadlockException} if this wait was ended to break a deadlock
     * @throws StoreException if the store could not be reached or refused. What it may have granted is given back in the
     *     background, and ends with the lease time at the latest
     * @throws LockInterruptedException if the thread is interrupted; its flag is kept, nothing is left behind
     */
    public Lease acquire(String key, Duration waitTime) {
        return engine.acquire(key, waiting(waitTime), owner);
    }

    /**
     * Acquires a key if it is free now. Never waits for other holders and never queues behind them. Takes one round
     * trip, or two if it finds the key taken, or none if this instance holds it. Takes no notice of an interrupt (the flag is kept), unlike an
     * {@link #acquire(String, Duration) acquire} with a wait time of zero.
     *
     * @param key the key
     * @return the lease, or empty if the key is taken or others wait for it
     * @throws StoreException if the store could not be reached within its command time-out, or refused; not retried
     */
    public Optional<Lease> tryAcquire(String key) {
        return Optional.ofNullable(engine.tryAcquire(key, options, owner));
    }

    /**
     * Acquires a key if it becomes free in time. Does what {@link #acquire(String, Duration)} does, but returns nothing where
     * that throws {@link LockNotAcquiredException}.
     *
     * @param key the key
     * @param waitTime from 0, which makes this {@link #tryAcquire(String)}, to 365 days; a fraction of a millisecond is
     *     rounded up
     * @return the lease, or empty if others held the key all the time, or this wait was ended to break a deadlock
     * @throws IllegalArgumentException if the time is out of bounds
     * @throws StoreException if the store could not be reached or refused. What it may have granted is given back in the
     *     background, and ends with the lease time at the latest
     * @throws LockInterruptedException if the thread is interrupted while it waits; its flag is kept, nothing is left
     *     behind
     */
    public Optional<Lease> tryAcquire(String key, Duration waitTime) {
        LockOptions waiting = waiting(waitTime);
        if (waiting.waitTime().isZero()) {
            return Optional.ofNullable(engine.tryAcquire(key, waiting, owner));
        }
        try {
            return Optional.of(engine.acquire(key, waiting, owner));
        } catch (LockNotAcquiredException e) {
            return Optional.empty();
        }
    }

    private LockOptions waiting(Duration waitTime) {
        return options.toBuilder().waitTime(waitTime).build();
    }

    /**
     * Acquires a key without a thread that waits for it. To give up, end the future: by {@code cancel}, {@code orTimeout},
     * {@code complete} or {@code completeOnTimeout}. Nothing is left behind then; a lease that is granted in the same moment
     * is given back.
     *
     * @param key the key
     * @return completes with the lease, or exceptionally with what {@link #acquire} would throw. Dependent stages run on a
     *     callback thread of the instance and may block. Interrupts have no effect
     */
    public CompletableFuture<Lease> acquireAsync(String key) {
        return engine.acquireAsync(key, options, owner);
    }

    /**
     * Acquires a key, does work under its lease, and gives the lease back.
     *
     * @param key the key
     * @param action the work
     * @param <E> what the work may throw; passes through
     * @throws E what the work threw
     * @throws LeaseLostException if the work ended normally but the lease had been lost before, or this instance closed
     * @throws LockException as {@link #acquire}
     */
    public <E extends Exception> void run(String key, LeaseAction<E> action) throws E {
        Objects.requireNonNull(action, "action");
        this.<@Nullable Void, E>call(key, lease -> {
            action.run(lease);
            return null;
        });
    }

    /**
     * Acquires a key, does work with a result under its lease, and gives the lease back. {@link LockOptions.Builder#onLost} says
     * what becomes of the work when the lease is lost.
     *
     * @param key the key
     * @param function the work
     * @param <R> the result
     * @param <E> what the work may throw; passes through
     * @return the result
     * @throws E what the work threw
     * @throws LeaseLostException if the work ended normally but the lease had been lost before, or this instance closed
     * @throws LockException as {@link #acquire}
     */
    public <R extends @Nullable Object, E extends Exception> R call(String key, LeaseFunction<R, E> function) throws E {
        Objects.requireNonNull(function, "function");
        try (Lease lease = acquire(key)) {
            R result = options.onLost() == OnLost.INTERRUPT ? callInterruptibly(lease, function) : function.call(lease);
            if (lease.state() == LeaseState.LOST) {
                throw lostMeanwhile(lease, null);
            }
            return result;
        }
    }

    private static <R extends @Nullable Object, E extends Exception> R callInterruptibly(
            Lease lease, LeaseFunction<R, E> function) throws E {
        LossInterruption interruption = LossInterruption.of(lease);
        try {
            return function.call(lease);
        } catch (Exception e) {
            if (lease.state() == LeaseState.LOST) {
                throw lostMeanwhile(lease, e);
            }
            throw e;
        } finally {
            interruption.end();
        }
    }

    private static LeaseLostException lostMeanwhile(Lease lease, @Nullable Exception cause) {
        return new LeaseLostException(
                "the lease on '" + Messages.shown(lease.key())
                        + "' was lost while its work ran, so another holder may have interfered",
                lease.lossReason().orElse(null),
                cause);
    }

    /**
     * The key as a {@link Lock}: reentrant by thread, for code that wants a lock. All views of one key on one instance
     * share their holds.
     *
     * <p>{@code lock()} waits for other holders without limit. It throws {@link StoreUnreachableException} once the store has
     * been unreachable for the wait time. {@code unlock()} throws {@link IllegalMonitorStateException} if the thread does not
     * hold the lock. It throws {@link LeaseLostException} if the lease was lost meanwhile, and so does a nested
     * {@code lock()}; the hold is then over. {@code newCondition()} is not supported. All other failures are those of
     * {@link #acquire}.
     *
     * @param key the key
     * @return a view without a state of its own
     */
    public Lock asLock(String key) {
        return new LockView(engine, key, options, owner);
    }

    /**
     * Looks at a key without touching it.
     *
     * @param key the key
     * @return who holds it, or empty if it is free
     * @throws StoreException if the store could not be reached within its command time-out, or refused
     */
    public Optional<LockInfo> inspect(String key) {
        return engine.inspect(key);
    }

    /**
     * Asks the instance that holds a key who holds it there, and what that one itself waits for. So a chain of those who wait for
     * each other can be followed by hand. Takes two requests and the answer; waits for that 1 s at most, interrupted or not (the
     * flag is kept).
     *
     * @param key the key
     * @return what it said; empty if the key is free, if it is held by another library or by a version without this, or if the
     *     instance does not answer, is gone, or {@linkplain OnDeadlock#IGNORE ignores} deadlocks
     * @throws StoreException if the store could not be reached within its command time-out, or refused
     */
    public Optional<HolderStatus> askHolder(String key) {
        return engine.askHolder(key);
    }

    /**
     * Takes a key from its holder. The next waiter gets it; without one it is free. The holder believes in its lease until its
     * next renewal, its release or its deadline. A WARN line names this instance's label.
     *
     * @param key the key
     * @return who held it, or empty if it was free
     * @throws StoreException if the store could not be reached within its command time-out, or refused
     */
    public Optional<LockInfo> forceRelease(String key) {
        return engine.forceRelease(key);
    }

    /**
     * What this instance holds and waits for. No I/O; the cost grows with the leases and waiters. It looks at one key after the
     * other, so the status is not that of one moment.
     *
     * @return the status; after {@link #close} nothing is in it
     */
    public MutexStatus status() {
        return engine.status();
    }

    /**
     * Ends the instance at once. All waiters get a {@link MutexClosedException}; connections and threads end. Leases that are
     * still held are lost ({@link LossReason#CLOSED}): their listeners hear of it, and their keys are released in the store.
     * Waits at most 2 s for the store's answers, interrupted or not (the flag is kept). Idempotent.
     */
    @Override
    public void close() {
        engine.close();
    }

    /**
     * Ends the instance when its leases have been given back. From now on all waiters and all new calls to acquire get a
     * {@link MutexClosedException}; leases are used, renewed and released as ever. Does what {@link #close()} does as soon as
     * no lease is held, the patience is over, or this thread is interrupted (the flag is kept).
     *
     * <p>A thread that holds a lease must not call this: it would wait for itself.
     *
     * @param patience how long at most to wait for leases, from 0 to 365 days
     * @return whether all leases had ended when it closed, so that none was lost; false if another call closed it first
     * @throws IllegalArgumentException if the patience is out of bounds
     */
    public boolean close(Duration patience) {
        return engine.close(Checks.roundedUp("patience", patience, Duration.ZERO, LockOptions.MAXIMUM)
                .toNanos());
    }

    /** Builds an instance. Not thread-safe. */
    public static final class Builder {

        private final Supplier<? extends LockStore> store;
        private final boolean makesStore;
        private LockOptions options = LockOptions.defaults();
        private @Nullable String holderLabel;
        private @Nullable String application;
        private final List<MutexListener> listeners = new ArrayList<>();
        private @Nullable Environment environment;
        private @Nullable Executor callbackExecutor;
        private @Nullable Boolean countWallClockSteps;
        private boolean lazy;
        private OnDeadlock onDeadlock = OnDeadlock.REPORT;
        private Duration deadlocksAfter = Duration.ofSeconds(1);
        private UnaryOperator<LockStore> decorator = UnaryOperator.identity();

        private Builder(Supplier<? extends LockStore> store, boolean makesStore) {
            this.store = store;
            this.makesStore = makesStore;
        }

        /**
         * How locks are acquired and held unless a view says otherwise. Default {@link LockOptions#defaults()}: a lease of
         * 1 min, a wait of 5 s, no renewal. {@link LockOptions.Builder} says the bounds and what each option trades.
         *
         * @param options the options
         * @return this builder
         */
        public Builder options(LockOptions options) {
            this.options = Objects.requireNonNull(options, "options");
            return this;
        }

        /**
         * The name of this instance for people: others see it in messages, with its leases and in the store. Default: host
         * name and process id, after the {@link #application} if that is given. It is no secret, and has no effect on who
         * owns what.
         *
         * @param holderLabel 1 to 128 characters
         * @return this builder
         * @throws IllegalArgumentException if it is empty, longer, or not well-formed Unicode
         */
        public Builder holderLabel(String holderLabel) {
            Checks.text("holderLabel", holderLabel, DefaultLabel.MAXIMUM_LENGTH);
            this.holderLabel = holderLabel;
            return this;
        }

        /**
         * The name of the application, which makes the default label {@code application@host:pid}. Default: none. Without
         * effect beside a {@link #holderLabel}.
         *
         * @param application one character or more; cut where the label would be longer than 128 characters
         * @return this builder
         * @throws IllegalArgumentException if it is empty, or not well-formed Unicode
         */
        public Builder application(String application) {
            this.application = Checks.text("application", application, Integer.MAX_VALUE);
            return this;
        }

        /**
         * Hears of everything that happens. Default: nobody. May be called several times: each listener hears everything, in the
         * order in which they were given. They run on a callback thread; a slow listener makes all of them miss events, and
         * delays no lock.
         *
         * @param listener one more listener
         * @return this builder
         */
        public Builder listener(MutexListener listener) {
            listeners.add(Objects.requireNonNull(listener, "listener"));
            return this;
        }

        /**
         * Where callbacks run: stages of futures of {@code acquireAsync}, and the listener's methods. Default: virtual threads
         * on JDK 24 and newer, else a pool without a limit that grows with the busy callbacks.
         *
         * <p>An executor with a limit can deadlock: if all its threads wait for locks, none is left for the callbacks that would
         * release them. The executor must not run callbacks on the calling thread. If it refuses a callback or throws, the
         * callback runs on a thread of the instance, and one WARN line says so. Listeners of a loss ({@link Lease#onLost},
         * {@link Lease#lost}) always run on threads of the instance, so that no executor delays them.
         *
         * @param callbackExecutor the executor, which stays the application's; closing the instance leaves it alone
         * @return this builder
         */
        public Builder callbackExecutor(Executor callbackExecutor) {
            this.callbackExecutor = Objects.requireNonNull(callbackExecutor, "callbackExecutor");
            return this;
        }

        /**
         * Whether a forward step of this machine's wall clock by more than 50 ms counts as time that has passed, so that leases
         * end by as much earlier. Default true. A host may pause or move its guest while all clocks stand still; such a step is
         * then the only sign of it. A lease that has more time left than the step loses only as much time as the step.
         *
         * <p>Set false for machines that no host pauses, and whose wall clock is set forward while locks are held. A suspension
         * that Linux's {@code /proc/uptime} shows counts in any case. Without {@code /proc/uptime} every step counts.
         *
         * @param countWallClockSteps whether it counts
         * @return this builder
         */
        public Builder countWallClockSteps(boolean countWallClockSteps) {
            this.countWallClockSteps = countWallClockSteps;
            return this;
        }

        /**
         * What to do about owners (threads, or {@linkplain DistributedMutex#owner named work}) that wait for each other's keys in a
         * circle, in this process or across several. Default {@link OnDeadlock#REPORT}.
         *
         * @param onDeadlock what to do
         * @return this builder
         */
        public Builder deadlocks(OnDeadlock onDeadlock) {
            this.onDeadlock = Objects.requireNonNull(onDeadlock, "deadlocks");
            return this;
        }

        /**
         * How long a wait lasts before it is looked at for deadlocks. Default 1 s; from 10 ms to 1 h. Nothing is done before; later a
         * waiter that holds something sends a message to who holds its key, at first twice a second and in the end every 3 s.
         *
         * @param deadlocksAfter a fraction of a millisecond is rounded up
         * @return this builder
         * @throws IllegalArgumentException if it is out of bounds
         */
        public Builder deadlocksAfter(Duration deadlocksAfter) {
            this.deadlocksAfter =
                    Checks.roundedUp("deadlocksAfter", deadlocksAfter, Duration.ofMillis(10), Duration.ofHours(1));
            return this;
        }

        /**
         * Makes the store at the first use instead of in {@link #build}, on a thread of its own. {@link #build} then never fails for
         * a store that is not there. A call that needs the store waits until it is made, and fails as making it failed; the next
         * call, or the next attempt of a waiter, tries again. Only for {@link #builder(Supplier)}.
         *
         * @return this builder
         */
        public Builder lazy() {
            lazy = true;
            return this;
        }

        /**
         * Puts another store around the store: one that passes everything on and does something besides, such as to time the
         * requests. Default: none. May be called several times: each goes around what is there already. A {@link #lazy} store
         * is asked through it, too, also while it is not made.
         *
         * @param decorator asked once by each {@link #build} with the store, before that is started; what it gives must pass on
         *     every call, closing included
         * @return this builder
         */
        public Builder decorateStore(UnaryOperator<LockStore> decorator) {
            Objects.requireNonNull(decorator, "decorator");
            UnaryOperator<LockStore> inner = this.decorator;
            this.decorator = store -> decorator.apply(inner.apply(store));
            return this;
        }

        /**
         * Time and threads, for tests and simulations. Default: the system's. An environment brings callback threads and clocks
         * of its own, so it cannot be combined with {@link #callbackExecutor} or {@link #countWallClockSteps}.
         *
         * @param environment the environment, which the instance then owns and closes
         * @return this builder
         */
        public Builder environment(Environment environment) {
            this.environment = Objects.requireNonNull(environment, "environment");
            return this;
        }

        /**
         * Starts the instance.
         *
         * @return the instance
         * @throws IllegalStateException if an environment was given together with an option that it replaces, or a lazy instance was
         *     given a store that is there
         */
        public DistributedMutex build() {
            if (environment != null && (callbackExecutor != null || countWallClockSteps != null)) {
                throw new IllegalStateException("callbackExecutor and countWallClockSteps are options of the system's"
                        + " environment, but another environment was given");
            }
            if (lazy && !makesStore) {
                throw new IllegalStateException(
                        "lazy is for builder(Supplier), but builder(LockStore) was given a store that is there");
            }
            LockStore store = lazy ? new LazyStore(this.store) : this.store.get();
            boolean started = false;
            try {
                DistributedMutex mutex =
                        start(Objects.requireNonNull(decorator.apply(store), "the store that a decorator gave"));
                started = true;
                return mutex;
            } finally {
                if (!started && makesStore) {
                    store.close();
                }
            }
        }

        private DistributedMutex start(LockStore store) {
            Environment environment = this.environment != null
                    ? this.environment
                    : new SystemEnvironment(!Boolean.FALSE.equals(countWallClockSteps), callbackExecutor);
            String label = holderLabel != null ? holderLabel : DefaultLabel.of(application);
            boolean started = false;
            try {
                DistributedMutex mutex = new DistributedMutex(
                        new Engine(store, environment, label, listeners, onDeadlock, deadlocksAfter), options, null);
                started = true;
                return mutex;
            } finally {
                if (!started) {
                    environment.close();
                }
            }
        }
    }
}
