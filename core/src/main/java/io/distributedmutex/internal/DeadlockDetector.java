package io.distributedmutex.internal;

import io.distributedmutex.Deadlock;
import io.distributedmutex.DeadlockException;
import io.distributedmutex.HolderStatus;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.spi.Timer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Notices when owners wait for each other's keys in a circle, in this instance or across many: edge chasing (Chandy, Misra and
 * Haas, "Distributed Deadlock Detection", ACM TOCS 1983, the AND model). Nothing is done and nothing is made until somebody has
 * waited for a while.
 *
 * <p>A wait that has lasted for that long sends a {@link Probe} to who holds its key. The token that owns the key names the
 * instance; that one looks whose the lease is and what that owner waits for, and passes the probe on, within itself or to the
 * next instance. A probe that comes back to an owner of its origin has found a circle.
 *
 * <p>Three rules make it right:
 *
 * <ul>
 *   <li>The circle goes round once more, and counts only if every wait and every lease in it is still the same one. So there
 *       was a moment, between the two rounds, at which all of them stood.
 *   <li>A wait passes on only probes of younger ones. So one wait of a circle finds it, the youngest, and that one is also the
 *       one to give up: nobody has to agree with anybody. A younger wait that such a probe meets sends its own instead.
 *   <li>Probes are repeated while the wait lasts, with growing pauses, since messages can be lost; and a round that took long
 *       counts for nothing, since messages can be late.
 * </ul>
 *
 * <p>Messages can be forged: everything in them has a bound, and so has their number. Thread-safe. No method blocks, and none
 * throws.
 */
final class DeadlockDetector {

    /** The pause before the second probe of a wait; each is half as long again as the one before. */
    private static final long FIRST_PAUSE_NANOS = 500_000_000L;

    private static final long LONGEST_PAUSE_NANOS = 3_000_000_000L;

    /** A probe that another wait asks for comes no sooner after the one before. */
    private static final long SHORTEST_PAUSE_NANOS = 50_000_000L;

    /** Both rounds together must not take longer. */
    private static final long ROUNDS_NANOS = 2_000_000_000L;

    /** So many messages are taken in each second, and as many are sent. */
    static final int MESSAGES_PER_SECOND = 200;

    /** So many circles through one wait are told of. */
    private static final int CIRCLES_PER_WAIT = 16;

    private final Instance instance;
    private final Map<String, KeyQueue> queues;
    private final OnDeadlock reaction;
    private final long afterNanos;

    /** What has been waited for long enough, by owner. */
    private final Map<Object, List<Wait>> waits = new ConcurrentHashMap<>();

    private final Budget sending = new Budget(MESSAGES_PER_SECOND);
    private final Budget receiving = new Budget(MESSAGES_PER_SECOND);

    /** Whether the store forbids messages: only circles within this instance are found then. */
    private volatile boolean forbidden;

    /**
     * Knows no waits yet.
     *
     * @param queues the keys of the instance; only read
     * @param afterNanos how long a wait may last before it is looked at
     */
    DeadlockDetector(Instance instance, Map<String, KeyQueue> queues, OnDeadlock reaction, long afterNanos) {
        this.instance = instance;
        this.queues = queues;
        this.reaction = reaction;
        this.afterNanos = reaction == OnDeadlock.IGNORE ? Long.MAX_VALUE : afterNanos;
    }

    /** How long a wait lasts before it is to be looked at; {@link Long#MAX_VALUE} for ever. */
    long afterNanos() {
        return afterNanos;
    }

    /** A waiter has waited for that long. Returns what is to be ended with the wait; null if it needs no look. */
    @Nullable
    Wait watch(Waiter waiter) {
        Wait wait = newWait(waiter);
        if (wait != null) {
            wait.run();
        }
        return wait;
    }

    /** The same for a waiter that has just begun to wait, and has no thread to say when it has waited for long. */
    @Nullable
    Wait watchLater(Waiter waiter) {
        Wait wait = afterNanos == Long.MAX_VALUE ? null : newWait(waiter);
        if (wait != null) {
            wait.lookBy(afterNanos);
        }
        return wait;
    }

    private @Nullable Wait newWait(Waiter waiter) {
        try {
            return waiter.owner == null ? null : new Wait(waiter, waiter.owner);
        } catch (Throwable t) {
            Log.bug("a wait is not looked at for deadlocks", t);
            return null;
        }
    }

    /** A wait that is looked at now and then, by a timer. */
    final class Wait extends Timer {
        private final Waiter waiter;
        private final Object owner;
        private final String name;
        private final long startedMillis;

        // Guarded by this.
        private boolean known;
        private boolean ended;
        private long sequence;
        private long begunNanos;
        private long dueNanos = Long.MAX_VALUE;
        private long pauseNanos = FIRST_PAUSE_NANOS;

