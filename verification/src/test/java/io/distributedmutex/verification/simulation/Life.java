package io.distributedmutex.verification.simulation;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import io.distributedmutex.verification.simulation.Plan.Action;
import io.distributedmutex.verification.simulation.Plan.End;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Lives a {@link Plan}: some instances of the real engine, on a store that they share, until everything is over. Throws a
 * {@link SimulationFailure} at the first broken promise.
 */
final class Life {

    /** Above what SystemClock notices, and the resolution of /proc/uptime. */
    private static final long SHORTEST_SUSPENSION_NANOS = 70_000_000;

    /** How far the clock moves at once. A lease is looked at whenever another is granted too. */
    private static final long STEP_NANOS = 40_000_000;

    /** A server that lost data needs longer to come back than the numbers it gave ahead of its clock. */
    private static final long RESTART_NANOS = 2_000_000;

    private final Plan plan;
    private final ManualTime time;
    private final SimulatedServer server;
    private final Promises promises;
    private final List<Instance> instances = new ArrayList<>();
    private final List<Wait> waits = new ArrayList<>();
    private final List<Given> leases = new ArrayList<>();
    /** Those that were extended or closed by a further action. */
    private final Set<Given> touched = new HashSet<>();

    private final @Nullable List<String> trace;
    private int holds;
    /** When the server may be back at the earliest. */
    private long backNanos;

    private InMemoryLockStore.@Nullable Snapshot snapshot;

    private record Instance(
            int number, DistributedMutex mutex, SimulatedProcess process, SimulatedNetwork network, boolean[] closed) {}

    private record Given(Lease lease, Instance instance) {}

    /** Somebody who waits, and how to stop that. */
    private record Wait(
            Instance instance,
            String key,
            @Nullable CompletableFuture<Lease> future,
            SimulatedProcess.@Nullable SimulatedThread thread,
            boolean[] over) {

        boolean isOver() {
            return over[0] || instance.process.isCrashed() || (future != null && future.isDone());
        }
    }

    private Life(Plan plan, @Nullable List<String> trace) {
        this.plan = plan;
        this.trace = trace;
        SplittableRandom random = new SplittableRandom(~plan.seed());
        this.time = ManualTime.withSeed(random.nextLong());
        this.promises = new Promises(time);
        this.server = new SimulatedServer(time, promises::broken);
        promises.witness(server);
        for (int i = 0; i < plan.rates().size(); i++) {
            SimulatedProcess process =
                    new SimulatedProcess(time, plan.rates().get(i), plan.clocks(), random.split(), promises::broken);
            SimulatedNetwork network =
                    new SimulatedNetwork("instance-" + i, server, process, time, random.split(), plan.faultsOneIn());
            DistributedMutex mutex = DistributedMutex.builder(network)
                    .holderLabel(network.label)
                    .environment(process)
                    .listener(new ThrowingListener())
                    .build();
            instances.add(new Instance(i, mutex, process, network, new boolean[1]));
        }
    }

    /**
     * Lives it.
     *
     * @return how many leases were granted
     */
    static int live(Plan plan) {
        return live(plan, null);
    }

    /** Lives it, and tells what happened: the same for the same plan. */
    static List<String> traceOf(Plan plan) {
        List<String> trace = new ArrayList<>();
        int unused = live(plan, trace);
        return trace;
    }

    private static int live(Plan plan, @Nullable List<String> trace) {
        Life life = new Life(plan, trace);
        try {
            life.run();
        } finally {
            life.instances.forEach(instance -> instance.process.crash());
        }
        return life.leases.size();
    }

    /** What breaks a promise in it, with what happened before; null if nothing does. */
    static @Nullable SimulationFailure failureOf(Plan plan) {
        List<String> trace = new ArrayList<>();
        try {
            int unused = live(plan, trace);
            return null;
        } catch (SimulationFailure e) {
            int from = Math.max(0, trace.size() - 60);
            return new SimulationFailure(
                    e.getMessage() + "\n  " + String.join("\n  ", trace.subList(from, trace.size())));
        }
    }

    private void note(Supplier<String> what) {
        if (trace != null) {
            trace.add(time.elapsed() + " " + what.get());
        }
    }

