package io.distributedmutex.verification.simulation;

import io.distributedmutex.Lease;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.verification.simulation.SimulatedServer.Grant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What has to be true at every moment of a life. */
final class Promises {

    /** How long an instance may pass a grant on among its own threads, with the slowest clock and the callback's delay. */
    private static final long PASS_NANOS = 2_100_000;

    private final ManualTime time;
    private final Map<String, List<Held>> live = new HashMap<>();
    private final Map<String, Set<Long>> numbers = new HashMap<>();
    private final Map<Grant, Long> firstReceived = new HashMap<>();
    /** Since when a key was without a valid lease, or had none that could be: for the promise of service. */
    private final Map<String, Long> freeSince = new HashMap<>();

    private @Nullable SimulatedServer server;
    private long faultsStoppedNanos = -1;
    /** Found where throwing would only be logged: in a timer or callback. */
    private @Nullable String found;

    private record Held(Lease lease, SimulatedProcess process) {}

    Promises(ManualTime time) {
        this.time = time;
    }

    void witness(SimulatedServer seen) {
        server = seen;
    }

    void broken(String what) {
        if (found == null) {
            found = what + ", at " + time.elapsed();
        }
    }

    void require(boolean holds, Supplier<String> what) {
        if (!holds) {
            broken(what.get());
        }
        throwFound();
    }

    private void throwFound() {
        if (found != null) {
            throw new SimulationFailure(found);
        }
    }

    void faultsStopped() {
        faultsStoppedNanos = time.elapsed().toNanos();
    }

    /** What it held is nobody's belief any more. */
    void crashed(SimulatedProcess process) {
        live.values().forEach(held -> held.removeIf(one -> one.process == process));
    }

    /**
     * A lease has come to whoever waited for it.
     *
     * @param leaseMillis the lease time that was asked for
     */
    void received(Lease lease, SimulatedProcess process, long leaseMillis, boolean calm) {
        String key = lease.key();
        long fence = lease.fencingToken();
        Grant grant = witness().grantOf(key, fence);
        if (grant == null) {
            broken("a fencing token that the store never gave: " + lease);
            return;
        }
        if (!numbers.computeIfAbsent(key, k -> new HashSet<>()).add(fence)) {
            broken("a fencing token given twice: " + lease);
        }
        if (lease.remaining().toMillis() > leaseMillis) {
            broken("believed in for " + lease.remaining() + ", longer than its lease time of " + leaseMillis + " ms: "
                    + lease);
        }
        if (fence != grant.first() && witness().remainingMillis(key, grant) > leaseMillis) {
            broken("passed on with more than its lease time of " + leaseMillis + " ms in the store: " + lease);
        }
        long now = time.elapsed().toNanos();
        long first = firstReceived.computeIfAbsent(grant, g -> now);
        if (calm && now - first > PASS_NANOS) {
            broken("passed on for too long (" + (now - first) / 1_000 + " us): " + lease);
        }
        live.computeIfAbsent(key, k -> new ArrayList<>()).add(new Held(lease, process));
        checkExclusion(key);
    }

    void check() {
        throwFound();
        live.keySet().forEach(this::checkExclusion);
        throwFound();
    }

    private void checkExclusion(String key) {
        List<Held> held = live.get(key);
        if (held.isEmpty()) {
            return;
        }
        // Nobody on a suspended machine believes anything. When it goes on, its leases are looked at again.
        held.removeIf(one -> !one.process.isSuspended() && !one.lease.isValid());
        for (int i = 0; i < held.size(); i++) {
            for (int j = i + 1; j < held.size(); j++) {
                if (held.get(i).process.isSuspended() || held.get(j).process.isSuspended()) {
                    continue;
                }
                Lease one = held.get(i).lease;
                Lease other = held.get(j).lease;
                long lower = Math.min(one.fencingToken(), other.fencingToken());
                long higher = Math.max(one.fencingToken(), other.fencingToken());
                if (!witness().excused(key, lower, higher)) {
                    broken("two valid leases: " + one + " and " + other);
                }
            }
        }
    }

    /** Who waits for a key that nobody validly holds is served within the bound. */
    void checkService(Set<String> wanted, long boundNanos) {
        long now = time.elapsed().toNanos();
        for (String key : wanted) {
            List<Held> held = live.get(key);
            boolean taken = held != null && !held.isEmpty();
            // With faults before, a late request may have taken the key for nobody until its lease ends.
            boolean takenForNobody = faultsStoppedNanos >= 0
                    && boundNanos >= 3_000_000_000L
                    && witness().data.contents().heldKeys().contains(key);
            if (taken || takenForNobody || witness().isKept(key)) {
                freeSince.remove(key);
            } else {
                long since = freeSince.computeIfAbsent(key, k -> now);
                if (now - since > boundNanos) {
                    broken("nobody was served on " + key + " for " + (now - since) / 1_000_000
                            + " ms, though somebody waited");
                }
            }
        }
        freeSince.keySet().retainAll(wanted);
        throwFound();
    }

    private SimulatedServer witness() {
        if (server == null) {
            throw new IllegalStateException("no witness");
        }
        return server;
    }
}
