package io.distributedmutex.engine;

import io.distributedmutex.Deadlock;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexListener;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.spi.Environment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Owners that hold and wait, by name, so that futures can stand for threads on a manual clock; and what is told of them. */
final class DeadlockWorld implements AutoCloseable {

    private static final LockOptions PATIENT = LockOptions.builder()
            .leaseTime(Duration.ofMinutes(30))
            .waitTime(Duration.ofMinutes(10))
            .build();

    final World world = new World();
    final List<Deadlock> reports = new ArrayList<>();
    final List<Lease> leases = new ArrayList<>();
    final List<CompletableFuture<Lease>> waits = new ArrayList<>();

    @Override
    public void close() {
        waits.forEach(wait -> wait.cancel(false));
        waits.stream()
                .filter(wait -> !wait.isCompletedExceptionally())
                .forEach(wait -> wait.join().close());
        leases.forEach(Lease::close);
        world.close();
    }

    Instance instance(String label) {
        return instance(label, OnDeadlock.REPORT);
    }

    Instance instance(String label, OnDeadlock reaction) {
        return instance(label, reaction, world.time.newEnvironment());
    }

    Instance instance(String label, OnDeadlock reaction, Environment environment) {
        return world.instance(
                label,
                PATIENT,
                environment,
                builder -> builder.deadlocks(reaction).listener(new MutexListener() {
                    @Override
                    public void onDeadlock(Deadlock circle) {
                        reports.add(circle);
                    }
                }));
    }

    Lease holds(Instance instance, String owner, String key) {
        Lease lease = world.granted(instance.mutex().owner(owner).acquireAsync(key));
        leases.add(lease);
        return lease;
    }

    CompletableFuture<Lease> waitsFor(Instance instance, String owner, String key) {
        CompletableFuture<Lease> wait = waitsAtOnce(instance, owner, key);
        // So that one began to wait before the other, by any clock.
        world.advanceMillis(2);
        return wait;
    }

    /** In the same millisecond as the wait before. */
    CompletableFuture<Lease> waitsAtOnce(Instance instance, String owner, String key) {
        CompletableFuture<Lease> wait = instance.mutex().owner(owner).acquireAsync(key);
        waits.add(wait);
        return wait;
    }

    List<String> described() {
        return reports.stream().map(DeadlockWorld::description).toList();
    }

    /** Without times. */
    static String description(Deadlock circle) {
        StringBuilder text = new StringBuilder();
        circle.waits().forEach(wait -> text.append(wait.holderLabel() + "/" + wait.owner() + ">" + wait.key() + " "));
        return text.toString().trim();
    }
}
