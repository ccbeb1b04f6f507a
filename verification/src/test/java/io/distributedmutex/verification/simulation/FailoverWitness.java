package io.distributedmutex.verification.simulation;

import io.distributedmutex.Lease;
import io.distributedmutex.redis.SimulatedDeployment;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.verification.simulation.SimulatedNodes.Node;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What has to be true where masters are replaced. The witness sees each write to a lock at the moment at which a node does it. A
 * key has epochs: another begins when a replica takes over. What the replica had missed, and what the old master wrote after
 * that, is lost; only then may leases of the two epochs overlap.
 */
final class FailoverWitness {

    private final ManualTime time;
    private final Map<String, History> histories = new HashMap<>();
    private final Map<String, List<Held>> live = new HashMap<>();
    private final Map<String, Register> registers = new HashMap<>();
    private final Map<String, Long> freeSince = new HashMap<>();
    private @Nullable String found;

    /** Told what servers do; null if nobody wants to know. */
    private final @Nullable List<String> trace;

    /** A lease that the store granted. */
    private record Grant(int epoch, String token, long first, int count, long nanos) {}

    private record Held(Lease lease, SimulatedProcess process, List<Grant> grants) {}

    /** What stands in a database that checks fencing tokens: the greatest, and who wrote it. */
    private record Register(long token, Grant grant) {}

    private static final class History {
        final String lock;
        final String fence;
        final List<TreeMap<Long, Grant>> grants = new ArrayList<>(List.of(new TreeMap<>()));

        /** The epochs after which something was lost. */
        final Set<Integer> lossy = new HashSet<>();

        /** Who was the master until the end of which epoch. */
        final Map<Node, Integer> demoted = new HashMap<>();

        /** The greatest number of the epochs before, of those that count for the next one. */
        long before;

        /** The last epoch in which something was written under a token: a lease that survived is renewed at the new master. */
        final Map<String, Integer> last = new HashMap<>();

        History(String key) {
            lock = SimulatedDeployment.lockOf(key);
            fence = SimulatedDeployment.companionsOf(key).get(1);
        }

        int epoch() {
            return grants.size() - 1;
        }

        int lastOf(Grant grant) {
            return Math.max(grant.epoch, last.getOrDefault(grant.token, 0));
        }

        int epochAt(Node node) {
            return demoted.getOrDefault(node, epoch());
        }

        /** The grants with a number: a master that was replaced, and does not know, may give the same as its successor. */
        List<Grant> of(long number) {
            List<Grant> all = new ArrayList<>();
            for (TreeMap<Long, Grant> epoch : grants) {
                Map.Entry<Long, Grant> grant = epoch.floorEntry(number);
                if (grant != null && number < grant.getKey() + grant.getValue().count) {
                    all.add(grant.getValue());
                }
            }
            return all;
        }
    }

    FailoverWitness(ManualTime time, List<String> keys, @Nullable List<String> trace) {
        this.time = time;
        this.trace = trace;
        for (String key : keys) {
            histories.put(key, new History(key));
            live.put(key, new ArrayList<>());
        }
    }

    void broken(String what) {
        if (found == null) {
            found = what + ", at " + time.elapsed();
        }
    }

    /** Adds what happened to what is told of a failed life. */
    void note(Supplier<String> what) {
        if (trace != null) {
            trace.add(time.elapsed() + " " + what.get());
        }
    }

    void throwFound() {
        if (found != null) {
            throw new SimulationFailure(found);
        }
    }

    private History history(String key) {
        return histories.computeIfAbsent(key, History::new);
    }

    // ---- what nodes do

    /** A replica takes over, without the writes to these names. */
    void replaced(List<String> keys, Node old, Node next, Set<String> lost) {
        for (String key : keys) {
            History history = history(key);
            TreeMap<Long, Grant> last = history.grants.get(history.epoch());
            history.demoted.put(old, history.epoch());
            history.demoted.remove(next);
            if (lost.contains(history.lock)) {
                history.lossy.add(history.epoch());
            }
            history.before = Math.max(history.before, last.isEmpty() ? 0 : last.lastKey());
            history.grants.add(new TreeMap<>());
        }
    }

