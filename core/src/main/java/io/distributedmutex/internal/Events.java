package io.distributedmutex.internal;

import io.distributedmutex.Deadlock;
import io.distributedmutex.LockException;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexListener;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.Messages;
import io.distributedmutex.spi.StoredLease;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Everything observable goes through here: one call of each listener, one flight event, one line in the log, in this order.
 *
 * <p>Nothing here throws, whatever a listener, a logger or the flight recorder does: what an event tells of must go on. Each
 * of the three is told even if another fails.
 */
final class Events {

    /** So many calls of a slow listener wait; beyond that they are dropped. */
    private static final int MAXIMUM_WAITING = 10_000;

    private final Scheduler scheduler;
    private final List<MutexListener> immediate;
    private final List<MutexListener> others;
    private final Outage outage;

    /** Calls of the other listeners that wait for their turn. Guarded by itself. */
    private final ArrayDeque<Consumer<MutexListener>> waiting = new ArrayDeque<>();

    private boolean delivering;
    private long dropped;

    Events(Scheduler scheduler, List<MutexListener> listeners) {
        this.scheduler = scheduler;
        Map<Boolean, List<MutexListener>> byKind =
                listeners.stream().collect(Collectors.partitioningBy(MutexListener::isImmediate));
        this.immediate = List.copyOf(byKind.get(true));
        this.others = List.copyOf(byKind.get(false));
        this.outage = new Outage(scheduler);
    }

    Outage outage() {
        return outage;
    }

    void acquired(String key, StoredLease lease, FlightEvents.@Nullable Acquire event, long waitedNanos) {
        if (isHeard()) {
            tell(l -> l.onAcquired(lease, Duration.ofNanos(waitedNanos)));
        }
        record(event, key, "acquired", lease.fencingToken());
        if (logsDebug()) {
            Log.quietly(() -> Log.LOGGER.debug(
                    "acquired {} after {} us, fencing token {}",
                    Messages.shown(key),
                    waitedNanos / 1_000,
                    lease.fencingToken()));
        }
    }

    void notAcquired(String key, FlightEvents.@Nullable Acquire event, long waitedNanos, LockException outcome) {
        if (isHeard()) {
            tell(l -> l.onNotAcquired(key, Duration.ofNanos(waitedNanos), outcome));
        }
        record(event, key, outcome.getClass().getSimpleName(), 0);
        if (logsDebug()) {
            Log.quietly(
                    () -> Log.LOGGER.debug("not acquired after {} us: {}", waitedNanos / 1_000, outcome.getMessage()));
        }
    }

    void released(StoredLease lease, FlightEvents.@Nullable Hold event, long heldNanos) {
        if (isHeard()) {
            tell(l -> l.onReleased(lease, Duration.ofNanos(heldNanos)));
        }
        record(event, lease, "released");
        if (logsDebug()) {
            Log.quietly(() -> Log.LOGGER.debug(
                    "released {} after {} us, fencing token {}",
                    Messages.shown(lease.key()),
                    heldNanos / 1_000,
                    lease.fencingToken()));
        }
    }

    void atRisk(StoredLease lease, Throwable cause) {
        if (isHeard()) {
            tell(l -> l.onAtRisk(lease));
        }
        outage.risk();
        boolean aloud = !(cause instanceof StoreUnreachableException) || outage.isTold();
        Log.quietly(() -> log(
                aloud,
                "AT RISK {} (token {}...): renewal is failing, the lease is valid for {} still: {}",
                Messages.shown(lease.key()),
                Token.excerpt(lease.token()),
                Messages.about(lease.remaining()),
                cause.getMessage()));
    }

    void recovered(StoredLease lease) {
        if (isHeard()) {
            tell(l -> l.onRecovered(lease));
        }
        boolean aloud = outage.isTold();
        Log.quietly(() -> {
            String line = "recovered {} (token {}...): the lease is renewed again";
            if (aloud) {
                Log.LOGGER.info(line, Messages.shown(lease.key()), Token.excerpt(lease.token()));
            } else {
                Log.LOGGER.debug(line, Messages.shown(lease.key()), Token.excerpt(lease.token()));
            }
        });
    }

    void lost(StoredLease lease, FlightEvents.@Nullable Hold hold, LossReason reason, String detail) {
        if (isHeard()) {
            tell(l -> l.onLost(lease, reason));
        }
        outage.loss();
        record(hold, lease, "lost");
        Log.quietly(() -> {
            FlightEvents.Loss event = FlightEvents.loss();
            if (event != null) {
                event.key = lease.key();
                event.reason = reason.name();
                event.fencingToken = lease.fencingToken();
                event.commit();
            }
        });
        Log.quietly(() -> Log.LOGGER.warn(
                "LOST {} ({}, token {}..., fencing token {}): {}",
                Messages.shown(lease.key()),
                reason,
                Token.excerpt(lease.token()),
                lease.fencingToken(),
                detail));
    }

