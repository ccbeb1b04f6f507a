package io.distributedmutex.internal;

import io.distributedmutex.LockException;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexListener;
import io.distributedmutex.StoreException;
import io.distributedmutex.spi.Environment;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Everything observable goes through here: one line in the log, one flight event, one call of the listener. */
final class Events {

    private static final Logger LOG = LoggerFactory.getLogger("io.distributedmutex");

    /** So many calls of a slow listener wait; beyond that they are dropped. */
    private static final int MAXIMUM_WAITING = 10_000;

    private final Environment environment;
    private final @Nullable MutexListener listener;

    /** Calls of the listener that wait for their turn. Guarded by itself. */
    private final ArrayDeque<Consumer<MutexListener>> waiting = new ArrayDeque<>();

    private boolean delivering;
    private long dropped;

    Events(Environment environment, @Nullable MutexListener listener) {
        this.environment = environment;
        this.listener = listener;
    }

    void acquired(String key, HeldLease lease, FlightEvents.@Nullable Acquire event, long waitedNanos) {
        if (event != null) {
            // Ended first: whether it is committed may depend on its duration.
            event.end();
            event.key = key;
            event.outcome = "acquired";
            event.fencingToken = lease.fencingToken();
            event.commit();
        }
        if (LOG.isDebugEnabled()) {
            LOG.debug(
                    "acquired {} after {} us, fencing token {}",
                    Checks.shown(key),
                    waitedNanos / 1_000,
                    lease.fencingToken());
        }
        if (listener != null) {
            tell(l -> l.onAcquired(lease, Duration.ofNanos(waitedNanos)));
        }
    }

    void notObtained(String key, FlightEvents.@Nullable Acquire event, long waitedNanos, LockException outcome) {
        if (event != null) {
            // Ended first: whether it is committed may depend on its duration.
            event.end();
            event.key = key;
            event.outcome = outcome.getClass().getSimpleName();
            event.commit();
        }
        if (LOG.isDebugEnabled()) {
            LOG.debug("not acquired after {} us: {}", waitedNanos / 1_000, outcome.getMessage());
        }
        if (listener != null) {
            tell(l -> l.onNotObtained(key, Duration.ofNanos(waitedNanos), outcome));
        }
    }

    void released(HeldLease lease, FlightEvents.@Nullable Hold event, long heldNanos) {
        held(lease, event, "released");
        if (LOG.isDebugEnabled()) {
            LOG.debug(
                    "released {} after {} us, fencing token {}",
                    Checks.shown(lease.key()),
                    heldNanos / 1_000,
                    lease.fencingToken());
        }
        if (listener != null) {
            tell(l -> l.onReleased(lease, Duration.ofNanos(heldNanos)));
        }
    }

    void atRisk(HeldLease lease, Throwable cause) {
        LOG.warn(
                "AT RISK {} (token {}...): renewal is failing, the lease is valid for {} ms still: {}",
                Checks.shown(lease.key()),
                lease.tokenPrefix(),
                lease.remaining().toMillis(),
                cause.getMessage());
        if (listener != null) {
            tell(l -> l.onAtRisk(lease));
        }
    }

    void recovered(HeldLease lease) {
        LOG.info(
                "recovered {} (token {}...): the lease is renewed again",
                Checks.shown(lease.key()),
                lease.tokenPrefix());
        if (listener != null) {
            tell(l -> l.onRecovered(lease));
        }
    }

    void lost(HeldLease lease, FlightEvents.@Nullable Hold hold, LossReason reason, String detail) {
        held(lease, hold, "lost");
        FlightEvents.Loss event = new FlightEvents.Loss();
        if (event.shouldCommit()) {
            event.key = lease.key();
            event.reason = reason.name();
            event.fencingToken = lease.fencingToken();
            event.commit();
        }
        LOG.warn(
                "LOST {} ({}, token {}..., fencing token {}): {}",
                Checks.shown(lease.key()),
                reason,
                lease.tokenPrefix(),
                lease.fencingToken(),
                detail);
        if (listener != null) {
            tell(l -> l.onLost(lease, reason));
        }
    }

    void releaseUnconfirmed(String key, String token, StoreException error) {
        LOG.warn(
                "release of {} (token {}...) was not confirmed by the store; the key is free at its lease's end at the latest: {}",
                Checks.shown(key),
                HeldLease.prefix(token),
                error.getMessage());
        if (listener != null) {
            tell(l -> l.onReleaseUnconfirmed(key, error));
        }
    }

    void stepFailed(String key, Throwable error) {
        LOG.error("a step for {} failed; please report this", Checks.shown(key), error);
    }

    void deadlockSuspected(List<String> keys) {
        LOG.warn(
                "DEADLOCK suspected: threads of this process wait for each other's keys in a circle: {}; it lasts until a"
                        + " lease ends or a wait time is over",
                keys);
        if (listener != null) {
            tell(l -> l.onDeadlockSuspected(keys));
        }
    }

    void forcedRelease(LockInfo evicted, String by) {
        LOG.warn(
                "FORCED release of {} by {}: taken from {}",
                Checks.shown(evicted.key()),
                Checks.shown(by),
                evicted.holder().map(Checks::shown).orElse("a foreign client"));
        if (listener != null) {
            tell(l -> l.onForcedRelease(evicted));
        }
    }

    private static void held(HeldLease lease, FlightEvents.@Nullable Hold event, String outcome) {
        if (event != null) {
            // Ended first: whether it is committed may depend on its duration.
            event.end();
            event.key = lease.key();
            event.outcome = outcome;
            event.fencingToken = lease.fencingToken();
            event.commit();
        }
    }

    private void tell(Consumer<MutexListener> call) {
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
        environment.execute(this::deliver);
    }

    private void deliver() {
        MutexListener target = listener;
        while (target != null) {
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
                LOG.warn("the listener is too slow: {} of its calls were dropped", lost);
            }
            if (call == null) {
                return;
            }
            try {
                call.accept(target);
            } catch (Throwable t) {
                LOG.warn("a MutexListener threw; nothing else is affected", t);
            }
        }
    }
}