    /** A node has written under these names. */
    void wrote(SimulatedNodes nodes, Node node, Set<String> names) {
        histories.forEach((key, history) -> {
            boolean isLock = names.contains(history.lock);
            if (!isLock && !names.contains(history.fence)) {
                return;
            }
            int epoch = history.epochAt(node);
            if (isLock && epoch < history.epoch()) {
                history.lossy.add(epoch);
            }
            // While a slot moves, its fence may be elsewhere.
            String value = isLock ? node.data.text(history.lock) : nodes.lockBeside(node, key);
            if (value == null || value.startsWith("-|")) {
                return;
            }
            boolean isFollowed = value.indexOf("!|") == 22;
            String[] parts = value.split(isFollowed ? "!" : "\\|", 3);
            if (isLock) {
                history.last.merge(parts[0], epoch, Math::max);
            }
            if (!isFollowed && !parts[1].isEmpty()) {
                granted(history, node, epoch, parts[0], Long.parseLong(parts[1]), 64);
            } else if (names.contains(history.fence)) {
                NodeData.Value last = node.data.copyOf(history.fence);
                if (last != null && last.content instanceof NodeData.StreamId id) {
                    granted(history, node, epoch, parts[0], id.millis() * 1000 + id.sequence(), 1);
                }
            }
        });
    }

    private void granted(History history, Node node, int epoch, String token, long number, int count) {
        for (TreeMap<Long, Grant> known : history.grants) {
            Grant same = known.get(number);
            if (same != null && same.token.equals(token)) {
                return;
            }
        }
        TreeMap<Long, Grant> grants = history.grants.get(epoch);
        Map.Entry<Long, Grant> last = grants.lastEntry();
        if (last != null && number <= last.getKey()) {
            broken("fencing token " + number + " granted after " + last.getKey() + " in the same epoch");
        }
        if (epoch == history.epoch() && number <= history.before && node.nowMillis() * 1000 > history.before) {
            broken("fencing token " + number + " granted after " + history.before + " before a failover");
        }
        grants.put(number, new Grant(epoch, token, number, count, time.elapsed().toNanos()));
    }

    // ---- what instances do

    /** A lease has come to whoever waited for it. */
    void received(Lease lease, SimulatedProcess process, long leaseMillis) {
        History history = history(lease.key());
        List<Grant> grants = history.of(lease.fencingToken());
        if (grants.isEmpty()) {
            broken("a fencing token that the store never gave: " + lease);
            return;
        }
        if (lease.remaining().toMillis() > leaseMillis) {
            broken("believed in for longer than its lease time of " + leaseMillis + " ms: " + lease);
        }
        live.computeIfAbsent(lease.key(), any -> new ArrayList<>()).add(new Held(lease, process, grants));
        check(lease.key());
    }

    /** The holder of a lease writes with its fencing token, whether it still has the lease or not. */
    void write(Lease lease) {
        List<Grant> grants = history(lease.key()).of(lease.fencingToken());
        Register before = registers.get(lease.key());
        if (grants.size() != 1 || (before != null && lease.fencingToken() < before.token)) {
            return;
        }
        Grant grant = grants.get(0);
        if (before != null
                && grant.epoch == before.grant.epoch
                && grant.nanos < before.grant.nanos
                && grant.first != before.grant.first) {
            broken("a write of an older lease was taken after that of a later one: " + lease);
        }
        registers.put(lease.key(), new Register(lease.fencingToken(), grant));
    }

    void check() {
        throwFound();
        live.keySet().forEach(this::check);
        throwFound();
    }

    private void check(String key) {
        List<Held> held = live.getOrDefault(key, List.of());
        held.removeIf(one -> one.process.isCrashed() || !one.lease.isValid());
        for (int i = 0; i < held.size(); i++) {
            for (int j = i + 1; j < held.size(); j++) {
                Held one = held.get(i);
                Held other = held.get(j);
                if (one.grants.stream()
                        .noneMatch(first -> other.grants.stream().anyMatch(second -> isExcused(key, first, second)))) {
                    broken("two valid leases: " + one.lease + " and " + other.lease);
                }
            }
        }
    }

    /** Whether something was lost between two grants. */
    private boolean isExcused(String key, Grant one, Grant other) {
        int from = Math.min(one.epoch, other.epoch);
        int to = Math.max(history(key).lastOf(one), history(key).lastOf(other));
        return history(key).lossy.stream().anyMatch(epoch -> from <= epoch && epoch < to);
    }

    /** Who waits for a key that nobody has is served within the bound. */
    void checkService(Set<String> wanted, Set<String> taken, long boundNanos) {
        long now = time.elapsed().toNanos();
        for (String key : wanted) {
            if (!live.getOrDefault(key, List.of()).isEmpty() || taken.contains(key)) {
                freeSince.remove(key);
            } else if (now - freeSince.computeIfAbsent(key, any -> now) > boundNanos) {
                broken("nobody was served on " + key + " for " + (now - freeSince.get(key)) / 1_000_000
                        + " ms, though somebody waited");
            }
        }
        freeSince.keySet().retainAll(wanted);
        throwFound();
    }
}
