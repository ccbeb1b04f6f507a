package io.distributedmutex.lab.chaos.check;

import io.distributedmutex.lab.chaos.history.Call;
import io.distributedmutex.lab.chaos.history.Failover;
import io.distributedmutex.lab.chaos.history.HeldLease;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.Span;
import io.distributedmutex.lab.chaos.history.Times;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.output.Verdict.Finding;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What waiters may expect of a free key, and what faults cost them. */
public final class ServiceChecks {

    /**
     * How long after the last fault a key that somebody waits for may stay free. It is the sum of the longest lease (2 s), the
     * claim time of a dead waiter (2 s), a retry interval (250 ms), two command time-outs until a dead connection is noticed
     * (1 s), and 1 s for a busy machine.
     */
    static final long RECOVERY_NANOS = 6_250_000_000L;

    /** In calm a push grants a free key, or the next poll (250 ms) if the push fails. The rest is for a busy machine. */
    static final long CALM_NANOS = 1_000_000_000L;

    /** After a fault that keeps workers from their work, dead connections are still being found and made anew. */
    private static final long SETTLE_NANOS = 4_000_000_000L;

    /** How long after a fault a stall still counts as its effect. */
    private static final long BLAME_NANOS = 5_000_000_000L;

    /**
     * A time in which somebody waited for a key that nobody held.
     *
     * @param key the key
     * @param fromNanos since when
     * @param toNanos until when
     */
    public record Gap(String key, long fromNanos, long toNanos) {}

    private final History history;
    private final Times times;
    private final long originNanos;

    public ServiceChecks(History history, Times times, long originNanos) {
        this.history = history;
        this.times = times;
        this.originNanos = originNanos;
    }

    /** The times in which somebody waited for a key that nobody held. */
    public List<Gap> gaps() {
        Map<String, List<long[]>> changes = new HashMap<>();
        for (Call call : history.calls()) {
            long end = Math.min(call.endNanos(), history.killedNanos(call.worker()));
            if (call.waits()) {
                change(changes, call.key(), call.askedNanos(), 1, 0);
                change(changes, call.key(), end, -1, 0);
            }
        }
        history.leases().stream().filter(HeldLease::wasValid).forEach(lease -> {
            change(changes, lease.key(), lease.enteredNanos(), 0, 1);
            change(changes, lease.key(), Math.max(lease.endNanos(), lease.keptNanos()), 0, -1);
        });
        List<Gap> gaps = new ArrayList<>();
        changes.forEach((key, list) -> {
            list.sort(Comparator.comparingLong(change -> change[0]));
            long waiting = 0;
            long held = 0;
            long since = Long.MAX_VALUE;
            for (long[] change : list) {
                waiting += change[1];
                held += change[2];
                boolean gap = waiting > 0 && held == 0;
                if (gap && since == Long.MAX_VALUE) {
                    since = change[0];
                } else if (!gap && since != Long.MAX_VALUE) {
                    if (change[0] > since) {
                        gaps.add(new Gap(key, since, change[0]));
                    }
                    since = Long.MAX_VALUE;
                }
            }
        });
        gaps.sort(Comparator.comparingLong(Gap::fromNanos));
        return gaps;
    }

    private static void change(Map<String, List<long[]>> changes, String key, long nanos, long waiting, long held) {
        changes.computeIfAbsent(key, ignored -> new ArrayList<>()).add(new long[] {nanos, waiting, held});
    }

    Finding<Check> service() {
        List<String> violations = new ArrayList<>();
        long faultsOver = history.lastFaultNanos(originNanos);
        long calmSince = faultsOver + RECOVERY_NANOS;
        long stopping = history.stoppingNanos();
        long recovery = 0;
        long calm = 0;
        for (Gap gap : gaps()) {
            long from = Math.max(gap.fromNanos(), faultsOver);
            long to = Math.min(gap.toNanos(), stopping);
            if (to <= from) {
                continue;
            }
            long stall = to - from - Span.within(history.standstills(), from, to);
            long bound = from >= calmSince ? CALM_NANOS : RECOVERY_NANOS;
            if (from >= calmSince) {
                calm = Math.max(calm, stall);
            } else {
                recovery = Math.max(recovery, stall);
            }
            if (stall > bound) {
                violations.add("from " + times.at(from) + " on '" + gap.key() + "' was free for "
                        + Times.millis(to - from) + " although somebody waited for it, "
                        + Times.millis(from - faultsOver) + " after the last fault");
            }
        }
        long replaced = afterFailovers(violations);
        return new Finding<>(
                Check.SERVICE,
                "longest stall after the last fault " + Times.millis(recovery) + ", in calm " + Times.millis(calm)
                        + (history.failovers().isEmpty() ? "" : ", after a failover " + Times.millis(replaced)),
                violations);
    }

