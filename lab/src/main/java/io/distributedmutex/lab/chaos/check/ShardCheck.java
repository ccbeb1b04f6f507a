package io.distributedmutex.lab.chaos.check;

import io.distributedmutex.lab.chaos.history.Call;
import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.history.HeldLease;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.Span;
import io.distributedmutex.lab.chaos.history.Times;
import io.distributedmutex.lab.output.Verdict.Finding;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Looks at the keys of a cluster whose own shard is well, while a fault is at another. Nobody who waits for such a key waits
 * though it is free, and no lease on it is lost but by its own end.
 */
final class ShardCheck {

    /** What leases are lost by that are held when their worker ends. */
    private static final String CLOSED = "CLOSED";

    private final History history;
    private final Times times;
    private final long originNanos;
    private final Map<String, List<Span>> unrest = new HashMap<>();
    private final List<Span> elsewhere;
    private final List<String> violations = new ArrayList<>();
    private long longest;

    ShardCheck(History history, Times times, long originNanos) {
        this.history = history;
        this.times = times;
        this.originNanos = originNanos;
        this.elsewhere = history.faults().stream()
                .filter(fault -> !fault.keys().isEmpty())
                .toList();
    }

    Finding<Check> shards() {
        new ServiceChecks(history, times, originNanos).gaps().forEach(this::judge);
        Set<Long> judged = new HashSet<>();
        Map<String, HeldLease> leases = new HashMap<>();
        history.leases().forEach(lease -> leases.put(name(lease.worker(), lease.key(), lease.token()), lease));
        long lost = history.of(Kind.LOST)
                .filter(event -> {
                    HeldLease lease = leases.get(name(event.worker(), event.key(), event.token()));
                    return lease != null && isUndeserved(lease, event);
                })
                .count();
        long nanos = 0;
        for (Span fault : elsewhere) {
            long calm = keys().stream()
                    .filter(key -> !fault.concerns(key))
                    .mapToLong(key -> Spans.without(unrest(key), fault.fromNanos(), fault.toNanos()).stream()
                            .mapToLong(span -> span.toNanos() - span.fromNanos())
                            .sum())
                    .max()
                    .orElse(0);
            nanos += calm;
            if (calm > 0) {
                judged.add(fault.fromNanos());
            }
        }
        return new Finding<>(
                Check.SHARDS,
                "the others were looked at in " + judged.size() + " of " + elsewhere.size() + " such faults, for "
                        + nanos / 1_000_000_000L + " s; longest stall " + Times.millis(longest) + ", " + lost
                        + " leases lost",
                violations);
    }

    private Set<String> keys() {
        Set<String> keys = new HashSet<>();
        history.leases().forEach(lease -> keys.add(lease.key()));
        return keys;
    }

    private List<Span> unrest(String key) {
        return unrest.computeIfAbsent(
                key,
                one -> Spans.merged(OrderCheck.unrest(history, originNanos).stream()
                        .filter(span -> span.concerns(one))
                        .toList()));
    }

    private void judge(ServiceChecks.Gap gap) {
        for (Span calm : Spans.without(unrest(gap.key()), gap.fromNanos(), gap.toNanos())) {
            boolean elsewhereIsFault =
                    elsewhere.stream().anyMatch(fault -> fault.meets(calm.fromNanos(), calm.toNanos()));
            long stall = calm.toNanos() - calm.fromNanos();
            if (elsewhereIsFault) {
                longest = Math.max(longest, stall);
            }
            if (elsewhereIsFault && stall > ServiceChecks.CALM_NANOS) {
                violations.add("from " + times.at(calm.fromNanos()) + " on '" + gap.key() + "' was free for "
                        + Times.millis(stall) + " although somebody waited for it and its shard was well");
            }
        }
    }

    /** Whether a lease was lost that a server that is well keeps: before its end, or for want of a renewal. */
    private boolean isUndeserved(HeldLease lease, Event lost) {
        boolean early = lost.nanos() < lease.deadlineNanos() || isRenewed(lost);
        boolean calm = Span.within(unrest(lost.key()), lease.ownedNanos(), lost.nanos()) == 0;
        boolean undeserved = early && calm && !lost.text().equals(CLOSED);
        if (undeserved) {
            violations.add("at " + times.at(lost.nanos()) + " " + lease.describe() + " was lost (" + lost.text()
                    + ") although its shard was well");
        }
        return undeserved;
    }

    private static String name(int worker, String key, long token) {
        return worker + " " + key + " " + token;
    }

    private boolean isRenewed(Event lost) {
        return history.calls().stream()
                .anyMatch(call -> call.worker() == lost.worker()
                        && call.number() == lost.call()
                        && call.how().equals(Call.RENEWED));
    }
}
