package io.distributedmutex.verification.simulation;

import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryContents;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The store of a life, and a witness beside it who sees every request at the moment of its arrival: fencing tokens rise
 * in the order of grants, and nobody overtakes a live waiter.
 */
final class SimulatedServer {

    final InMemoryLockStore data;
    private final ManualTime time;
    private final Consumer<String> broken;
    private final Map<String, Lock> locks = new HashMap<>();
    private final Map<String, Long> keptUntilNanos = new HashMap<>();
    private final Set<String> deaf = new HashSet<>();
    private long nextPlace;
    private boolean down;

    /** A grant as the witness saw it. */
    record Grant(String token, long first, int count) {}

    private static final class Lock {
        final TreeMap<Long, Grant> grants = new TreeMap<>();
        final LinkedHashMap<Id, Entry> queue = new LinkedHashMap<>();
        /** For each token that took the key without a script, and was not told of a grant yet: the places before it then. */
        final Map<String, Set<Long>> taken = new HashMap<>();
        /** The highest number given when something happened that may make a lease overlap with a later one. */
        final Set<Long> barriers = new HashSet<>();
        /** Those whose place came with a replica's data: it may be before that of others who seem to have come sooner. */
        final Set<Id> inherited = new HashSet<>();

        long highest() {
            return grants.isEmpty()
                    ? 0
                    : grants.lastEntry().getValue().first + grants.lastEntry().getValue().count - 1;
        }

        /** The places before one; before any that is still to come, if it has none. */
        Set<Long> before(Id id, Predicate<Entry> isLive) {
            return queue.entrySet().stream()
                    .takeWhile(waiting -> !waiting.getKey().equals(id))
                    .map(Map.Entry::getValue)
                    .filter(isLive)
                    .map(Entry::place)
                    .collect(Collectors.toSet());
        }

        /** Whether somebody stands at one of these places still. */
        boolean anyAt(Set<Long> places, Predicate<Entry> isLive) {
            return queue.values().stream().anyMatch(entry -> places.contains(entry.place) && isLive.test(entry));
        }
    }

    /** Who stands in the queue: each token has a place of its own. */
    private record Id(String client, String token) {}

    /** Its place, another each time it joins; certain if the store cannot have dropped it. */
    private record Entry(long place, long aliveUntilNanos, boolean certain) {
        Entry uncertain() {
            return new Entry(place, aliveUntilNanos, false);
        }
    }

    SimulatedServer(ManualTime time, Consumer<String> broken) {
        this.time = time;
        this.broken = broken;
        this.data = new InMemoryLockStore(time);
    }

    // ---- what happens to it

    void down() {
        down = true;
    }

    void up() {
        down = false;
    }

    boolean isDown() {
        return down;
    }

    /** The key, or all keys, lost something: leases from before may overlap with those from after. */
    void disturbed() {
        for (Lock lock : locks.values()) {
            lock.barriers.add(lock.highest());
            lock.queue.replaceAll((client, entry) -> entry.uncertain());
        }
    }

    /** It is a replica now. Who stands in its queues keeps that place, also if dead by now: until the next grant. */
    void replaced() {
        disturbed();
        locks.values().forEach(lock -> lock.inherited.clear());
        InMemoryContents.of(data)
                .queues()
                .forEach((key, queue) -> queue.waiters()
                        .forEach(waiter -> lock(key).inherited.add(new Id(waiter.label(), waiter.token()))));
    }

    /** Whether a lease may overlap with one that has a higher fencing token, since the store lost something between them. */
    boolean excused(String key, long lower, long higher) {
        return lock(key).barriers.stream().anyMatch(barrier -> lower <= barrier && barrier < higher);
    }

    /** The grant that a fencing token comes from, or null. */
    @Nullable
    Grant grantOf(String key, long fencingToken) {
        Map.Entry<Long, Grant> grant = lock(key).grants.floorEntry(fencingToken);
        return grant == null || fencingToken >= grant.getValue().first + grant.getValue().count
                ? null
                : grant.getValue();
    }