    private void run() {
        for (Action action : plan.actions()) {
            advance(action.afterNanos());
            note(action::toString);
            act(action, instances.get(action.instance()), "key-" + action.key());
            look();
        }
        heal();
        settle();
    }

    // ---- what is done

    private void act(Action action, Instance instance, String key) {
        switch (action.kind()) {
            case ACQUIRE_ASYNC, TRY, ACQUIRE ->
                instance.process.whenRunning(() -> {
                    if (!instance.closed[0]) {
                        ask(action, instance, key);
                    }
                });
            case CANCEL, INTERRUPT -> giveUp(action);
            case EXTEND, CLOSE_AGAIN -> {
                if (!leases.isEmpty()) {
                    // Of the latest: mostly the one that is held now.
                    int back = action.pick() % 4 == 0 ? action.pick() / 4 % Math.min(leases.size(), 4) : 0;
                    Given given = leases.get(leases.size() - 1 - back);
                    touched.add(given);
                    given.instance.process.whenRunning(() -> actOn(given, action));
                }
            }
            case CUT -> instance.network.cut(true);
            case MEND -> instance.network.cut(false);
            case PAUSE -> instance.process.pause();
            case RESUME -> instance.process.resume();
            // Shorter ones are not noticed, which docs/guarantees.md says.
            case SUSPEND -> instance.process.suspend(SHORTEST_SUSPENSION_NANOS + action.pick() % 3_000 * 1_000_000L);
            case STEP_WALL_CLOCK -> instance.process.stepWallClock(wallStep(action));
            case CRASH -> crash(action, instance);
            case CLOSE_INSTANCE -> close(action, instance);
            case LOSE_SUBSCRIPTION -> instance.network.loseSubscription();
            case SUBSCRIBE_AGAIN -> subscribeAgain(instance);
            default -> actOnStore(action, instance, key);
        }
    }

    /** By an hour, or by little more or less than is taken for a step. */
    private static long wallStep(Action action) {
        long nanos = action.pick() % 2 == 0 ? 3_600_000_000_000L : action.pick() % 200 * 1_000_000L;
        return action.pick() % 3 == 0 ? -nanos : nanos;
    }

    private static void subscribeAgain(Instance instance) {
        if (!instance.closed[0] && !instance.process.isCrashed()) {
            instance.network.subscribeAgain();
        }
    }

    private void actOnStore(Action action, Instance instance, String key) {
        switch (action.kind()) {
            case STORE_DOWN -> server.down();
            case STORE_BACK_WITH_ALL -> back();
            case STORE_BACK_WITHOUT_ONE_KEY -> {
                server.data.delete(key);
                lost();
            }
            case STORE_BACK_EMPTY -> {
                server.data.loseData();
                lost();
            }
            case STORE_SNAPSHOT -> snapshot = server.data.snapshot();
            case STORE_BACK_AS_REPLICA -> {
                if (snapshot != null) {
                    server.data.restore(snapshot);
                    server.replaced();
                    lost();
                }
            }
            case DELETE_KEY -> {
                server.data.delete(key);
                server.disturbed();
            }
            case FORCE_RELEASE -> {
                CompletableFuture<?> unused = instance.network.forceRelease(key).toCompletableFuture();
            }
            default -> throw new IllegalStateException("not an action on the store: " + action);
        }
    }

    private void lost() {
        server.disturbed();
        server.down();
        backNanos = time.elapsed().toNanos() + RESTART_NANOS;
        time.runAfter(this::back, RESTART_NANOS);
    }

    private void back() {
        if (server.isDown() && time.elapsed().toNanos() >= backNanos) {
            server.up();
            instances.forEach(instance -> instance.network.reconnected());
        }
    }