    void releaseUnconfirmed(String key, String token, StoreException error) {
        if (isHeard()) {
            tell(l -> l.onReleaseUnconfirmed(key, error));
        }
        boolean aloud = !(error instanceof StoreUnreachableException) || outage.isTold();
        Log.quietly(() -> log(
                aloud,
                "release of {} (token {}...) was not confirmed by the store; the key is free at its lease's end at the"
                        + " latest: {}",
                Messages.shown(key),
                Token.excerpt(token),
                error.getMessage()));
    }

    /**
     * Owners wait for each other in a circle.
     *
     * @param broken whether the first of them has been made to give up
     */
    void deadlock(Deadlock circle, boolean broken) {
        if (isHeard()) {
            tell(l -> l.onDeadlock(circle));
        }
        Log.quietly(() -> Log.LOGGER.warn(
                "DEADLOCK: {}; {}",
                circle,
                broken
                        ? "the first of them was made to give up"
                        : "it lasts until a lease ends or a wait time is over"));
    }

    void forcedRelease(LockInfo evicted, String by) {
        if (isHeard()) {
            tell(l -> l.onForcedRelease(evicted));
        }
        Log.quietly(() -> Log.LOGGER.warn(
                "FORCED release of {} by {}: taken from {}",
                Messages.shown(evicted.key()),
                Messages.shown(by),
                evicted.holder().map(Messages::shown).orElse("a foreign client")));
    }

    // ---- the three that are told

    private boolean isHeard() {
        return !immediate.isEmpty() || !others.isEmpty();
    }

    private static boolean logsDebug() {
        try {
            return Log.LOGGER.isDebugEnabled();
        } catch (Throwable t) {
            return false;
        }
    }

    private static void log(boolean aloud, String line, @Nullable Object... arguments) {
        if (aloud) {
            Log.LOGGER.warn(line, arguments);
        } else {
            Log.LOGGER.debug(line, arguments);
        }
    }

    private static void record(FlightEvents.@Nullable Acquire event, String key, String outcome, long fencingToken) {
        if (event != null) {
            Log.quietly(() -> {
                // Ended first: whether it is committed may depend on its duration.
                event.end();
                event.key = key;
                event.outcome = outcome;
                event.fencingToken = fencingToken;
                event.commit();
            });
        }
    }

    private static void record(FlightEvents.@Nullable Hold event, StoredLease lease, String outcome) {
        if (event != null) {
            Log.quietly(() -> {
                event.end();
                event.key = lease.key();
                event.outcome = outcome;
                event.fencingToken = lease.fencingToken();
                event.commit();
            });
        }
    }

    private void tell(Consumer<MutexListener> call) {
        tell(immediate, call);
        if (others.isEmpty()) {
            return;
        }
        synchronized (waiting) {
            if (waiting.size() >= MAXIMUM_WAITING) {
                dropped++;
                return;
            }
            waiting.add(call);
            if (delivering) {
                return;
            }
            delivering = true;
        }
        scheduler.execute(this::deliver);
    }

    private void deliver() {
        boolean done = false;
        try {
            while (!done) {
                done = deliverNext();
            }
        } finally {
            if (!done) {
                // The stack is at its end, say. The next event starts again.
                synchronized (waiting) {
                    delivering = false;
                }
            }
        }
    }

    /** Returns whether there was nothing to deliver. */
    private boolean deliverNext() {
        Consumer<MutexListener> call;
        long lost;
        synchronized (waiting) {
            lost = dropped;
            dropped = 0;
            call = waiting.poll();
            if (call == null) {
                delivering = false;
            }
        }
        if (lost > 0) {
            Log.quietly(() -> Log.LOGGER.warn("the listener is too slow: {} of its calls were dropped", lost));
        }
        if (call == null) {
            return true;
        }
        tell(others, call);
        return false;
    }

    private static void tell(List<MutexListener> targets, Consumer<MutexListener> call) {
        for (int i = 0; i < targets.size(); i++) {
            try {
                call.accept(targets.get(i));
            } catch (Throwable t) {
                Log.quietly(() -> Log.LOGGER.warn("a MutexListener threw; nothing else is affected", t));
            }
        }
    }
}
