package io.distributedmutex.verification.simulation;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.testkit.InMemoryLockStore;
import io.distributedmutex.testkit.ManualTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One random life of a few instances that share a few keys over a bad network, decided by a seed alone: the same seed
 * gives the same life. Checked after every step: no two leases on a key are valid at once by their holders' own view, and
 * fencing tokens rise. Checked at the end, some time after the faults stopped: everybody who waited has an outcome, and
 * nothing is left.
 */
final class Simulation {

    private static final Duration STEP = Duration.ofNanos(700_000);

    private final long seed;
    private final SplittableRandom random;
    private final ManualTime time;
    private final InMemoryLockStore server;
    private final List<Instance> instances = new ArrayList<>();
    private final List<String> keys = new ArrayList<>();
    private final Map<String, List<Lease>> live = new HashMap<>();
    private final Map<String, Long> lastFence = new HashMap<>();
    private final List<CompletableFuture<Lease>> asked = new ArrayList<>();
    private final List<String> trace = new ArrayList<>();
    private int granted;
    /** What was found in a timer or callback, where throwing would only be logged. */
    private @Nullable SimulationFailure failure;

    private record Instance(DistributedMutex mutex, SimulatedNetwork network) {}

    Simulation(long seed) {
        this.seed = seed;
        this.random = new SplittableRandom(seed);
        this.time = ManualTime.withSeed(random.nextLong());
        this.server = new InMemoryLockStore(time);
        int keyCount = 1 + random.nextInt(2);
        for (int i = 0; i < keyCount; i++) {
            keys.add("key-" + i);
        }
        int instanceCount = 2 + random.nextInt(3);
        int faultsOneIn = random.nextInt(3) == 0 ? 0 : 5 + random.nextInt(100);
        for (int i = 0; i < instanceCount; i++) {
            SimulatedNetwork network = new SimulatedNetwork(server.sibling(), time, random.split());
            network.faultsOneIn(faultsOneIn);
            double rate = 1 + (random.nextDouble() - 0.5) * 0.018;
            instances.add(new Instance(
                    DistributedMutex.builder(network)
                            .holderLabel("instance-" + i)
                            .environment(new DriftingEnvironment(time.newEnvironment(), rate))
                            .build(),
                    network));
        }
    }

    /** Returns how many leases were granted. */
    int run() {
        int steps = 300 + random.nextInt(700);
        for (int step = 0; step < steps; step++) {
            if (random.nextInt(6) == 0) {
                act(instances.get(random.nextInt(instances.size())));
            }
            // Mostly small steps, in which races happen; now and then a long one, in which leases end.
            advance(random.nextInt(40) == 0 ? Duration.ofMillis(random.nextLong(1, 1_500)) : STEP);
        }
        instances.forEach(instance -> {
            instance.network().faultsOneIn(0);
            instance.network().cut(false);
        });
        settle();
        return granted;
    }

    private void settle() {
        // Longer than every lease, wait, claim and hold, and than the latest packet.
        for (int i = 0; i < 600; i++) {
            advance(Duration.ofMillis(50));
        }
        for (CompletableFuture<Lease> future : asked) {
            check(future.isDone(), "an acquire has no outcome");
        }
        live.values().forEach(leases -> leases.forEach(Lease::close));
        advance(Duration.ofSeconds(15));
        check(server.contents().isEmpty(), "left in the store: " + server.contents());
        check(time.pendingTimers() == 0, time.pendingTimers() + " timers left");
        instances.forEach(instance -> instance.mutex().close());
    }

    private void act(Instance instance) {
        String key = keys.get(random.nextInt(keys.size()));
        List<Lease> held = live.getOrDefault(key, List.of());
        switch (random.nextInt(10)) {
            case 0 -> {
                if (random.nextInt(20) == 0) {
                    note("cut", instance, key);
                    instance.network().cut(true);
                } else {
                    instance.network().cut(false);
                }
            }
            case 1 -> {
                if (!held.isEmpty()) {
                    extend(held.get(held.size() - 1));
                }
            }
            case 2 -> {
                if (!asked.isEmpty()) {
                    note("cancel", instance, key);
                    asked.get(random.nextInt(asked.size())).cancel(false);
                }
            }
            default -> ask(instance, key);
        }
    }