    private void ask(Action action, Instance instance, String key) {
        LockOptions.Builder options = LockOptions.builder()
                .leaseTime(Duration.ofMillis(action.leaseMillis()))
                .waitTime(Duration.ofMillis(action.kind() == Plan.Kind.TRY ? 0 : action.waitMillis()))
                .retryInterval(Duration.ofMillis(action.retryMillis()))
                .minimumHold(Duration.ofMillis(action.minimumHoldMillis()));
        if (action.maximumHoldMillis() > 0) {
            options.autoRenew(Duration.ofMillis(action.maximumHoldMillis()));
        }
        DistributedMutex mutex = instance.mutex.with(o -> options);
        if (action.kind() == Plan.Kind.ACQUIRE && plan.blocking()) {
            askAndBlock(action, instance, key, mutex);
            return;
        }
        CompletableFuture<Lease> future = mutex.acquireAsync(key);
        waits.add(new Wait(instance, key, future, null, new boolean[1]));
        CompletableFuture<Lease> unused = future.whenComplete((lease, error) -> {
            if (lease != null) {
                received(action, instance, lease);
                hold(action, instance, lease);
            } else if (!(error instanceof LockException) && !future.isCancelled()) {
                promises.broken("an outcome of an unknown kind: " + error);
            }
        });
    }

    private void askAndBlock(Action action, Instance instance, String key, DistributedMutex mutex) {
        boolean[] over = new boolean[1];
        SimulatedProcess.SimulatedThread thread = instance.process.start(() -> {
            try {
                Lease lease = mutex.acquire(key);
                over[0] = true;
                received(action, instance, lease);
                holds++;
                Thread.interrupted();
                instance.process.sleep(action.holdNanos());
                end(action, lease);
                holds--;
            } catch (LockException e) {
                note(() -> instance.number + " " + e.getMessage());
            } finally {
                over[0] = true;
            }
        });
        waits.add(new Wait(instance, key, null, thread, over));
    }

    private void received(Action action, Instance instance, Lease lease) {
        note(() -> "granted to " + instance.number + ": " + lease);
        leases.add(new Given(lease, instance));
        lease.onLost(lost -> {
            throw new ThrowingListener.Thrown();
        });
        promises.received(lease, instance.process, action.leaseMillis(), plan.calm());
    }

    private void hold(Action action, Instance instance, Lease lease) {
        if (action.end() == End.FORGET) {
            return;
        }
        holds++;
        Given given = leases.get(leases.size() - 1);
        long nanos = action.holdNanos() + (action.end() == End.LATE ? action.leaseMillis() * 1_000_000 : 0);
        instance.process.later(
                () -> {
                    holds--;
                    checkStillHeld(action, lease, given);
                    if (action.end() == End.RELEASE) {
                        block(instance, () -> end(action, lease));
                    } else {
                        end(action, lease);
                    }
                },
                nanos);
    }

    /** No false alarms: without faults, a lease that nobody touched is not lost in the first part of its time. */
    private void checkStillHeld(Action action, Lease lease, Given given) {
        if (plan.calm()
                && action.leaseMillis() >= 400
                && action.end() != End.LATE
                && action.holdNanos() < action.leaseMillis() * 450_000
                && !touched.contains(given)
                && !given.instance.closed[0]) {
            promises.require(lease.isValid(), () -> "lost without a reason: " + lease + " " + lease.lossReason());
        }
    }

    private void end(Action action, Lease lease) {
        note(() -> action.end() + " " + lease);
        if (action.end() == End.RELEASE) {
            try {
                lease.release();
            } catch (LockException e) {
                note(() -> "not released: " + e.getMessage());
            }
        } else {
            lease.close();
        }
    }

    private void giveUp(Action action) {
        if (waits.isEmpty()) {
            return;
        }
        Wait wait = waits.get(waits.size() - 1 - action.pick() % Math.min(waits.size(), 6));
        SimulatedProcess.SimulatedThread thread = wait.thread;
        CompletableFuture<Lease> future = wait.future;
        if (action.kind() == Plan.Kind.CANCEL && future != null) {
            wait.instance.process.whenRunning(() -> future.cancel(false));
        } else if (thread != null) {
            thread.interrupt();
            if (action.pick() % 2 == 0) {
                // Else it notices with the next event: perhaps its grant.
                wait.instance.process.whenRunning(() -> {});
            }
        }
    }

    private void actOn(Given given, Action action) {
        if (action.kind() == Plan.Kind.CLOSE_AGAIN) {
            given.lease.close();
        } else if (!given.instance.closed[0]) {
            block(given.instance, () -> {
                try {
                    given.lease.extend(Duration.ofMillis(action.leaseMillis()));
                } catch (LockException e) {
                    note(() -> "not extended: " + e.getMessage());
                }
            });
        }
    }

