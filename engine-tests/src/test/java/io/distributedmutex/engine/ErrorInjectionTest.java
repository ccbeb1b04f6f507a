package io.distributedmutex.engine;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.turbo.TurboFilter;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import ch.qos.logback.core.spi.FilterReply;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.MutexListener;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.internal.Engine;
import io.distributedmutex.testkit.FaultyLockStore;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.lang.reflect.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;
import org.slf4j.Marker;

/**
 * An Error (StackOverflowError, OutOfMemoryError) at every call of every collaborator of an instance, one at a time, in
 * scenarios that use all of it: the caller may get the Error, but afterwards the instance works, its peer works, every
 * call and future has an outcome, every loss was told, and nothing is left.
 */
@Timeout(600)
class ErrorInjectionTest {

    private static final String KEY = "k";
    private static final String OTHER_KEY = "other";
    private static final Duration LEASE = Duration.ofSeconds(2);
    private static final Duration WAIT = Duration.ofSeconds(1);

    /** By when all that a scenario left must be over: leases, those kept alive by a claim, and what is given back. */
    private static final Duration SETTLED = Duration.ofSeconds(10);

    private static final LockOptions OPTIONS =
            LockOptions.builder().leaseTime(LEASE).waitTime(WAIT).build();

    private final LoggerContext logging = (LoggerContext) LoggerFactory.getILoggerFactory();
    private final Logger log = logging.getLogger("io.distributedmutex");
    private final ThrowingAppender appender = new ThrowingAppender();
    private final ThrowingFilter filter = new ThrowingFilter();
    private @Nullable Injection injection;

    @BeforeEach
    void throwingLog() {
        appender.start();
        log.addAppender(appender);
        log.setAdditive(false);
        log.setLevel(Level.DEBUG);
        logging.addTurboFilter(filter);
    }

    @AfterEach
    void ordinaryLog() {
        logging.getTurboFilterList().remove(filter);
        log.detachAppender(appender);
        log.setAdditive(true);
        log.setLevel(null);
    }

    @Test
    void anErrorOfACollaboratorEndsNoInstance() {
        everyMoment(false);
    }

    @Test
    void aCollaboratorThatThrowsForAWhileEndsNoInstance() {
        everyMoment(true);
    }

    private void everyMoment(boolean lasting) {
        Map<String, int[]> counts = new TreeMap<>();
        List<String> failures = new ArrayList<>();
        int tried = 0;
        int working = 0;
        for (Map.Entry<String, Scenario> scenario : SCENARIOS.entrySet()) {
            for (int moment = 1; ; moment++) {
                Injection injected = new Injection(moment, lasting);
                List<String> problems = run(scenario.getValue(), injected);
                String place = injected.place();
                if (place == null) {
                    assertThat(problems)
                            .as("%s, without an Error", scenario.getKey())
                            .isEmpty();
                    break;
                }
                int[] count = counts.computeIfAbsent(place, p -> new int[2]);
                count[0]++;
                tried++;
                if (problems.isEmpty()) {
                    count[1]++;
                    working++;
                } else {
                    failures.add(scenario.getKey() + ", moment " + moment + ", " + place + " <- " + injected.callers()
                            + ": " + String.join("; ", problems));
                }
            }
        }
        StringBuilder table = new StringBuilder();
        counts.forEach((place, count) -> table.append(String.format("%n%6d %6d  %s", count[0], count[1], place)));
        System.out.printf(
                (lasting ? "Lasting " : "") + "Errors injected: %d; instances that work afterwards: %d%n",
                tried,
                working);
        assertThat(failures)
                .as("of %d Errors, %d instances work afterwards; tried, working, where:%s", tried, working, table)
                .isEmpty();
    }

