package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LockOptions;
import io.distributedmutex.internal.SystemEnvironment;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.FaultyLockStore;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.slf4j.LoggerFactory;

/**
 * Instances of an application on one in-memory store, in real time or on a clock that moves only when it is told to. When a
 * test closes it nothing must be left: no key, no queue entry, no timer, no thread, no warning that the test did not take.
 */
final class Deployment implements AutoCloseable {

    private static final Duration LATE = Duration.ofSeconds(3);
    /** How long a wait lasts before it is looked at for deadlocks. */
    static final Duration LOOK = Duration.ofMillis(50);

    final InMemoryLockStore server;

    /** The clock; null in real time. */
    final ManualTime time;

    private final InMemoryLockStore observer;
    private final List<Instance> instances = new ArrayList<>();
    private final Set<Thread> threadsBefore = libraryThreads();
    private final Warnings warnings = new Warnings();

    private Deployment(ManualTime time) {
        this.time = time;
        this.server = time == null ? new InMemoryLockStore() : new InMemoryLockStore(time);
        this.observer = server.sibling();
        this.observer.start("observer", "instance-id", new StoreEvents() {
            @Override
            public void granted(String key, String token, long fencingToken, int fencingTokens) {
                throw new AssertionError("the observer asks for nothing");
            }

            @Override
            public void message(String text) {}

            @Override
            public void reconnected() {}
        });
    }

    static Deployment inRealTime() {
        return new Deployment(null);
    }

    static Deployment onManualTime() {
        return new Deployment(ManualTime.create());
    }

    /** One process, so to speak. */
    record Instance(DistributedMutex mutex, FaultyLockStore store) {}

    Instance instance(String label) {
        return instance(label, builder -> builder);
    }

    Instance instance(String label, LockOptions options) {
        return instance(label, builder -> builder.options(options));
    }

    Instance instance(String label, UnaryOperator<DistributedMutex.Builder> change) {
        Environment environment = time == null ? new SystemEnvironment() : time.newEnvironment();
        FaultyLockStore store = new FaultyLockStore(server.sibling(), environment);
        DistributedMutex mutex = change.apply(DistributedMutex.builder(store)
                        .environment(environment)
                        .holderLabel(label)
                        .deadlocksAfter(LOOK))
                .build();
        Instance instance = new Instance(mutex, store);
        instances.add(instance);
        return instance;
    }

    /** What the store knows of a key. */
    Optional<LockInfo> look(String key) {
        return observer.inspect(key).toCompletableFuture().join();
    }

    /** Who holds a key, or "nobody". */
    String holder(String key) {
        return look(key).map(info -> info.holder().orElse("a foreign client")).orElse("nobody");
    }

    /** Returns when an instance holds a key. */
    void awaitHolder(String key, String label) {
        Await.until(() -> holder(key).equals(label));
    }

    /** How long a key is taken still, for everybody. */
    Duration remaining(String key) {
        return look(key).flatMap(LockInfo::remaining).orElse(Duration.ZERO);
    }

    /** Returns when so many instances wait for a key. */
    void awaitWaiters(String key, int count) {
        Await.until(() -> server.contents().waiters().getOrDefault(key, 0) == count);
    }

    /** Returns when so many threads wait on the clock. */
    void awaitParked(int count) {
        Await.until(() -> time.parkedThreads() == count);
    }

    /**
     * Moves the clock while one thread waits on it. Done in two steps, since a waiting thread is looked at for deadlocks
     * after 50 ms and then waits on: the clock has to stand still meanwhile, or it waits from a later time on.
     */
    void advanceWaiter(Duration duration) {
        awaitParked(1);
        time.advance(LOOK);
        awaitParked(1);
        time.advance(duration.minus(LOOK));
    }

    /** Moves the clock in steps until a thread, which waits on it now and then, has ended. */
    void advanceUntilDone(Worker<?> worker, Duration step) {
        Await.until(() -> {
            if (!worker.isDone() && time.parkedThreads() > 0) {
                time.advance(step);
            }
            return worker.isDone();
        });
    }

    /**
     * The lines that the library logged at WARN or above since this was last asked; the test thereby expects them. Without
     * those of outages, which a test that makes requests fail for long brings about: OutageLogTest has them.
     */
    List<String> takeWarnings() {
        List<String> taken = new ArrayList<>();
        for (String line = warnings.lines.poll(); line != null; line = warnings.lines.poll()) {
            if (!line.contains("OUTAGE")) {
                taken.add(line);
            }
        }
        return taken;
    }

    @Override
    public void close() {
        try {
            if (time == null) {
                // What is given back late comes within milliseconds; what was leaked stays for a lease time.
                awaitEmptyStore();
            } else {
                time.runDue();
                assertThat(time.pendingTimers()).as("timers left").isZero();
            }
            assertThat(server.contents().isEmpty())
                    .as("left in the store: %s", server.contents())
                    .isTrue();
        } finally {
            Worker<Void> closing = Worker.start(() -> {
                instances.forEach(instance -> instance.mutex().close());
                return null;
            });
            if (time == null) {
                closing.result();
            } else {
                // After a failed test something may be held back, which it waits for.
                advanceUntilDone(closing, Duration.ofSeconds(1));
                time.runDue();
            }
            warnings.detach();
        }
        Await.until(() -> threadsBefore.containsAll(libraryThreads()));
        assertThat(takeWarnings()).as("warnings that the test did not expect").isEmpty();
    }

    void awaitEmptyStore() {
        long start = System.nanoTime();
        while (!server.contents().isEmpty() && System.nanoTime() - start < LATE.toNanos()) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    /** The live threads that the library made. */
    static Set<Thread> libraryThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                // The testkit's thread starts servers for other tests, and lives as long as the JVM.
                .filter(thread -> thread.getName().startsWith("dmutex-")
                        && !thread.getName().startsWith("dmutex-testkit"))
                .collect(Collectors.toSet());
    }

    /** Keeps what the library warns of, and keeps it off the console. */
    private static final class Warnings extends AppenderBase<ILoggingEvent> {
        private final Logger logger = (Logger) LoggerFactory.getLogger("io.distributedmutex");
        private final Queue<String> lines = new ConcurrentLinkedQueue<>();

        Warnings() {
            start();
            logger.setAdditive(false);
            logger.addAppender(this);
        }

        @Override
        protected void append(ILoggingEvent event) {
            if (event.getLevel().isGreaterOrEqual(Level.WARN)) {
                lines.add(event.getLevel() + " " + event.getFormattedMessage());
            }
        }

        void detach() {
            logger.detachAppender(this);
            logger.setAdditive(true);
            stop();
        }
    }
}
