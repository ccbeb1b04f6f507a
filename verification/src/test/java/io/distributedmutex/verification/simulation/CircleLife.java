package io.distributedmutex.verification.simulation;

import io.distributedmutex.Deadlock;
import io.distributedmutex.DeadlockException;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexListener;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.testkit.ManualTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A life of owners who take keys while they hold others, in any order, over several instances of the real engine; so now and
 * then some of them wait for each other in a circle. The witness sees who holds and who waits, and knows each circle from the
 * moment at which it closes.
 *
 * <p>Promises: a circle that stands for 5 s is told of (after faults, when they are over); none is told of that did not
 * stand a moment ago; each is told of once; and under FAIL one of its waits ends for it, and no other.
 */
final class CircleLife {

    private static final long STEP_NANOS = 20_000_000;

    private static final long LIFE_NANOS = Duration.ofSeconds(90).toNanos();

    /** When faults are over. */
    private static final long HEALED_NANOS = Duration.ofSeconds(60).toNanos();

    /** A circle that stands for so long is to be told of. */
    private static final long FOUND_WITHIN_NANOS = Duration.ofSeconds(5).toNanos();

    /** Somebody gives up waiting in a circle that has stood for so long. */
    private static final long STANDS_NANOS = Duration.ofSeconds(9).toNanos();

    /** The evidence for a circle is not older than a probe's two rounds; what the witness sees may be a step late. */
    private static final long EVIDENCE_NANOS = 2_000_000_000L + 3 * STEP_NANOS;

    private static final LockOptions OPTIONS = LockOptions.builder()
            .leaseTime(Duration.ofMinutes(10))
            .waitTime(Duration.ofMinutes(10))
            .build();

    /**
     * What came of it, for people.
     *
     * @param again how often something was told of when another circle of the same owners, keys and leases had stood just before
     */
    record Figures(int circles, int told, int victims, int again) {}

    private final SplittableRandom random;
    private final ManualTime time;
    private final boolean faulty;
    private final boolean fails;
    /** Messages take so long that circles may not be found, and change while they are looked for. */
    private final boolean slow;

    private final SimulatedServer server;
    private final List<SimulatedProcess> processes = new ArrayList<>();
    private final List<SimulatedNetwork> networks = new ArrayList<>();
    private final List<Owner> owners = new ArrayList<>();
    private final List<Heard> told = new ArrayList<>();

    /** Each circle that ever stood, by its waits and leases. */
    private final Map<Set<String>, Circle> circles = new LinkedHashMap<>();

    /** The same by its waits and leases themselves, in their order. */
    private final Map<List<Object>, Circle> seenBefore = new HashMap<>();

    /** Those with the same owners, keys and leases: somebody may wait again for what was given up. */
    private final Map<Set<String>, List<Circle>> alike = new HashMap<>();

    private int victims;
    private int again;
    private boolean isCrashed;

    /** What was told of, and what somebody's wait ended for. */
    private final Set<Deadlock> heard = new HashSet<>();

    private final Set<Deadlock> ended = new HashSet<>();
    private int keys;

    /** From 0: how often a hand-off or an end of a wait comes between. */
    private final int restlessness;

    private final class Owner {
        final int number;
        final String name;
        final int instance;
        final DistributedMutex mutex;
        final Map<String, Lease> held = new HashMap<>();
        final List<Waiting> waits = new ArrayList<>();

        Owner(int number, int instance, DistributedMutex mutex) {
            this.number = number;
            this.name = "o" + number;
            this.instance = instance;
            this.mutex = mutex.owner(name);
        }

        boolean isDead() {
            return processes.get(instance).isCrashed();
        }
    }

    /** Somebody's wait for a key. */
    private record Waiting(Owner owner, String key, CompletableFuture<Lease> future, long sinceNanos) {}

    /** A circle as the witness saw it. */
    private static final class Circle {
        final List<Waiting> waits;
        final long closedNanos;
        long lastNanos;
        /** When it, or another that stands for it, was last known to be told of. */
        long coveredNanos;

        /** What told of it; null if nothing has. */
        @Nullable
        Told told;

        Circle(List<Waiting> waits, long now) {
            this.waits = waits;
            this.closedNanos = now;
        }

        boolean sharesAnOwnerWith(Circle other) {
            for (Waiting wait : waits) {
                for (Waiting each : other.waits) {
                    if (each.owner == wait.owner) {
                        return true;
                    }
                }
            }
            return false;
        }