    private List<String> run(Scenario scenario, Injection injected) {
        injection = injected;
        Life life = new Life(injected);
        injected.arm();
        try {
            scenario.live(life);
        } catch (RuntimeException | Error e) {
            life.problem("the scenario ended by " + e);
        } finally {
            injected.disarm();
        }
        try {
            life.check();
        } catch (RuntimeException | Error e) {
            life.problem("the look at what is left ended by " + e);
        }
        injection = null;
        return life.problems;
    }

    private interface Scenario {
        void live(Life life);
    }

    private static final Map<String, Scenario> SCENARIOS = new LinkedHashMap<>();

    static {
        SCENARIOS.put("try, acquire and release", life -> {
            life.let(() -> life.a.tryAcquire(KEY).ifPresent(life::observed));
            life.let(() -> life.last().release());
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.let(() -> life.a.tryAcquire(KEY));
            life.let(() -> life.last().close());
            life.ask(life.a);
            life.let(() -> life.last().release());
            life.let(() ->
                    life.observed(life.a.with(o -> o.waitTime(Duration.ZERO)).acquire(KEY)));
            life.let(() -> life.last().release());
        });
        SCENARIOS.put("a try of a taken key", life -> {
            Lease others = life.peer(KEY);
            life.let(() -> life.a.tryAcquire(KEY));
            life.let(() -> life.a.with(o -> o.waitTime(Duration.ZERO)).acquire(KEY));
            others.close();
        });
        SCENARIOS.put("scoped forms", life -> {
            life.let(() -> life.a.run(KEY, life::observed));
            life.let(() -> life.a.run(KEY, lease -> {
                throw new IllegalStateException("of the body");
            }));
            life.let(() -> life.a.run(KEY, lease -> {
                life.observed(lease);
                life.time.advance(LEASE);
            }));
        });
        SCENARIOS.put("the Lock view", life -> {
            Lock lock = life.a.asLock(KEY);
            life.let(lock::lock);
            life.let(lock::tryLock);
            life.let(lock::unlock);
            life.let(lock::unlock);
            life.let(lock::unlock);
        });
        SCENARIOS.put("the adapter", life -> {
            MutexAdapter adapter = new MutexAdapter(life.a, life.adapterLog());
            life.let(() -> adapter.acquire(KEY));
            life.let(() -> adapter.acquire(KEY));
            life.let(() -> adapter.release(KEY));
            life.let(() -> adapter.release(KEY));
            life.let(() -> adapter.release(KEY));
        });
        SCENARIOS.put("passed on within the instance", life -> {
            life.ask(life.a);
            life.ask(life.a);
            life.ask(life.a);
            life.let(() -> life.last().close());
            life.advanceMillis(1);
            life.let(() -> life.last().close());
            life.advanceMillis(3);
            life.ask(life.a);
            life.let(() -> life.last().close());
            life.advanceMillis(3);
            life.let(() -> life.last().release());
        });
        SCENARIOS.put("handed over from another instance and to it", life -> {
            Lease others = life.peer(KEY);
            life.ask(life.a);
            life.advanceMillis(300);
            others.close();
            life.advanceMillis(100);
            CompletableFuture<Lease> next = life.b.acquireAsync(KEY);
            life.ask(life.a);
            life.advanceMillis(10);
            life.let(() -> life.last().release());
            life.advanceMillis(10);
            life.closeWhenGranted(next);
            life.advanceMillis(10);
            life.let(() -> life.last().close());
        });
        SCENARIOS.put("a blocking wait that is served", life -> {
            Lease others = life.peer(KEY);
            life.later(300, others::close);
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.let(() -> life.last().release());
        });
        SCENARIOS.put("a blocking wait that times out", life -> {
            Lease others = life.peer(KEY);
            life.let(() -> life.observed(life.a.acquire(KEY)));
            others.close();
        });
        SCENARIOS.put("a blocking wait that is interrupted", life -> {
            Lease others = life.peer(KEY);
            life.later(300, () -> Thread.currentThread().interrupt());
            life.let(() -> life.observed(life.a.acquire(KEY)));
            boolean unused = Thread.interrupted();
            others.close();
        });
        SCENARIOS.put("a holder that dies", life -> {
            life.server.putForeign(KEY, LEASE);
            life.ask(life.a);
            life.let(() -> life.observed(
                    life.a.with(o -> o.waitTime(Duration.ofSeconds(5))).acquire(KEY)));
        });
        SCENARIOS.put("a suspected deadlock", life -> {
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.let(() -> life.last().close());
        });
        SCENARIOS.put("asynchronous waits that end without a lease", life -> {
            Lease others = life.peer(KEY);
            CompletableFuture<Lease> timedOut = life.ask(life.a);
            life.advanceMillis(500);
            CompletableFuture<Lease> cancelled = life.ask(life.a);
            life.advanceMillis(100);
            if (cancelled != null) {
                life.let(() -> cancelled.cancel(false));
            }
            life.advanceMillis(1_000);
            if (timedOut != null) {
                assertThat(timedOut).isNotCancelled();
            }
            others.close();
        });
        SCENARIOS.put("renewed, at risk and recovered", life -> {
            DistributedMutex renewing = life.a.with(o -> o.autoRenew(Duration.ofSeconds(6)));
            life.let(() -> life.observed(renewing.acquire(KEY)));
            life.advanceMillis(1_000);
            life.store.failNext(2, Operation.RENEW);
            life.advanceMillis(2_000);
            life.let(() -> life.last().isValid());
            life.let(() -> life.last().release());
        });
        SCENARIOS.put("renewed to the maximum hold", life -> {
            DistributedMutex renewing = life.a.with(o -> o.autoRenew(Duration.ofSeconds(3)));
            life.let(() -> life.observed(renewing.acquire(KEY)));
            life.ask(life.b);
            life.advanceMillis(4_000);
        });
        SCENARIOS.put("extended", life -> {
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.let(() -> life.last().extend(Duration.ofSeconds(3)));
            life.let(() -> life.last().extend(Duration.ofSeconds(1)));
            life.let(() -> life.last().ensure(Duration.ofSeconds(2)));
            life.store.failNext(2, Operation.RENEW);
            life.let(() -> life.last().extend(Duration.ofSeconds(3)));
            life.let(() -> life.last().release());
        });
        SCENARIOS.put("lost by expiry", life -> {
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.advanceMillis(3_000);
            life.let(() -> life.last().release());
        });
        SCENARIOS.put("lost, as a renewal learns", life -> {
            DistributedMutex renewing = life.a.with(o -> o.autoRenew(Duration.ofSeconds(6)));
            life.let(() -> life.observed(renewing.acquire(KEY)));
            life.server.delete(KEY);
            life.advanceMillis(1_000);
        });
        SCENARIOS.put("lost, as the release learns", life -> {
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.b.forceRelease(KEY);
            life.let(() -> life.last().release());
        });
        SCENARIOS.put("lost, as the next grant shows", life -> {
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.ask(life.a);
            life.advanceMillis(10);
            life.server.delete(KEY);
            life.advanceMillis(500);
        });
        SCENARIOS.put("a minimum hold", life -> {
            DistributedMutex keeping = life.a.with(o -> o.minimumHold(Duration.ofMillis(500)));
            life.let(() -> life.observed(keeping.acquire(KEY)));
            life.ask(life.a);
            life.let(() -> life.last().release());
            life.advanceMillis(900);
        });
        SCENARIOS.put("looked at and released by force", life -> {
            Lease unused = life.peer(KEY);
            life.let(() -> life.a.inspect(KEY));
            life.let(() -> life.a.forceRelease(KEY));
        });
        SCENARIOS.put("replies that are lost", life -> {
            life.store.loseReplies(1, Operation.ACQUIRE);
            life.let(() -> life.a.tryAcquire(KEY).ifPresent(life::observed));
            life.advanceMillis(300);
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.store.loseReplies(2, Operation.RELEASE);
            life.let(() -> life.last().close());
            life.advanceMillis(300);
            life.let(life.store::announceReconnection);
            life.store.loseReplies(1, Operation.ACQUIRE);
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.store.loseReplies(1, Operation.RELEASE);
            life.let(() -> life.last().release());
        });
        SCENARIOS.put("a store that is away and back", life -> {
            Lease others = life.peer(KEY);
            life.ask(life.a);
            life.store.failNext(3, call -> true, new StoreUnreachableException("away", null));
            life.advanceMillis(600);
            others.close();
            life.let(life.store::announceReconnection);
            life.advanceMillis(100);
            life.let(() -> life.last().close());
        });
        SCENARIOS.put("a store that stays away", life -> {
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.store.failNext(1_000, call -> true);
            life.let(() -> life.a.tryAcquire(OTHER_KEY));
            life.let(() -> life.a.acquire(OTHER_KEY));
            life.let(() -> life.last().close());
            life.advanceMillis(3_000);
        });
        SCENARIOS.put("closed with leases, waiters and callbacks", life -> {
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.ask(life.a);
            Lease others = life.peer(OTHER_KEY);
            life.ask(life.a, OTHER_KEY);
            life.advanceMillis(10);
            life.let(life.a::close);
            life.closed = true;
            others.close();
            life.advanceMillis(10);
        });
        SCENARIOS.put("closed while the store is away", life -> {
            life.let(() -> life.observed(life.a.acquire(KEY)));
            life.store.failNext(3, call -> true);
            life.let(life.a::close);
            life.closed = true;
        });
    }