    private void ask(Instance instance, String key) {
        LockOptions options = randomOptions();
        long holdNanos = random.nextInt(3) == 0 ? random.nextLong(3_000_000) : random.nextLong(700_000_000);
        boolean forget = random.nextInt(12) == 0;
        note("ask " + options.leaseTime() + " wait " + options.waitTime(), instance, key);
        CompletableFuture<Lease> future =
                instance.mutex().with(o -> options.toBuilder()).acquireAsync(key);
        asked.add(future);
        CompletableFuture<Lease> unused = future.whenComplete((lease, error) -> {
            if (lease == null) {
                check(
                        error instanceof LockException || future.isCancelled(),
                        "an outcome of an unknown kind: " + error);
                return;
            }
            received(instance, key, lease);
            if (!forget) {
                time.schedule(() -> end(lease), holdNanos);
            }
        });
    }

    private void received(Instance instance, String key, Lease lease) {
        granted++;
        note("granted " + lease.fencingToken(), instance, key);
        long before = lastFence.getOrDefault(key, 0L);
        check(lease.fencingToken() > before, "fencing token " + lease.fencingToken() + " after " + before);
        lastFence.put(key, lease.fencingToken());
        live.computeIfAbsent(key, k -> new ArrayList<>()).add(lease);
        checkExclusion();
    }

    private void end(Lease lease) {
        trace.add(time.elapsed() + " close " + lease);
        lease.close();
        if (random.nextInt(5) == 0) {
            lease.close();
        }
    }

    private void extend(Lease lease) {
        // extend() waits for the store, which cannot be done on the thread that moves the clock; on a store that
        // answers by timers only its first step matters: what it makes the holder believe.
        trace.add(time.elapsed() + " remaining " + lease.remaining());
        check(lease.remaining().compareTo(Duration.ofSeconds(11)) < 0, "believes in too long a lease");
    }

    private LockOptions randomOptions() {
        LockOptions.Builder options = LockOptions.builder()
                .leaseTime(Duration.ofMillis(
                        random.nextInt(4) == 0 ? random.nextLong(10, 400) : random.nextLong(400, 10_000)))
                .waitTime(Duration.ofMillis(random.nextInt(5) == 0 ? 0 : random.nextLong(1, 5_000)))
                .retryInterval(Duration.ofMillis(random.nextLong(10, 400)));
        LockOptions plain = options.build();
        if (random.nextInt(4) == 0 && plain.leaseTime().compareTo(LockOptions.MINIMUM_RENEWED_LEASE_TIME) >= 0) {
            options.autoRenew(plain.leaseTime().plusMillis(random.nextLong(3_000)));
        }
        if (random.nextInt(8) == 0) {
            options.minimumHold(
                    Duration.ofMillis(random.nextLong(1, plain.leaseTime().toMillis())));
        }
        return options.build();
    }

    private void advance(Duration duration) {
        time.advance(duration);
        if (failure != null) {
            throw failure;
        }
        checkExclusion();
    }

    private void checkExclusion() {
        live.forEach((key, leases) -> {
            leases.removeIf(lease -> !lease.isValid());
            check(leases.size() <= 1, "two valid leases on " + key + ": " + leases);
        });
    }

    private void note(String what, Instance instance, String key) {
        trace.add(time.elapsed() + " " + instances.indexOf(instance) + " " + key + " " + what);
    }

    private void check(boolean holds, String what) {
        if (!holds && failure == null) {
            int from = Math.max(0, trace.size() - 40);
            failure = new SimulationFailure("seed " + seed + " at " + time.elapsed() + ": " + what + "\n  "
                    + String.join("\n  ", trace.subList(from, trace.size())));
            throw failure;
        }
    }

    /** An error, so that no code under test takes it for its own. */
    static final class SimulationFailure extends AssertionError {
        private static final long serialVersionUID = 1L;

        SimulationFailure(String message) {
            super(message);
        }
    }
}