    private void block(Instance instance, Runnable body) {
        if (plan.blocking()) {
            instance.process.start(body);
        } else {
            instance.process.startOrAbandon(body);
        }
    }

    /** One instance stays, so that there is somebody to be served. */
    private boolean lastAlive() {
        return instances.stream()
                        .filter(other -> !other.closed[0] && !other.process.isCrashed())
                        .count()
                <= 1;
    }

    private void crash(Action action, Instance instance) {
        if (action.pick() % 3 == 0 && !lastAlive()) {
            instance.process.crash();
            instance.network.loseSubscription();
            promises.crashed(instance.process);
        }
    }

    private void close(Action action, Instance instance) {
        if (action.pick() % 3 == 0
                && !lastAlive()
                && !instance.closed[0]
                && !instance.process.isCrashed()
                && !instance.process.isPaused()) {
            instance.closed[0] = true;
            instance.process.start(instance.mutex::close);
            server.deaf(instance.network.label);
        }
    }

    // ---- time

    private void advance(long nanos) {
        // In steps, so that what is valid at once is seen.
        long left = nanos;
        while (left > 0) {
            long step = Math.min(left, STEP_NANOS);
            time.advance(Duration.ofNanos(step));
            left -= step;
            look();
        }
    }

    private void look() {
        promises.check();
        if (plan.calm()) {
            promises.checkService(wanted(), Duration.ofMillis(250).toNanos());
        }
    }

    /** The keys that somebody waits for. */
    private Set<String> wanted() {
        Set<String> wanted = new HashSet<>();
        waits.removeIf(Wait::isOver);
        for (Wait wait : waits) {
            if (!wait.isOver() && !wait.instance.closed[0]) {
                wanted.add(wait.key);
            }
        }
        return wanted;
    }

    // ---- the end

    private void heal() {
        if (server.isDown()) {
            time.advance(Duration.ofNanos(RESTART_NANOS));
        }
        server.up();
        while (instances.stream().anyMatch(instance -> instance.process.isDisturbed())) {
            time.advance(Duration.ofNanos(STEP_NANOS));
        }
        for (Instance instance : instances) {
            if (!instance.process.isCrashed()) {
                instance.network.heal();
                instance.process.resume();
                subscribeAgain(instance);
            }
        }
    }

    private void settle() {
        promises.faultsStopped();
        // What was sent before may be late by 4 s, and hold the key for a lease time for nobody.
        for (int i = 0; i < 800 && (holds > 0 || !wanted().isEmpty()); i++) {
            time.advance(Duration.ofNanos(STEP_NANOS));
            promises.check();
            promises.checkService(
                    wanted(),
                    plan.calm()
                            ? Duration.ofMillis(250).toNanos()
                            : Duration.ofSeconds(3).toNanos());
        }
        promises.require(wanted().isEmpty(), () -> "somebody waits for ever");
        if (plan.calm()) {
            // Nothing was forgotten and nothing lost, so nothing is left but minimum holds and what expires late.
            time.advance(Duration.ofMillis(4_200));
            promises.require(server.data.contents().isEmpty(), () -> "left in the store: " + server.data.contents());
        }
        promises.require(
                time.runUntilIdle(Duration.ofMinutes(2)), () -> "timers run for ever: " + time.pendingTimers());
        time.advance(Duration.ofSeconds(30));
        promises.check();
        promises.require(server.data.contents().isEmpty(), () -> "left in the store: " + server.data.contents());
        for (Given given : leases) {
            // lost() of a lease that was released ends with the outcome of the release, as who waits for it does.
            promises.require(
                    given.instance.closed[0]
                            || given.instance.process.isCrashed()
                            || given.lease.lost().isDone(),
                    () -> "the outcome of a release never came: " + given.lease);
        }
        for (Instance instance : instances) {
            promises.require(
                    instance.process.isCrashed() || instance.process.runningThreads() == 0,
                    () -> "a thread of instance " + instance.number + " is blocked");
        }
    }
}
