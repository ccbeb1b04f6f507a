package io.distributedmutex.verification.simulation;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.redis.SimulatedDeployment;
import io.distributedmutex.redis.SimulatedDeployment.FollowingStore;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.testing.Shrinker;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.verification.simulation.Plan.Clocks;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A life in a deployment of several servers: some instances of the real engine, with the Redis store as it is, on a simulated
 * {@linkplain SimulatedNodes cluster}, or on a primary with Sentinels. Masters die, stand still, are cut off and replaced;
 * slots move; connections break; pushes are lost.
 *
 * <p>At the end all is well again, and each key is handed from one instance to another: at once, so by a push.
 */
final class FailoverLife {

    private static final long STEP_NANOS = 40_000_000;

    /** How soon somebody is served once faults stop: a time-out and what it takes to find the new master. */
    private static final long SERVED_NANOS = 6_000_000_000L;

    /** How soon a hand-off comes by push. */
    private static final long PUSHED_NANOS = 150_000_000L;

    private static final Duration LONG = Duration.ofSeconds(20);

    /** What is done. */
    private enum Kind implements Luck.Kind {
        ACQUIRE(60, false),
        TRY(8, false),
        CANCEL(4, false),
        EXTEND(8, false),
        MOVE_SLOT(6, false),
        MOVE_KEY(14, false),
        HAND_OVER(2, true),
        KILL(2, true),
        FREEZE(2, true),
        STAND_STILL(2, true),
        SPLIT(2, true),
        BREAK(4, true),
        CUT(2, true),
        MEND(3, true),
        PAUSE(2, true),
        RESUME(3, true),
        CRASH(1, true);

        private final int weight;
        private final boolean hostile;

        Kind(int weight, boolean hostile) {
            this.weight = weight;
            this.hostile = hostile;
        }

        @Override
        public int weight() {
            return weight;
        }

        @Override
        public boolean hostile() {
            return hostile;
        }
    }

    /**
     * One thing that is done.
     *
     * @param afterNanos how long after the one before
     * @param pick chooses among what there is then
     */
    private record Action(
            long afterNanos,
            Kind kind,
            int instance,
            int key,
            long leaseMillis,
            long waitMillis,
            long retryMillis,
            long holdNanos,
            boolean renews,
            boolean forgets,
            int pick) {}

    /** What a seed makes. */
    private record Plot(
            long seed,
            int shards,
            boolean sharded,
            boolean calm,
            int faultsOneIn,
            int instances,
            List<String> keys,
            List<Action> actions) {

        Plot with(List<Action> fewer) {
            return new Plot(seed, shards, sharded, calm, faultsOneIn, instances, keys, fewer);
        }
    }

    private record Instance(
            String label, DistributedMutex mutex, SimulatedProcess process, FailoverNetwork network, Runnable moved) {}

    private record Given(Lease lease, Instance instance) {}

    private record Wait(Instance instance, String key, CompletableFuture<Lease> future) {}

    private final Plot plot;
    private final ManualTime time;
    private final SplittableRandom random;
    private final FailoverWitness witness;
    private final SimulatedNodes nodes;
    private final List<Instance> instances = new ArrayList<>();
    private final List<Wait> waits = new ArrayList<>();
    private final List<Given> leases = new ArrayList<>();
    private int holds;

    private FailoverLife(Plot plot, @Nullable List<String> trace) {
        this.plot = plot;
        this.random = new SplittableRandom(~plot.seed);
        this.time = ManualTime.withSeed(random.nextLong());
        this.witness = new FailoverWitness(time, plot.keys, trace);
        this.nodes = new SimulatedNodes(time, random.split(), witness, plot.keys, plot.shards, plot.sharded);
        for (int i = 0; i < plot.instances; i++) {
            SimulatedProcess process = new SimulatedProcess(
                    time,
                    1 + (random.nextDouble() - 0.5) * 0.01,
                    Clocks.STEPS_IGNORED,
                    random.split(),
                    witness::broken);
            FailoverNetwork network =
                    new FailoverNetwork("instance-" + i, nodes, witness, process, random.split(), plot.faultsOneIn);
            LockStore store;
            Runnable moved = () -> {};
            if (nodes.isCluster()) {
                store = SimulatedDeployment.cluster(
                        network, nodes.master(0).port(), nodes.slots(nodes.master(0)), plot.sharded);
            } else {
                FollowingStore following = SimulatedDeployment.sentinels(network);
                store = following.store();
                moved = following.moved();
            }
            DistributedMutex mutex = DistributedMutex.builder(store)
                    .holderLabel(network.label)
                    .environment(process)
                    .build();
            network.started();
            instances.add(new Instance(network.label, mutex, process, network, moved));
        }
        nodes.onNamed(this::masterNamed);
    }