        /** Whether what is told of now may mean it: each wait had begun by when it is said to have, and not long before. */
        boolean agreesWith(Deadlock meant, long now) {
            return meant.waits().stream()
                    .allMatch(said -> waits.stream().anyMatch(wait -> {
                        long waited = said.waited().toNanos();
                        // Its clock may go wrong by a thousandth.
                        long inexact = waited / 500 + 3 * STEP_NANOS;
                        long ago = now - wait.sinceNanos - waited;
                        return wait.owner.name.equals(said.owner())
                                && wait.key.equals(said.key())
                                && -inexact <= ago
                                && ago <= EVIDENCE_NANOS + inexact;
                    }));
        }
    }

    /** What an instance told of, and the circles that it may mean, the likeliest first. */
    private record Told(Deadlock circle, List<Circle> meant) {}

    private record Heard(int instance, Deadlock circle) {}

    private CircleLife(long seed) {
        this.random = new SplittableRandom(seed);
        this.time = ManualTime.withSeed(random.nextLong());
        this.faulty = random.nextBoolean();
        this.fails = random.nextBoolean();
        this.slow = random.nextInt(3) == 0;
        this.restlessness = random.nextInt(4);
        this.server = new SimulatedServer(time, this::broken);
        List<DistributedMutex> instances = new ArrayList<>();
        int count = 2 + random.nextInt(4);
        int faultsOneIn = random.nextBoolean() ? 3 + random.nextInt(5) : 8 + random.nextInt(40);
        for (int i = 0; i < count; i++) {
            int number = i;
            SimulatedProcess process = new SimulatedProcess(
                    time, 0.999 + random.nextDouble() / 500, Plan.Clocks.STEPS_IGNORED, random.split(), this::broken);
            // Which wait is the youngest, by clocks that tell different times.
            process.stepWallClock(random.nextLong(-5_000_000_000L, 5_000_000_000L));
            SimulatedNetwork network =
                    new SimulatedNetwork("i" + i, server, process, time, random.split(), faulty ? faultsOneIn : 0);
            if (slow) {
                network.slowPushes(500_000_000);
            }
            processes.add(process);
            networks.add(network);
            instances.add(DistributedMutex.builder(network)
                    .holderLabel(network.label)
                    .options(OPTIONS)
                    .environment(process)
                    .deadlocks(fails ? OnDeadlock.FAIL : OnDeadlock.REPORT)
                    .listener(new MutexListener() {
                        @Override
                        public void onDeadlock(Deadlock circle) {
                            told.add(new Heard(number, circle));
                        }
                    })
                    .build());
        }
        int people = 3 + random.nextInt(6);
        for (int i = 0; i < people; i++) {
            int instance = random.nextInt(count);
            owners.add(new Owner(i, instance, instances.get(instance)));
        }
        this.keys = people + random.nextInt(4);
    }

    /** Lives the life of a seed. Throws {@link SimulationFailure} at the first broken promise. */
    static Figures live(long seed) {
        CircleLife life = new CircleLife(seed);
        try {
            life.run();
        } finally {
            life.processes.forEach(SimulatedProcess::crash);
        }
        return new Figures(
                life.circles.size(),
                (int) life.circles.values().stream()
                        .filter(circle -> circle.told != null)
                        .count(),
                life.victims,
                life.again);
    }

    private void broken(String what) {
        throw new SimulationFailure("at " + time.elapsed() + ": " + what);
    }

    private long now() {
        return time.elapsed().toNanos();
    }

    private void run() {
        while (now() < LIFE_NANOS) {
            if (faulty && now() < HEALED_NANOS && random.nextInt(4_000) == 0) {
                crash(random.nextInt(processes.size()));
            }
            if (now() >= HEALED_NANOS) {
                networks.forEach(SimulatedNetwork::heal);
            }
            owners.forEach(this::act);
            look();
            time.advance(Duration.ofNanos(STEP_NANOS));
            owners.forEach(this::takeGranted);
            look();
            hear();
            owners.forEach(this::takeFailed);
            if (fails && !isCrashed && !ended.equals(heard)) {
                broken("not one victim for each circle that was told of: " + heard);
            }
            look();
        }
    }

    private void crash(int instance) {
        isCrashed = true;
        networks.get(instance).cut(true);
        networks.get(instance).loseSubscription();
        processes.get(instance).crash();
    }

    // ---- what owners do

