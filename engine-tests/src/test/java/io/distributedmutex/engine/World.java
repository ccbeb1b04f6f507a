package io.distributedmutex.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LockOptions;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testkit.FaultyLockStore;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.function.UnaryOperator;

/** Instances on one in-memory store, on a clock that moves only when it is told to; everything on the test's thread. */
final class World implements AutoCloseable {

    private static final long PATIENCE_NANOS = 2_000_000_000L;

    static final String KEY = "tenant:1";

    final ManualTime time = ManualTime.create();
    final InMemoryLockStore server = new InMemoryLockStore(time);
    private final List<Instance> instances = new ArrayList<>();
    private final InMemoryLockStore observer = server.sibling();

    World() {
        observer.start("observer", "instance-id", new StoreEvents() {
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

    /** What the store knows of the key. */
    LockInfo look() {
        time.runDue();
        return lookNow();
    }

    /** The same on a callback. */
    LockInfo lookNow() {
        return observer.inspect(KEY).toCompletableFuture().join().orElseThrow();
    }

    /** One process, so to speak. */
    record Instance(DistributedMutex mutex, FaultyLockStore store) {
        CompletableFuture<Lease> ask(String key) {
            return mutex.acquireAsync(key);
        }
    }

    Instance instance(String label) {
        return instance(label, LockOptions.defaults());
    }

    Instance instance(String label, LockOptions options) {
        return instance(label, options, time.newEnvironment());
    }

    Instance instance(String label, LockOptions options, Environment environment) {
        return instance(label, options, environment, builder -> builder);
    }

    Instance instance(
            String label,
            LockOptions options,
            Environment environment,
            UnaryOperator<DistributedMutex.Builder> change) {
        FaultyLockStore store = new FaultyLockStore(server.sibling(), time);
        DistributedMutex mutex = change.apply(DistributedMutex.builder(store)
                        .environment(environment)
                        .holderLabel(label)
                        .options(options))
                .build();
        Instance instance = new Instance(mutex, store);
        instances.add(instance);
        return instance;
    }

    static LockOptions options(Duration leaseTime) {
        return LockOptions.builder().leaseTime(leaseTime).build();
    }

    static LockOptions renewed(Duration leaseTime, Duration maximumHold) {
        return LockOptions.builder().leaseTime(leaseTime).autoRenew(maximumHold).build();
    }

    /** Acquires a key that must be free now. */
    Lease held(Instance instance, String key) {
        return granted(instance.ask(key));
    }

    /** What must have been granted by now. */
    Lease granted(CompletableFuture<Lease> asked) {
        time.runDue();
        assertThat(asked).as("granted at %s", time.elapsed()).isCompleted();
        return asked.join();
    }

    void waits(CompletableFuture<Lease> asked) {
        time.runDue();
        assertThat(asked).as("still waiting at %s", time.elapsed()).isNotDone();
    }

    Throwable failure(CompletableFuture<?> asked) {
        time.runDue();
        assertThat(asked).isCompletedExceptionally();
        try {
            asked.get();
            throw new AssertionError("did not fail");
        } catch (ExecutionException | CompletionException e) {
            return e.getCause();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    void advanceMillis(long millis) {
        time.advance(Duration.ofMillis(millis));
    }

    /**
     * Nothing must be left: no key, no queue entry, no timer. Where the JDK's thread ends a future at its time-out, that thread
     * may still be at it.
     */
    @Override
    public void close() {
        long start = System.nanoTime();
        do {
            time.runDue();
        } while ((!server.contents().isEmpty() || time.pendingTimers() > 0)
                && System.nanoTime() - start < PATIENCE_NANOS);
        assertThat(server.contents().isEmpty())
                .as("left in the store: %s", server.contents())
                .isTrue();
        assertThat(time.pendingTimers()).as("timers left").isZero();
        instances.forEach(instance -> instance.mutex().close());
    }
}