    // ---- what a seed makes

    private static Plot plot(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        boolean calm = random.nextInt(4) == 0;
        int shards = random.nextInt(4) == 0 ? 0 : 2 + random.nextInt(2);
        boolean sharded = random.nextInt(3) > 0;
        int faultsOneIn = calm || random.nextBoolean() ? 0 : 20 + random.nextInt(200);
        int count = 2 + random.nextInt(3);
        // Two keys that share a slot, or keys of their own.
        List<String> keys = List.of("{a}one", "{a}two", "{b}one").subList(0, 1 + random.nextInt(3));
        Luck<Kind> luck = new Luck<>(random, List.of(Kind.values()), calm);
        int longHolds = random.nextInt(4);
        List<Action> actions = new ArrayList<>();
        int length = 15 + random.nextInt(45);
        for (int i = 0; i < length; i++) {
            Kind kind = luck.next(random);
            long lease = random.nextInt(4) == 0 ? random.nextLong(100, 600) : random.nextLong(600, 6_000);
            actions.add(new Action(
                    gapNanos(random),
                    kind,
                    random.nextInt(count),
                    random.nextInt(keys.size()),
                    lease,
                    random.nextLong(100, 8_000),
                    random.nextLong(20, 1_000),
                    random.nextInt(4) < longHolds ? random.nextLong(lease * 1_200_000) : random.nextLong(4_000_000),
                    random.nextInt(3) == 0,
                    random.nextInt(20) == 0,
                    random.nextInt(Integer.MAX_VALUE)));
        }
        return new Plot(seed, shards, sharded, calm, faultsOneIn, count, keys, List.copyOf(actions));
    }

    private static long gapNanos(SplittableRandom random) {
        return switch (random.nextInt(10)) {
            case 0 -> random.nextLong(2_000_000_000L);
            case 1, 2, 3 -> random.nextLong(50_000_000L);
            default -> random.nextLong(2_000_000L);
        };
    }

    /**
     * Lives the life of a seed.
     *
     * @return how many leases were granted
     */
    static int live(long seed) {
        return live(plot(seed), null);
    }

    /** Lives it, and tells what happened: the same for the same seed. */
    static List<String> traceOf(long seed) {
        List<String> trace = new ArrayList<>();
        int unused = live(plot(seed), trace);
        return trace;
    }

    private static int live(Plot plot, @Nullable List<String> trace) {
        FailoverLife life = new FailoverLife(plot, trace);
        try {
            life.run();
        } finally {
            life.instances.forEach(instance -> instance.process.crash());
        }
        return life.leases.size();
    }

    private static Optional<SimulationFailure> failureOf(Plot plot) {
        List<String> trace = new ArrayList<>();
        try {
            int unused = live(plot, trace);
            return Optional.empty();
        } catch (SimulationFailure e) {
            int from = Math.max(0, trace.size() - 120);
            return Optional.of(new SimulationFailure(
                    e.getMessage() + "\n  " + String.join("\n  ", trace.subList(from, trace.size()))));
        }
    }

    /** What a seed breaks, told by the few of its actions that still break something; null if nothing. */
    static @Nullable String report(long seed) {
        Plot plot = plot(seed);
        Optional<SimulationFailure> failure = failureOf(plot);
        if (failure.isEmpty()) {
            return null;
        }
        var shortest = Shrinker.shrink(
                plot.actions,
                failure.get(),
                actions -> failureOf(plot.with(actions)).filter(other -> isAlike(other, failure.get())),
                600);
        return "seed " + seed + " breaks a promise (replay: -Dfailovers.seed=" + seed + "): "
                + failure.get().getMessage().lines().findFirst().orElse("")
                + "\nshrunk from " + plot.actions.size() + " to "
                + shortest.steps().size() + " actions; "
                + plot.with(List.of()) + ":\n  "
                + shortest.steps().stream().map(Action::toString).collect(Collectors.joining("\n  "))
                + "\nwhat happens then: " + shortest.failure().getMessage();
    }