    /** Returns the longest time in which nobody was served after another server was promoted. */
    private long afterFailovers(List<String> violations) {
        long longest = 0;
        for (Stall stall : afterFailovers()) {
            longest = Math.max(longest, stall.undisturbedNanos());
            if (stall.undisturbedNanos() > RECOVERY_NANOS) {
                violations.add("from " + times.at(stall.gap().fromNanos()) + " to "
                        + times.at(stall.gap().toNanos()) + " on '"
                        + stall.gap().key()
                        + "' was free although somebody waited for it, for "
                        + Times.millis(stall.undisturbedNanos())
                        + " without other faults; a server had been promoted at "
                        + times.at(stall.promotedNanos()));
            }
        }
        return longest;
    }

    /**
     * A time after a failover in which somebody waited for a key of the new server that nobody held.
     *
     * @param promotedNanos when the server was promoted
     * @param gap that time, until the next fault of the server
     * @param undisturbedNanos how long it was, without the times in which workers were kept from their work
     */
    public record Stall(long promotedNanos, Gap gap, long undisturbedNanos) {

        public long nanos() {
            return gap.toNanos() - gap.fromNanos();
        }
    }

    /** For each failover the times in which its keys were free though somebody waited, if they began before it was over. */
    public List<Stall> afterFailovers() {
        List<Gap> gaps = gaps();
        List<Stall> stalls = new ArrayList<>();
        for (Failover failover : history.failovers()) {
            Span span = failover.span();
            long next = nextServerFault(span.toNanos());
            for (Gap gap : gaps) {
                long from = Math.max(gap.fromNanos(), span.fromNanos());
                long to = Math.min(gap.toNanos(), next);
                if (span.concerns(gap.key()) && gap.fromNanos() <= span.toNanos() && to > from) {
                    long undisturbed = to - from - Span.within(disturbances(gap.key()), from, to);
                    stalls.add(new Stall(span.fromNanos(), new Gap(gap.key(), from, to), undisturbed));
                }
            }
        }
        return stalls;
    }

    private long nextServerFault(long after) {
        return history.faults().stream()
                .filter(fault -> Fault.valueOf(fault.name()).domain() == Fault.Domain.SERVER)
                .mapToLong(Span::fromNanos)
                .filter(from -> from > after)
                .min()
                .orElse(history.stoppingNanos());
    }

    /** The times in which workers were kept from their work, and a while after. */
    private List<Span> disturbances(String key) {
        List<Span> disturbances = new ArrayList<>(history.standstills());
        history.faults().stream()
                .filter(fault -> Fault.valueOf(fault.name()).meetsWorkers() && fault.concerns(key))
                .forEach(fault ->
                        disturbances.add(new Span(fault.fromNanos(), fault.toNanos() + SETTLE_NANOS, 0, "", "")));
        return Spans.merged(disturbances);
    }

    /** For each kind of fault the longest time from its end to the next grant of a key that was free and waited for. */
    public Map<Fault, Long> worstStalls() {
        Map<Fault, Long> worst = new EnumMap<>(Fault.class);
        List<Gap> gaps = gaps();
        List<Span> faults = history.faults();
        for (Span fault : faults) {
            long next = faults.stream()
                    .mapToLong(Span::fromNanos)
                    .filter(from -> from > fault.toNanos())
                    .min()
                    .orElse(history.stoppingNanos());
            long blamed = Math.min(next, fault.toNanos() + BLAME_NANOS);
            long longest = gaps.stream()
                    .filter(gap -> gap.toNanos() > fault.toNanos() && gap.fromNanos() < blamed)
                    .mapToLong(gap -> gap.toNanos() - Math.max(gap.fromNanos(), fault.toNanos()))
                    .max()
                    .orElse(0);
            worst.merge(Fault.valueOf(fault.name()), longest, Math::max);
        }
        return worst;
    }
}
