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
import io.distributedmutex.verification.simulation.FailoverPlan.Action;
import io.distributedmutex.verification.simulation.FailoverPlan.Kind;
import io.distributedmutex.verification.simulation.Plan.Clocks;
import java.nio.file.Path;
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

    /**
     * How long a hand-off may take to whoever has not waited there before. Where its first name is refused, it polls again under
     * another, but not more than once in a second.
     */
    private static final long BEGINS_NANOS = 1_300_000_000L;

    private static final Duration LONG = Duration.ofSeconds(20);

    private record Instance(
            String label, DistributedMutex mutex, SimulatedProcess process, FailoverNetwork network, Runnable moved) {}

    private record Given(Lease lease, Instance instance) {}

    private record Wait(Instance instance, String key, CompletableFuture<Lease> future) {}

    private final FailoverPlan plan;
    private final ManualTime time;
    private final SplittableRandom random;
    private final FailoverWitness witness;
    private final SimulatedNodes nodes;
    private final List<Instance> instances = new ArrayList<>();
    private final List<Wait> waits = new ArrayList<>();
    private final List<Given> leases = new ArrayList<>();
    private int holds;

    private FailoverLife(FailoverPlan plan, @Nullable List<String> trace) {
        this.plan = plan;
        this.random = new SplittableRandom(~plan.seed());
        this.time = ManualTime.withSeed(random.nextLong());
        this.witness = new FailoverWitness(time, plan.keys(), trace);
        this.nodes = new SimulatedNodes(time, random.split(), witness, plan.keys(), plan.shards(), plan.sharded());
        for (int i = 0; i < plan.instances(); i++) {
            start();
        }
        nodes.onNamed(this::masterNamed);
    }

    /** Starts another instance. */
    private Instance start() {
        SimulatedProcess process = new SimulatedProcess(
                time, 1 + (random.nextDouble() - 0.5) * 0.01, Clocks.STEPS_IGNORED, random.split(), witness::broken);
        FailoverNetwork network = new FailoverNetwork(
                "instance-" + instances.size(), nodes, witness, process, random.split(), plan.faultsOneIn());
        LockStore store;
        Runnable moved = () -> {};
        if (nodes.isCluster()) {
            store = SimulatedDeployment.cluster(
                    network, nodes.master(0).port(), nodes.slots(nodes.master(0)), nodes.master(0).hasShardedChannels);
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
        Instance started = new Instance(network.label, mutex, process, network, moved);
        instances.add(started);
        return started;
    }

    /**
     * Lives a life.
     *
     * @return how many leases were granted
     */
    static int live(FailoverPlan plan) {
        return live(plan, null);
    }

    /** Lives it, and tells what happened: the same for the same plan. */
    static List<String> traceOf(FailoverPlan plan) {
        List<String> trace = new ArrayList<>();
        int unused = live(plan, trace);
        return trace;
    }

    private static int live(FailoverPlan plan, @Nullable List<String> trace) {
        FailoverLife life = new FailoverLife(plan, trace);
        try {
            life.run();
        } finally {
            life.instances.forEach(instance -> instance.process.crash());
        }
        return life.leases.size();
    }

    static Optional<SimulationFailure> failureOf(FailoverPlan plan) {
        List<String> trace = new ArrayList<>();
        try {
            int unused = live(plan, trace);
            return Optional.empty();
        } catch (SimulationFailure e) {
            int from = Math.max(0, trace.size() - 120);
            return Optional.of(new SimulationFailure(
                    e.getMessage() + "\n  " + String.join("\n  ", trace.subList(from, trace.size()))));
        }
    }

    /**
     * What a plan breaks, told by the few of its actions that still break something, which this leaves in target/failed-lives; null
     * if nothing.
     */
    static @Nullable String report(FailoverPlan plan) {
        Optional<SimulationFailure> failure = failureOf(plan);
        if (failure.isEmpty()) {
            return null;
        }
        var shortest = Shrinker.shrink(
                plan.actions(),
                failure.get(),
                actions -> failureOf(plan.with(actions)).filter(other -> isAlike(other, failure.get())),
                600);
        Path file = PlanFile.writeFailed(plan.with(shortest.steps()));
        return "seed " + plan.seed() + " breaks a promise (replay: -Dfailovers.seed=" + plan.seed() + "): "
                + failure.get().getMessage().lines().findFirst().orElse("")
                + "\nshrunk from " + plan.actions().size() + " to "
                + shortest.steps().size() + " actions (in " + file + "); "
                + plan.with(List.of()) + ":\n  "
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
        for (Action action : plan.actions()) {
            advance(action.afterNanos());
            note(action::toString);
            act(action, instances.get(action.instance()), plan.keys().get(action.key()));
            witness.check();
        }
        heal();
        settle();
        handOffs();
        end();
    }

    private void act(Action action, Instance instance, String key) {
        int shard = nodes.masterOf(key).shard;
        switch (action.kind()) {
            case ACQUIRE, TRY -> instance.process.whenRunning(() -> ask(action, instance, key));
            case CANCEL -> {
                if (!waits.isEmpty()) {
                    Wait wait = waits.get(waits.size() - 1 - action.pick() % Math.min(waits.size(), 6));
                    wait.instance.process.whenRunning(() -> wait.future.cancel(false));
                }
            }
            case EXTEND -> {
                if (!leases.isEmpty()) {
                    Given given = leases.get(leases.size() - 1 - action.pick() % Math.min(leases.size(), 3));
                    if (!given.instance.process.isCrashed()) {
                        given.instance.process.startOrAbandon(() -> extend(given.lease, action));
                    }
                }
            }
            case MOVE_SLOT ->
                nodes.beginMove(
                        SimulatedDeployment.slotOf(SimulatedDeployment.lockOf(key)),
                        (shard + 1 + action.pick() % 2) % Math.max(1, plan.shards()));
            case MOVE_KEY -> nodes.moveOne();
            case HAND_OVER -> nodes.handOver(shard);
            case KILL -> nodes.kill(shard);
            case FREEZE -> nodes.freeze(shard, true);
            case STAND_STILL -> nodes.freeze(shard, false);
            case SPLIT -> nodes.split(shard);
            case CUT_OFF -> nodes.cutOff(shard, action.pick() % 3 == 0);
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
                .leaseTime(Duration.ofMillis(action.leaseMillis()))
                .waitTime(Duration.ofMillis(action.kind() == Kind.TRY ? 0 : action.waitMillis()))
                .retryInterval(Duration.ofMillis(action.retryMillis()));
        if (action.renews() && action.leaseMillis() >= 300) {
            options.autoRenew(Duration.ofMillis(action.leaseMillis() + 3_000));
        }
        CompletableFuture<Lease> future = instance.mutex.with(o -> options).acquireAsync(key);
        waits.add(new Wait(instance, key, future));
        CompletableFuture<Lease> unused = future.whenComplete((lease, error) -> {
            if (lease != null) {
                received(instance, lease, action.leaseMillis());
                if (!action.forgets() || plan.calm()) {
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
                    if (plan.calm() && action.holdNanos() < action.leaseMillis() * 450_000 && !lease.isValid()) {
                        witness.broken("lost without a reason: " + lease + ' ' + lease.lossReason());
                    }
                    lease.close();
                },
                action.holdNanos());
    }

    private void extend(Lease lease, Action action) {
        try {
            lease.extend(Duration.ofMillis(action.leaseMillis()));
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
            Set<String> keys = Set.copyOf(plan.keys());
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

    /** Each key from one instance to another: just when that begins to wait, and when it is subscribed where it waits. */
    private void handOffs() {
        List<Instance> alive =
                instances.stream().filter(one -> !one.process.isCrashed()).toList();
        Instance fresh = start();
        fresh.network.heal();
        for (String key : plan.keys()) {
            handOff(alive.get(0), fresh, key, random.nextLong(40_000_000L), BEGINS_NANOS);
            // The first poll goes out with its subscription; the next one is seconds away.
            handOff(alive.get(0), alive.get(1), key, 1_500_000_000L, PUSHED_NANOS);
        }
    }

    private void handOff(Instance holder, Instance waiter, String key, long afterNanos, long boundNanos) {
        CompletableFuture<Lease> held = acquire(holder, key);
        advanceUntil(held, 1_000_000_000L);
        require(held.isDone() && !held.isCompletedExceptionally(), () -> "not served when all is well: " + key);
        CompletableFuture<Lease> next = acquire(waiter, key);
        advance(afterNanos);
        held.join().close();
        advanceUntil(next, boundNanos);
        require(
                next.isDone() && !next.isCompletedExceptionally(),
                () -> "not handed on within " + boundNanos / 1_000_000 + " ms: " + key);
        next.join().close();
        advance(200_000_000L);
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