    /** One run of a scenario: an instance with everything around it that may throw, and a peer with nothing of that. */
    private final class Life {
        final ManualTime time = ManualTime.create().autoAdvance();
        final InMemoryLockStore server = new InMemoryLockStore(time);
        final FaultyLockStore store = new FaultyLockStore(server, time);
        final List<String> problems = new ArrayList<>();
        final DistributedMutex a;
        final DistributedMutex b;
        boolean closed;

        private final Injection injected;
        private final List<Observed> leases = new ArrayList<>();
        private final List<CompletableFuture<Lease>> asked = new ArrayList<>();
        private final List<Lease> all = new ArrayList<>();

        Life(Injection injected) {
            this.injected = injected;
            a = DistributedMutex.builder(injected.around(store))
                    .environment(injected.around(time.newEnvironment(), time))
                    .listener(injected.around(MutexListener.class, new MutexListener() {}))
                    .holderLabel("a")
                    .options(OPTIONS)
                    .build();
            b = DistributedMutex.builder(server.sibling())
                    .environment(new Injection(0, false).around(time.newEnvironment(), time))
                    .holderLabel("b")
                    .options(OPTIONS)
                    .build();
        }

        org.slf4j.Logger adapterLog() {
            return LoggerFactory.getLogger("io.distributedmutex");
        }