    private void act(Owner owner) {
        if (owner.isDead() || random.nextInt(slow ? 10 : 40) != 0) {
            return;
        }
        boolean waits = !owner.waits.isEmpty();
        int choice = random.nextInt(10);
        if (waits && choice < 9) {
            // Who waits does nothing else, as a rule: it may give up, give back what it holds by another thread, or ask
            // for more.
            if (choice < restlessness && !owner.held.isEmpty()) {
                release(owner);
            } else if (choice >= 9 - restlessness) {
                owner.waits.get(random.nextInt(owner.waits.size())).future.cancel(false);
            }
        } else if (choice < 3 && !owner.held.isEmpty()) {
            release(owner);
        } else if (owner.held.size() + owner.waits.size() < 3) {
            String key = "k" + random.nextInt(keys);
            boolean asked = owner.waits.stream().anyMatch(wait -> wait.key.equals(key));
            if (!asked && (!owner.held.containsKey(key) || random.nextInt(20) == 0)) {
                CompletableFuture<Lease> future = owner.mutex.acquireAsync(key);
                owner.waits.add(new Waiting(owner, key, future, now()));
            }
        }
    }

    private void release(Owner owner) {
        String key = List.copyOf(owner.held.keySet()).get(random.nextInt(owner.held.size()));
        owner.held.remove(key).close();
    }

    private void takeGranted(Owner owner) {
        for (Waiting wait : List.copyOf(owner.waits)) {
            if (!owner.isDead() && wait.future.isDone() && !wait.future.isCompletedExceptionally()) {
                owner.waits.remove(wait);
                owner.held.put(wait.key, wait.future.join());
            }
        }
    }

    private void takeFailed(Owner owner) {
        for (Waiting wait : List.copyOf(owner.waits)) {
            if (!owner.isDead() && wait.future.isCompletedExceptionally()) {
                owner.waits.remove(wait);
                if (!wait.future.isCancelled()) {
                    ended(owner, wait);
                }
            }
        }
    }

    private void ended(Owner owner, Waiting wait) {
        Throwable failure = wait.future.handle((lease, error) -> error).join();
        if (!(failure instanceof DeadlockException deadlock)) {
            return;
        }
        if (!fails) {
            broken("a wait of " + owner.name + " ended, though circles are only to be told of");
        }
        victims++;
        Deadlock.Wait first = deadlock.circle().waits().get(0);
        if (!first.owner().equals(owner.name) || !first.key().equals(wait.key)) {
            broken(owner.name + " is told of the circle of another: " + deadlock.circle());
        }
        if (!ended.add(deadlock.circle())) {
            broken("another victim of the same circle: " + deadlock.circle());
        }
        if (!heard.contains(deadlock.circle())) {
            broken(owner.name + " ended for a circle that was not told of: " + deadlock.circle());
        }
        owner.held.values().forEach(Lease::close);
        owner.held.clear();
    }

    // ---- what the witness sees

    /** Finds all circles that stand now. */
    private void look() {
        Map<String, Owner> holders = new HashMap<>();
        for (Owner owner : owners) {
            if (!owner.isDead()) {
                // Faults may have cost it a lease.
                owner.held.values().removeIf(lease -> !lease.isValid());
                owner.held.keySet().forEach(key -> holders.put(key, owner));
            }
        }
        for (Owner owner : owners) {
            if (!owner.isDead()) {
                walk(owner, owner, holders, new ArrayList<>());
            }
        }
        for (Circle circle : List.copyOf(circles.values())) {
            if (circle.lastNanos == now()) {
                long since = Math.max(circle.closedNanos, faulty ? HEALED_NANOS : 0);
                long youngest = circle.waits.stream()
                        .mapToLong(Waiting::sinceNanos)
                        .max()
                        .orElseThrow();
                // A wait is looked at after it has lasted for a second.
                since = Math.max(since, youngest);
                if (isTold(circle)) {
                    circle.coveredNanos = now();
                }
                if (!slow && now() - Math.max(since, circle.coveredNanos) > FOUND_WITHIN_NANOS) {
                    broken("not told of a circle that stands since " + Duration.ofNanos(circle.closedNanos) + ": "
                            + circle.waits.stream()
                                    .map(wait -> wait.owner.name + ">" + wait.key)
                                    .toList()
                            + "; " + state());
                }
                if (now() - circle.closedNanos > STANDS_NANOS && (!faulty || now() < HEALED_NANOS)) {
                    circle.waits.get(0).future.cancel(false);
                }
            }
        }
    }

    /** Of circles that share owners, which there are where one waits for several keys, one may stand for the others. */
    private boolean isTold(Circle circle) {
        for (Circle other : circles.values()) {
            if (other.told != null && other.lastNanos == now() && other.sharesAnOwnerWith(circle)) {
                return true;
            }
        }
        return false;
    }