        /** The latest probe that was passed on. */
        private String passedOrigin = "";

        private long passedSequence;
        private final Set<List<String>> told = new HashSet<>();

        private Wait(Waiter waiter, Object owner) {
            this.waiter = waiter;
            this.owner = owner;
            this.name = instance.newName();
            this.startedMillis = Math.max(0, instance.epochMillis() - waitedMillis());
        }

        /** It waits no longer. */
        void end() {
            synchronized (this) {
                ended = true;
            }
            instance.scheduler.cancel(this);
            waits.computeIfPresent(owner, (same, all) -> {
                List<Wait> others = new ArrayList<>(all);
                others.remove(this);
                return others.isEmpty() ? null : List.copyOf(others);
            });
        }

        @Override
        public void run() {
            try {
                long number;
                synchronized (this) {
                    if (ended) {
                        return;
                    }
                    if (!known) {
                        known = true;
                        waits.compute(owner, (same, all) -> {
                            List<Wait> more = all == null ? new ArrayList<>() : new ArrayList<>(all);
                            more.add(this);
                            return List.copyOf(more);
                        });
                    }
                    sequence++;
                    number = sequence;
                    begunNanos = instance.now();
                    dueNanos = begunNanos + pauseNanos;
                    pauseNanos = Math.min(pauseNanos + pauseNanos / 2, LONGEST_PAUSE_NANOS);
                    instance.scheduler.schedule(this, instance.scheduler.onEnvironmentsClock(dueNanos));
                }
                if (ownsSomething(owner)) {
                    follow(new Probe(false, number, startedMillis, -1, List.of()), this);
                }
            } catch (Throwable t) {
                Log.bug("a look for deadlocks failed; it is repeated", t);
            }
        }

        /** Looks within a time, unless it has looked just now. */
        private void lookBy(long delayNanos) {
            synchronized (this) {
                long at = Math.max(instance.now() + delayNanos, sequence == 0 ? 0 : begunNanos + SHORTEST_PAUSE_NANOS);
                if (!ended && at < dueNanos) {
                    dueNanos = at;
                    instance.scheduler.schedule(this, instance.scheduler.onEnvironmentsClock(at));
                }
            }
        }

        private boolean isOver() {
            return waiter.isSettled();
        }

        private long waitedMillis() {
            return (instance.now() - waiter.startNanos) / 1_000_000;
        }

        /** A total order, the same for all: the start of the wait, and for two of the same millisecond the name. */
        private boolean isYoungerThan(Probe probe) {
            return startedMillis != probe.startedMillis()
                    ? startedMillis > probe.startedMillis()
                    : name.compareTo(probe.origin()) > 0;
        }

        /** Whether a probe that came home, or a copy of it, is the latest one and has not taken long. */
        private synchronized boolean isTimely(Probe probe) {
            return probe.sequence() == sequence && instance.now() - begunNanos <= ROUNDS_NANOS;
        }

        private synchronized boolean isNew(Probe circle) {
            return told.size() < CIRCLES_PER_WAIT && told.add(circle.identity());
        }

        /** Whether a probe has not been passed on from here: whatever ways it comes, one goes on. */
        private synchronized boolean passes(Probe probe) {
            if (probe.sequence() == passedSequence && probe.origin().equals(passedOrigin)) {
                return false;
            }
            passedOrigin = probe.origin();
            passedSequence = probe.sequence();
            return true;
        }
    }

    /** What an owner has waited for long enough. */
    List<HolderStatus.Wait> waitsOf(Object owner) {
        return waits.getOrDefault(owner, List.of()).stream()
                .filter(wait -> !wait.isOver())
                .map(wait -> new HolderStatus.Wait(wait.waiter.key, Duration.ofMillis(wait.waitedMillis())))
                .toList();
    }

    /** Whether it knows of waits. */
    boolean isWatching() {
        return reaction != OnDeadlock.IGNORE;
    }

    // ---- the first round: to find circles

    /** From a wait to who holds its key. */
    private void follow(Probe probe, Wait wait) {
        KeyQueue.Obstacle obstacle = obstacle(wait);
        if (obstacle == null || probe.path().size() == Probe.MAXIMUM_PATH) {
            return;
        }
        Probe next = probe.with(new Probe.Edge(
                wait.name,
                instance.label,
                LeaseHandle.nameOf(wait.owner),
                wait.waiter.key,
                wait.waitedMillis(),
                obstacle.token(),
                0,
                0));
        if (obstacle.isHere()) {
            arrive(next);
        } else {
            send(next);
        }
    }