        void problem(String problem) {
            problems.add(problem);
        }

        /** A call of the instance, which may throw, but must end in time. */
        void let(Call call) {
            Duration start = time.elapsed();
            try {
                call.run();
            } catch (IllegalStateException e) {
                if (isHang(e)) {
                    problem("a call hangs: " + e.getMessage());
                }
            } catch (Exception | Error e) {
                // The caller may get it.
            }
            Duration took = time.elapsed().minus(start);
            if (took.compareTo(WAIT.plus(LEASE).multipliedBy(2)) > 0) {
                problem("a call took " + took);
            }
            exclusion();
        }

        private static boolean isHang(Throwable e) {
            return String.valueOf(e.getMessage()).startsWith("nobody would ever")
                    || String.valueOf(e.getMessage()).startsWith("an endless loop");
        }

        void later(long millis, Runnable action) {
            time.runAfter(action, millis * 1_000_000);
        }

        void advanceMillis(long millis) {
            time.advance(Duration.ofMillis(millis));
            exclusion();
        }

        /** The peer takes a key; its calls must not throw, whatever happens to the instance. */
        Lease peer(String key) {
            Lease lease = b.acquire(key);
            all.add(lease);
            return lease;
        }

        @Nullable
        CompletableFuture<Lease> ask(DistributedMutex who) {
            return ask(who, KEY);
        }