    private static boolean isAlike(SimulationFailure one, SimulationFailure other) {
        return one.getMessage().substring(0, 12).equals(other.getMessage().substring(0, 12));
    }

    private void note(Supplier<String> what) {
        witness.note(what);
    }

    // ---- what is done

    private void run() {
        for (Action action : plot.actions) {
            advance(action.afterNanos);
            note(action::toString);
            act(action, instances.get(action.instance), plot.keys.get(action.key));
            witness.check();
        }
        heal();
        settle();
        handOffs();
        end();
    }

    private void act(Action action, Instance instance, String key) {
        int shard = nodes.masterOf(key).shard;
        switch (action.kind) {
            case ACQUIRE, TRY -> instance.process.whenRunning(() -> ask(action, instance, key));
            case CANCEL -> {
                if (!waits.isEmpty()) {
                    Wait wait = waits.get(waits.size() - 1 - action.pick % Math.min(waits.size(), 6));
                    wait.instance.process.whenRunning(() -> wait.future.cancel(false));
                }
            }
            case EXTEND -> {
                if (!leases.isEmpty()) {
                    Given given = leases.get(leases.size() - 1 - action.pick % Math.min(leases.size(), 3));
                    if (!given.instance.process.isCrashed()) {
                        given.instance.process.startOrAbandon(() -> extend(given.lease, action));
                    }
                }
            }
            case MOVE_SLOT ->
                nodes.beginMove(
                        SimulatedDeployment.slotOf(SimulatedDeployment.lockOf(key)),
                        (shard + 1 + action.pick % 2) % Math.max(1, plot.shards));
            case MOVE_KEY -> nodes.moveOne();
            case HAND_OVER -> nodes.handOver(shard);
            case KILL -> nodes.kill(shard);
            case FREEZE -> nodes.freeze(shard, true);
            case STAND_STILL -> nodes.freeze(shard, false);
            case SPLIT -> nodes.split(shard);
            case BREAK -> instance.network.breakAll();
            case CUT -> instance.network.cut(true);
            case MEND -> instance.network.cut(false);
            case PAUSE -> instance.process.pause();
            case RESUME -> instance.process.resume();
            case CRASH -> {
                if (instances.stream()
                                .filter(other -> !other.process.isCrashed())
                                .count()
                        > 2) {
                    instance.process.crash();
                    instance.network.breakAll();
                }
            }
        }
    }

    /** The Sentinels tell each instance, one sooner than the other. */
    private void masterNamed() {
        note(() -> "another master was named");
        if (!nodes.isCluster()) {
            int port = nodes.master(0).port();
            for (Instance instance : instances) {
                time.runAfter(
                        () -> instance.process.whenRunning(() -> {
                            instance.network.primaryIs(nodes.master(0).port());
                            if (nodes.master(0).port() == port) {
                                instance.moved.run();
                            }
                        }),
                        random.nextLong(random.nextInt(3) == 0 ? 1_000_000_000L : 20_000_000L));
            }
        }
    }

    private void ask(Action action, Instance instance, String key) {
        LockOptions.Builder options = LockOptions.builder()
                .leaseTime(Duration.ofMillis(action.leaseMillis))
                .waitTime(Duration.ofMillis(action.kind == Kind.TRY ? 0 : action.waitMillis))
                .retryInterval(Duration.ofMillis(action.retryMillis));
        if (action.renews && action.leaseMillis >= 300) {
            options.autoRenew(Duration.ofMillis(action.leaseMillis + 3_000));
        }
        CompletableFuture<Lease> future = instance.mutex.with(o -> options).acquireAsync(key);
        waits.add(new Wait(instance, key, future));
        CompletableFuture<Lease> unused = future.whenComplete((lease, error) -> {
            if (lease != null) {
                received(instance, lease, action.leaseMillis);
                if (!action.forgets || plot.calm) {
                    hold(instance, lease, action);
                }
            } else if (!future.isCancelled()
                    && (!(error instanceof LockException)
                            || (error instanceof StoreRefusedException refused && !refused.isTransient()))) {
                witness.broken("refused for good, or of an unknown kind: " + error);
            }
        });
    }

    private void received(Instance instance, Lease lease, long leaseMillis) {
        note(() -> "granted to " + instance.label + ": " + lease);
        leases.add(new Given(lease, instance));
        witness.received(lease, instance.process, leaseMillis);
        witness.write(lease);
    }