    /** Who holds and who waits, for a failure's message. */
    private String state() {
        return (faulty ? "with faults: " : "without faults: ")
                + owners.stream()
                        .map(owner ->
                                "i" + owner.instance + (owner.isDead() ? " (dead)" : "") + "/" + owner.name + " holds "
                                        + owner.held.keySet() + ", waits for "
                                        + owner.waits.stream()
                                                .map(wait -> wait.key + " since " + Duration.ofNanos(wait.sinceNanos))
                                                .toList())
                        .collect(Collectors.joining("; "));
    }

    /** A circle is found once: from that of its owners who has the lowest number. */
    private void walk(Owner first, Owner owner, Map<String, Owner> holders, List<Waiting> path) {
        for (Waiting wait : owner.waits) {
            Owner holder = holders.get(wait.key);
            if (holder == null || holder.number < first.number || wait.future.isCancelled()) {
                continue;
            }
            path.add(wait);
            if (holder == first) {
                List<Object> seen = new ArrayList<>();
                for (Waiting each : path) {
                    seen.add(each);
                    seen.add(holders.get(each.key).held.get(each.key));
                }
                Circle circle = seenBefore.computeIfAbsent(seen, anew -> named(path, holders));
                circle.lastNanos = now();
            } else if (!passes(path, holder)) {
                walk(first, holder, holders, path);
            }
            path.remove(path.size() - 1);
        }
    }

    private static boolean passes(List<Waiting> path, Owner owner) {
        for (Waiting wait : path) {
            if (wait.owner == owner) {
                return true;
            }
        }
        return false;
    }

    /** The circle by its names, which take longer to make than all else. */
    private Circle named(List<Waiting> path, Map<String, Owner> holders) {
        Set<String> lasting = new TreeSet<>();
        Set<String> exactly = new TreeSet<>();
        for (Waiting each : path) {
            String edge = identity(each, holders.get(each.key).held.get(each.key));
            lasting.add(edge);
            exactly.add(edge + "@" + each.sinceNanos);
        }
        Circle circle = circles.get(exactly);
        if (circle == null) {
            circle = new Circle(List.copyOf(path), now());
            circles.put(exactly, circle);
            alike.computeIfAbsent(lasting, same -> new ArrayList<>()).add(circle);
        }
        return circle;
    }

    private static String identity(Waiting wait, @Nullable Lease lease) {
        return wait.owner.name + ">" + wait.key + "#" + (lease == null ? 0 : lease.fencingToken());
    }

    private static Set<String> identity(Deadlock circle) {
        return circle.waits().stream()
                .map(wait -> wait.owner() + ">" + wait.key() + "#" + wait.fencingToken())
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /**
     * The circles that stood a moment ago and may be meant: that which stands now, and then the latest. Somebody may have given
     * up a wait that was in a circle, and wait for the same key again, in a circle with the same leases.
     */
    private List<Circle> meantBy(Deadlock told) {
        List<Circle> recent = alike.getOrDefault(identity(told), List.of()).stream()
                .filter(circle -> now() - circle.lastNanos <= EVIDENCE_NANOS)
                .toList();
        again += recent.size() > 1 ? 1 : 0;
        return recent.stream()
                .filter(circle -> circle.agreesWith(told, now()))
                .sorted(Comparator.comparingLong((Circle circle) -> circle.lastNanos)
                        .thenComparingLong(circle -> circle.closedNanos)
                        .reversed())
                .toList();
    }

    /**
     * Finds a circle for what was told of, and another one for what may have meant the same circle. Returns whether each has its
     * own.
     */
    private static boolean assign(Told one, Set<Circle> tried) {
        for (Circle circle : one.meant) {
            if (tried.add(circle) && (circle.told == null || assign(circle.told, tried))) {
                circle.told = one;
                return true;
            }
        }
        return false;
    }

    private void hear() {
        for (Heard one : List.copyOf(told)) {
            heard.add(one.circle);
            List<Circle> meant = meantBy(one.circle);
            if (meant.isEmpty()) {
                broken("told of a circle that does not stand: " + one.circle + "; " + state());
            }
            if (!assign(new Told(one.circle, meant), new HashSet<>())) {
                broken("told twice of " + one.circle);
            }
            if (!one.circle.waits().get(0).holderLabel().equals("i" + one.instance)) {
                broken("told of by an instance that has not the first wait: " + one.circle);
            }
        }
        told.clear();
    }
}