        @Nullable
        CompletableFuture<Lease> ask(DistributedMutex who, String key) {
            List<CompletableFuture<Lease>> result = new ArrayList<>();
            let(() -> {
                CompletableFuture<Lease> future = who.acquireAsync(key);
                asked.add(future);
                result.add(future);
                CompletableFuture<Void> unused = future.thenAccept(lease -> {
                    all.add(lease);
                    injected.at("a stage of the future");
                    observed(lease);
                });
            });
            time.runDue();
            return result.isEmpty() ? null : result.get(0);
        }

        void closeWhenGranted(CompletableFuture<Lease> future) {
            CompletableFuture<Void> unused = future.thenAccept(Lease::close);
        }

        Lease observed(Lease lease) {
            all.add(lease);
            Observed observed = new Observed(lease);
            leases.add(observed);
            lease.onLost(told -> {
                observed.told.incrementAndGet();
                injected.at("Consumer of onLost");
            });
            observed.future = lease.lost();
            CompletableFuture<Void> unused = observed.future.thenAccept(reason -> injected.at("a stage of lost()"));
            observed.complete = true;
            return lease;
        }

        /** The lease that was given last, of those that still may be held; else the last. */
        Lease last() {
            for (int i = leases.size() - 1; i >= 0; i--) {
                if (leases.get(i).lease.state() == LeaseState.HELD) {
                    return leases.get(i).lease;
                }
            }
            if (leases.isEmpty()) {
                throw new IllegalStateException("no lease");
            }
            return leases.get(leases.size() - 1).lease;
        }

        private void exclusion() {
            for (int i = 0; i < all.size(); i++) {
                for (int j = i + 1; j < all.size(); j++) {
                    Lease one = all.get(i);
                    Lease other = all.get(j);
                    if (one != other && one.key().equals(other.key()) && one.isValid() && other.isValid()) {
                        problem("two valid leases");
                    }
                }
            }
        }

        /** Afterwards: all is told, all works, nothing is left. */
        void check() {
            store.heal();
            if (!closed) {
                // Timers that were not taken for a while are asked for again with whatever an instance does next.
                attempt("the next call: ", () -> a.inspect(OTHER_KEY));
            }
            time.advance(SETTLED);
            // By a scenario that was cut short before the interrupt which it had planned.
            boolean unused = Thread.interrupted();
            for (CompletableFuture<Lease> future : asked) {
                if (!future.isDone()) {
                    problem("a future has no outcome");
                }
            }
            for (Lease lease : all) {
                if (!closed && lease.isValid()) {
                    problem("a lease is valid for too long");
                }
            }
            for (Observed observed : leases) {
                if (observed.complete && observed.lease.state() == LeaseState.LOST) {
                    if (observed.told.get() != 1) {
                        problem("a loss was told " + observed.told.get() + " times");
                    }
                    if (!observed.future.isDone()) {
                        problem("lost() has no outcome");
                    }
                }
                if (observed.complete && observed.lease.state() == LeaseState.RELEASED && observed.told.get() > 0) {
                    problem("a loss was told that is none");
                }
            }
            if (!server.contents().isEmpty()) {
                problem("left in the store: " + server.contents());
            }
            if (time.pendingTimers() > 0) {
                problem("left: " + time.pendingTimers() + " timers");
            }
            if (!closed) {
                attempt("works: ", this::works);
                entries();
                attempt("close: ", a::close);
            }
            attempt("close of the peer: ", b::close);
            time.runDue();
            if (time.pendingTimers() > 0) {
                problem("left at the end: " + time.pendingTimers() + " timers");
            }
            if (!server.contents().isEmpty()) {
                problem("left in the store at the end: " + server.contents());
            }
        }