    /** From who holds a key, if that is somebody here, to what that one waits for. */
    private void arrive(Probe probe) {
        KeyQueue.Tenure tenure = tenure(probe.edge());
        if (tenure == null) {
            return;
        }
        Probe known = probe.heldFor(tenure.heldNanos() / 1_000_000, tenure.fencingToken());
        List<Wait> next = waits.getOrDefault(tenure.owner(), List.of());
        for (Wait wait : next) {
            if (wait.name.equals(probe.origin())) {
                if (wait.isTimely(known)) {
                    confirm(known.confirming(0), wait);
                }
                return;
            }
        }
        if (next.stream().anyMatch(wait -> probe.contains(wait.name))) {
            // A circle that the origin waits for, and is no part of: for another to find.
            return;
        }
        for (Wait wait : next) {
            if (wait.isYoungerThan(probe)) {
                wait.lookBy(0);
            } else if (wait.passes(probe)) {
                follow(known, wait);
            }
        }
    }

    // ---- the second round: to confirm one

    /** A wait that is to be the one of an edge. */
    private void confirm(Probe probe, Wait wait) {
        KeyQueue.Obstacle obstacle = obstacle(wait);
        if (obstacle == null
                || !wait.waiter.key.equals(probe.edge().key())
                || !obstacle.token().equals(probe.edge().token())) {
            return;
        }
        if (obstacle.isHere()) {
            confirmHeld(probe);
        } else {
            send(probe);
        }
    }

    /** A lease that is to be the one of an edge, and its owner the one that the next edge is about. */
    private void confirmHeld(Probe probe) {
        KeyQueue.Tenure tenure = tenure(probe.edge());
        if (tenure == null || tenure.fencingToken() != probe.edge().fencingToken()) {
            return;
        }
        int next = probe.position() + 1;
        boolean home = next == probe.path().size();
        String name = home ? probe.origin() : probe.path().get(next).id();
        for (Wait wait : waits.getOrDefault(tenure.owner(), List.of())) {
            if (wait.name.equals(name)) {
                if (home) {
                    confirmed(probe, wait);
                } else {
                    confirm(probe.confirming(next), wait);
                }
            }
        }
    }

    private void confirmed(Probe probe, Wait wait) {
        if (wait.isOver() || !wait.isTimely(probe) || !wait.isNew(probe)) {
            return;
        }
        Deadlock circle = probe.circle();
        if (reaction == OnDeadlock.FAIL) {
            KeyQueue queue = queues.get(wait.waiter.key);
            DeadlockException outcome = Outcomes.deadlock(wait.waiter.key, circle);
            if (queue == null) {
                return;
            }
            queue.giveUpBecause(wait.waiter, outcome);
            if (wait.waiter.failure() != outcome) {
                // It has ended otherwise in this moment: there is no circle any more.
                return;
            }
        }
        instance.events.deadlock(circle, reaction == OnDeadlock.FAIL);
    }

    // ---- what is asked of the keys

    private boolean ownsSomething(Object owner) {
        for (KeyQueue queue : queues.values()) {
            if (queue.isHeldBy(owner)) {
                return true;
            }
        }
        return false;
    }

    private KeyQueue.@Nullable Obstacle obstacle(Wait wait) {
        KeyQueue queue = queues.get(wait.waiter.key);
        KeyQueue.Obstacle obstacle = queue == null ? null : queue.obstacle();
        // Looked at last: who waits still had that obstacle in the way, and has not been granted the key.
        return wait.isOver() ? null : obstacle;
    }

    private KeyQueue.@Nullable Tenure tenure(Probe.Edge edge) {
        KeyQueue queue = queues.get(edge.key());
        return queue == null ? null : queue.tenure(edge.token());
    }

    // ---- messages

    /** To the instance that holds the key of the edge. */
    private void send(Probe probe) {
        String text = probe.text();
        if (forbidden || text.length() > Probe.MAXIMUM_TEXT || !sending.allows(instance.now())) {
            return;
        }
        String to = Token.instanceOf(probe.edge().token());
        instance.store.ask(store -> store.send(to, text), (received, error) -> sent(error));
    }

    private void sent(@Nullable StoreException error) {
        if (error instanceof StoreRefusedException refused
                && refused.reason() == StoreRefusedException.Reason.PERMISSION
                && !forbidden) {
            forbidden = true;
            Log.quietly(() -> Log.LOGGER.warn(
                    "the store forbids messages to other instances, so only deadlocks within this one are found: {}",
                    error.getMessage()));
        }
    }

    /** A message has come, from whomever. */
    void received(String text) {
        if (!isWatching() || !receiving.allows(instance.now())) {
            return;
        }
        Probe probe = Probe.parse(text);
        if (probe == null) {
            Log.quietly(() -> Log.LOGGER.debug("dropped a message of {} characters that is no probe", text.length()));
        } else if (probe.confirms()) {
            confirmHeld(probe);
        } else {
            arrive(probe);
        }
    }
}