    /** How long the store keeps the key for a grant still; negative if it is not that grant's any more. */
    long remainingMillis(String key, Grant grant) {
        InMemoryContents.Value value = InMemoryContents.of(data).values().get(key);
        return value == null || !value.token().equals(grant.token()) ? -1 : value.remainingMillis();
    }

    // ---- what the witness sees

    void acquired(String client, AcquireRequest request, AcquireReply reply, boolean wasTaken) {
        Lock lock = lock(request.key());
        if (reply instanceof AcquireReply.Refused) {
            // It has given way.
            lock.taken.remove(request.token());
        }
        if (reply instanceof AcquireReply.Granted granted) {
            // Else a repeated answer for a grant that was seen before.
            if (grantOf(request.key(), granted.fencingToken()) == null) {
                granted(
                        client,
                        request.key(),
                        request.token(),
                        granted.fencingToken(),
                        granted.fencingTokens(),
                        wasTaken);
            }
        } else if (request.queue()) {
            Id id = new Id(client, request.token());
            Entry before = lock.queue.get(id);
            long now = time.elapsed().toNanos();
            boolean certain = !deaf.contains(client)
                    && !lock.inherited.contains(id)
                    && (before == null || (before.certain && isAlive(before)));
            long aliveUntilNanos = now + (request.aliveMillis() - 2) * 1_000_000;
            long place = before == null ? nextPlace++ : before.place;
            lock.queue.put(id, new Entry(place, aliveUntilNanos, certain));
        }
    }

    /** A token has the key now. It is no grant yet, but decides who came first. */
    void took(String client, String key, String token) {
        Lock lock = lock(key);
        Id id = new Id(client, token);
        lock.taken.put(token, lock.inherited.contains(id) ? Set.of() : lock.before(id, this::isLive));
    }

    /**
     * A grant.
     *
     * @param wasTaken whether the token had the key already, without a script: then who came first was decided there, and the
     *     client's place in the queue, which it may have for another request, is as it was
     */
    void granted(String client, String key, String token, long first, int count, boolean wasTaken) {
        Lock lock = lock(key);
        if (first <= lock.highest()) {
            broken.accept("fencing token " + first + " granted after " + lock.highest() + " on " + key);
        }
        lock.grants.put(first, new Grant(token, first, count));
        Id id = new Id(client, token);
        boolean inherited = lock.inherited.remove(id);
        Set<Long> before = lock.taken.remove(token);
        // One that was told of a grant and asks again, before a script knew of it, gets another number. Nobody stood
        // before it.
        Set<Long> overtaken = !wasTaken ? lock.before(id, this::isLive) : before != null ? before : Set.of();
        if (!inherited && lock.anyAt(overtaken, this::isLive)) {
            broken.accept("a live waiter for " + key + " was overtaken");
        }
        if (!wasTaken) {
            lock.queue.remove(id);
        }
    }

    void cancelled(String client, String key, String token) {
        lock(key).queue.remove(new Id(client, token));
    }

    void released(String key, long keepMillis) {
        if (keepMillis > 0) {
            keptUntilNanos.merge(key, time.elapsed().toNanos() + (keepMillis + 1) * 1_000_000, Math::max);
        }
    }

    /** Whether the key may be taken still after a release, for a minimum hold. */
    boolean isKept(String key) {
        return keptUntilNanos.getOrDefault(key, 0L) >= time.elapsed().toNanos();
    }

    /** Grants to this client count as not received from now on. */
    void deaf(String client) {
        deaf.add(client);
        locks.values()
                .forEach(lock ->
                        lock.queue.replaceAll((id, entry) -> id.client.equals(client) ? entry.uncertain() : entry));
    }

    void hears(String client) {
        deaf.remove(client);
    }

    private boolean isLive(Entry entry) {
        return entry.certain && isAlive(entry);
    }

    private boolean isAlive(Entry entry) {
        return entry.aliveUntilNanos > time.elapsed().toNanos();
    }

    private Lock lock(String key) {
        return locks.computeIfAbsent(key, k -> new Lock());
    }
}