        private void attempt(String what, Call call) {
            Duration start = time.elapsed();
            try {
                call.run();
            } catch (Exception | Error e) {
                problem(what + e);
            }
            if (time.elapsed().minus(start).compareTo(Duration.ofSeconds(3)) > 0) {
                problem(what + "took " + time.elapsed().minus(start));
            }
        }

        private void works() throws Exception {
            for (String key : List.of(KEY, OTHER_KEY)) {
                mustBeGranted(key, a.acquireAsync(key)).release();
                a.acquire(key).close();
                a.tryAcquire(key).orElseThrow().close();
                // Handed over there and back, and passed on within.
                Lease own = mustBeGranted(key, a.acquireAsync(key));
                CompletableFuture<Lease> next = b.acquireAsync(key);
                time.advance(Duration.ofMillis(5));
                own.close();
                Lease others = mustBeGranted(key, next);
                CompletableFuture<Lease> back = a.acquireAsync(key);
                CompletableFuture<Lease> within = a.acquireAsync(key);
                time.advance(Duration.ofMillis(5));
                others.close();
                mustBeGranted(key, back).close();
                Lease last = mustBeGranted(key, within);
                last.extend(Duration.ofSeconds(5));
                last.release();
            }
            AtomicInteger told = new AtomicInteger();
            Lease expiring = mustBeGranted(KEY, a.acquireAsync(KEY));
            expiring.onLost(lease -> told.incrementAndGet());
            time.advance(LEASE.plusMillis(1));
            if (told.get() != 1) {
                problem("afterwards a loss was told " + told.get() + " times");
            }
        }

        private Lease mustBeGranted(String key, CompletableFuture<Lease> future) {
            time.runDue();
            Lease lease = future.getNow(null);
            if (lease == null) {
                throw new IllegalStateException("no lease on " + key);
            }
            return lease;
        }

        private void entries() {
            try {
                Engine engine = (Engine) field(DistributedMutex.class, "engine").get(a);
                Map<?, ?> queues = (Map<?, ?>) field(Engine.class, "queues").get(engine);
                if (!queues.isEmpty()) {
                    problem("left: entries of " + queues.keySet());
                }
                AtomicInteger unfinished =
                        (AtomicInteger) field(Engine.class, "unfinished").get(engine);
                if (unfinished.get() != 0) {
                    problem("left: " + unfinished + " unfinished, so that close() waits");
                }
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        }

        private static Field field(Class<?> type, String name) throws ReflectiveOperationException {
            Field field = type.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        }
    }

    private interface Call {
        void run() throws Exception;
    }

    /** A lease whose loss somebody wants to hear of. */
    private static final class Observed {
        final Lease lease;
        final AtomicInteger told = new AtomicInteger();
        CompletableFuture<?> future = new CompletableFuture<>();
        /** Whether the registering was not cut short. */
        boolean complete;

        Observed(Lease lease) {
            this.lease = lease;
        }
    }

    private boolean isOurs(String logger) {
        return injection != null && logger.equals("io.distributedmutex");
    }

    /** A log that cannot be written. */
    private final class ThrowingAppender extends UnsynchronizedAppenderBase<ILoggingEvent> {
        @Override
        public void doAppend(ILoggingEvent event) {
            if (isOurs(event.getLoggerName())) {
                injection.at("Logger." + event.getLevel().toString().toLowerCase(java.util.Locale.ROOT));
            }
        }

        @Override
        protected void append(ILoggingEvent event) {}
    }

    /** A log that cannot even be asked. */
    private final class ThrowingFilter extends TurboFilter {
        @Override
        public FilterReply decide(
                Marker marker, Logger logger, Level level, String format, Object[] params, Throwable t) {
            if (isOurs(logger.getName())) {
                injection.at("Logger, asked for " + level);
            }
            return FilterReply.NEUTRAL;
        }
    }
}