    private void hold(Instance instance, Lease lease, Action action) {
        holds++;
        var unused = instance.process.later(
                () -> {
                    holds--;
                    note(() -> "closed by " + instance.label + ": " + lease);
                    witness.write(lease);
                    // While slots move, leases stay.
                    if (plot.calm && action.holdNanos < action.leaseMillis * 450_000 && !lease.isValid()) {
                        witness.broken("lost without a reason: " + lease + ' ' + lease.lossReason());
                    }
                    lease.close();
                },
                action.holdNanos);
    }

    private void extend(Lease lease, Action action) {
        try {
            lease.extend(Duration.ofMillis(action.leaseMillis));
        } catch (LockException e) {
            note(() -> "not extended: " + e.getMessage());
        }
    }

    // ---- time

    private void advance(long nanos) {
        long left = nanos;
        while (left > 0) {
            long step = Math.min(left, STEP_NANOS);
            time.advance(Duration.ofNanos(step));
            left -= step;
            witness.check();
        }
    }

    private Set<String> wanted() {
        waits.removeIf(wait -> wait.instance.process.isCrashed() || wait.future.isDone());
        return waits.stream().map(Wait::key).collect(Collectors.toCollection(HashSet::new));
    }

    // ---- the end

    private void heal() {
        nodes.heal();
        for (Instance instance : instances) {
            instance.network.heal();
            if (!instance.process.isCrashed()) {
                instance.process.resume();
            }
        }
        for (int i = 0; i < 300 && !nodes.isWell(); i++) {
            advance(STEP_NANOS);
            nodes.heal();
        }
        if (!nodes.isWell()) {
            throw new SimulationFailure("the servers do not heal");
        }
    }

    private void settle() {
        for (int i = 0; i < 800 && (holds > 0 || !wanted().isEmpty()); i++) {
            advance(STEP_NANOS);
            Set<String> keys = Set.copyOf(plot.keys);
            witness.checkService(wanted(), nodes.taken(keys).keySet(), SERVED_NANOS);
        }
        if (!wanted().isEmpty()) {
            throw new SimulationFailure("somebody waits for ever");
        }
        // Until what was left by crashes and lost replies is over.
        advance(Duration.ofSeconds(15).toNanos());
        require(nodes.left().isEmpty(), () -> "left in the store: " + nodes.left());
    }

    private void require(boolean holds, Supplier<String> what) {
        if (!holds) {
            witness.broken(what.get());
        }
        witness.throwFound();
    }

    /** Each key from one instance to another, in a moment: the waiter is subscribed where it waits. */
    private void handOffs() {
        List<Instance> alive =
                instances.stream().filter(one -> !one.process.isCrashed()).toList();
        for (String key : plot.keys) {
            Instance holder = alive.get(0);
            Instance waiter = alive.get(1);
            CompletableFuture<Lease> held = acquire(holder, key);
            advanceUntil(held, 1_000_000_000L);
            require(held.isDone() && !held.isCompletedExceptionally(), () -> "not served when all is well: " + key);
            CompletableFuture<Lease> next = acquire(waiter, key);
            // The first poll goes out with its subscription; the next one is seconds away.
            advance(1_500_000_000L);
            held.join().close();
            advanceUntil(next, PUSHED_NANOS);
            require(next.isDone() && !next.isCompletedExceptionally(), () -> "not handed on by push: " + key);
            next.join().close();
            advance(200_000_000L);
        }
    }

    private CompletableFuture<Lease> acquire(Instance instance, String key) {
        CompletableFuture<Lease> future = instance.mutex
                .with(o -> o.leaseTime(LONG).waitTime(LONG).retryInterval(Duration.ofSeconds(5)))
                .acquireAsync(key);
        CompletableFuture<Lease> unused = future.whenComplete((lease, error) -> {
            if (lease != null) {
                received(instance, lease, LONG.toMillis());
            }
        });
        return future;
    }

    private void advanceUntil(CompletableFuture<?> done, long nanos) {
        for (long left = nanos; left > 0 && !done.isDone(); left -= 10_000_000) {
            advance(10_000_000);
        }
    }

    private void end() {
        advance(Duration.ofSeconds(3).toNanos());
        require(nodes.left().isEmpty(), () -> "left in the store: " + nodes.left());
        for (Given given : leases) {
            require(
                    given.instance.process.isCrashed() || given.lease.lost().isDone(),
                    () -> "the outcome of a release never came: " + given.lease);
        }
    }
}
