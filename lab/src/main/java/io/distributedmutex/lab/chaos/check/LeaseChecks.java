package io.distributedmutex.lab.chaos.check;

import io.distributedmutex.lab.chaos.history.HeldLease;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.Span;
import io.distributedmutex.lab.chaos.history.Times;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.output.Verdict.Finding;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the leases themselves must be: exclusive, numbered in their order, and never lost in silence.
 *
 * <p>Of two leases on a key the one with the smaller token was granted first. Both may be valid at once only if Redis may have
 * lost its data between their grants: the first may have been granted before the loss was over, and the second was entered
 * after the loss began.
 *
 * <p>A failover may lose what the new server had not heard of yet. It begins when that server may have been promoted, and is over
 * for all who can hear of it soon after all who name servers name that one; for who is cut off or stopped meanwhile, soon after
 * that has ended. A lease that was granted or renewed later than that is one of the new server.
 */
public final class LeaseChecks {

    /** How late a holder may hear of a loss, on a busy machine: it takes two other threads. */
    static final long TOLD_NANOS = 500_000_000L;

    /** How long after all Sentinels, or all nodes, name a server the instances that hear them may stay at another one. */
    static final long FOLLOW_NANOS = 1_000_000_000L;

    private static final String LOSS = "after Redis had lost its data";
    private static final String FAILOVER = "around a failover";

    /**
     * Two leases that were valid at once.
     *
     * @param first the one granted first
     * @param second the other
     * @param excuse what Redis had lost in between, in words; empty if nothing
     */
    public record Overlap(HeldLease first, HeldLease second, String excuse) {

        public boolean excused() {
            return !excuse.isEmpty();
        }

        public long fromNanos() {
            return Math.max(first.enteredNanos(), second.enteredNanos());
        }

        public long toNanos() {
            return Math.min(first.endNanos(), second.endNanos());
        }
    }

    private final History history;
    private final Times times;
    private final List<Span> failovers;

    public LeaseChecks(History history, Times times) {
        this.history = history;
        this.times = times;
        this.failovers = history.failovers().stream()
                .filter(failover -> !failover.losesNothing())
                .map(failover -> untilAllFollow(failover.span()))
                .toList();
    }

    private Span untilAllFollow(Span failover) {
        List<Span> kept = history.faults().stream()
                .filter(fault -> Fault.valueOf(fault.name()).meetsWorkers())
                .toList();
        long soon = failover.toNanos() + FOLLOW_NANOS;
        long to = kept.stream()
                .filter(isolation -> isolation.meets(failover.fromNanos(), soon))
                .mapToLong(isolation -> isolation.toNanos() + FOLLOW_NANOS)
                .reduce(soon, Math::max);
        return new Span(failover.fromNanos(), to, 0, failover.name(), failover.text(), failover.keys());
    }

    /** All pairs of leases on a key that were valid at once. */
    public List<Overlap> overlaps() {
        List<Overlap> overlaps = new ArrayList<>();
        for (List<HeldLease> leases : history.validLeases().values()) {
            List<HeldLease> open = new ArrayList<>();
            for (HeldLease lease : leases) {
                open.removeIf(before -> before.endNanos() <= lease.enteredNanos());
                for (HeldLease before : open) {
                    boolean inOrder = before.token() <= lease.token();
                    HeldLease first = inOrder ? before : lease;
                    HeldLease second = inOrder ? lease : before;
                    overlaps.add(new Overlap(first, second, excuse(first, second)));
                }
                open.add(lease);
            }
        }
        return overlaps;
    }

    private String excuse(HeldLease first, HeldLease second) {
        if (isLossBetween(first, second)) {
            return LOSS;
        }
        return isFailoverBetween(first, second) ? FAILOVER : "";
    }

    private boolean isLossBetween(HeldLease first, HeldLease second) {
        return history.losses().stream()
                .filter(loss -> loss.name().isEmpty() || loss.name().equals(first.key()))
                .anyMatch(loss -> isBetween(loss, first, second));
    }

    private boolean isFailoverBetween(HeldLease first, HeldLease second) {
        return failovers.stream()
                .filter(failover -> failover.concerns(first.key()))
                .anyMatch(failover -> isBetween(failover, first, second));
    }

    private static boolean isBetween(Span loss, HeldLease first, HeldLease second) {
        return first.ownedNanos() < loss.toNanos() && second.enteredNanos() > loss.fromNanos();
    }

    Finding<Check> exclusion() {
        List<Overlap> overlaps = overlaps();
        List<String> violations = overlaps.stream()
                .filter(overlap -> !overlap.excused())
                .map(overlap -> "at " + times.at(overlap.fromNanos()) + " "
                        + overlap.second().describe() + " and "
                        + overlap.first().describe()
                        + " were valid at once, for " + Times.millis(overlap.toNanos() - overlap.fromNanos()))
                .toList();
        return new Finding<>(
                Check.EXCLUSION,
                history.leases().size() + " leases, " + count(overlaps, LOSS) + " overlaps " + LOSS
                        + (history.failovers().isEmpty() ? "" : ", " + aroundFailovers(overlaps)),
                violations);
    }

    private static long count(List<Overlap> overlaps, String excuse) {
        return overlaps.stream()
                .filter(overlap -> overlap.excuse().equals(excuse))
                .count();
    }

    private String aroundFailovers(List<Overlap> overlaps) {
        long longest = overlaps.stream()
                .filter(overlap -> overlap.excuse().equals(FAILOVER))
                .mapToLong(overlap -> overlap.toNanos() - overlap.fromNanos())
                .max()
                .orElse(0);
        return count(overlaps, FAILOVER) + " around " + history.failovers().size() + " failovers, of "
                + Times.millis(longest) + " at most";
    }

    /**
     * A token must be larger than that of every lease that was granted before. Two things say which leases
     * these are. One is the order in which they were entered, since at these moments both were owners in Redis, unless it lost
     * its data in between. The other is that one was entered before the request of the other was sent. Around a failover
     * neither says it: the old server may grant when the new one does.
     */
    Finding<Check> tokens() {
        List<String> violations = new ArrayList<>();
        history.validLeases().values().forEach(leases -> checkOrder(leases, violations));
        Map<String, HeldLease> byToken = new HashMap<>();
        Set<String> twins = twins();
        for (HeldLease lease : history.leases()) {
            HeldLease twin = byToken.put(name(lease), lease);
            if (twin != null && !twins.contains(name(lease))) {
                violations.add("at " + times.at(lease.enteredNanos()) + " " + lease.describe()
                        + " has the same token as " + twin.describe());
            }
        }
        return new Finding<>(
                Check.TOKENS,
                byToken.size() + " tokens, over "
                        + history.losses().stream()
                                .filter(loss -> loss.name().isEmpty())
                                .count()
                        + " losses of all data"
                        + (twins.isEmpty() ? "" : "; " + twins.size() + " given by both servers around a failover"),
                violations);
    }

    /**
     * The names of the leases that two servers gave with the same token, in the same millisecond, around a failover: that can
     * happen as long as both grant, and nobody who gets such tokens can tell them apart.
     */
    Set<String> twins() {
        Set<String> twins = new HashSet<>();
        Map<String, HeldLease> byToken = new HashMap<>();
        for (HeldLease lease : history.leases()) {
            HeldLease other = byToken.put(name(lease), lease);
            if (other != null
                    && other.worker() != lease.worker()
                    && isFailoverBetween(lease, other)
                    && isFailoverBetween(other, lease)) {
                twins.add(name(lease));
            }
        }
        return twins;
    }

    private static String name(HeldLease lease) {
        return lease.key() + " " + lease.token();
    }

    private void checkOrder(List<HeldLease> leases, List<String> violations) {
        long largest = Long.MIN_VALUE;
        for (int i = 0; i < leases.size(); i++) {
            HeldLease lease = leases.get(i);
            if (lease.token() < largest) {
                for (HeldLease before : leases.subList(0, i)) {
                    boolean certain = before.enteredNanos() < lease.ownedAtEnterNanos();
                    boolean excused = (!certain && isLossBetween(lease, before)) || isFailoverBetween(lease, before);
                    if (before.token() > lease.token() && !excused) {
                        violations.add("at " + times.at(lease.enteredNanos()) + " " + lease.describe()
                                + " has a smaller token than the earlier " + before.describe());
                        break;
                    }
                }
            }
            largest = Math.max(largest, lease.token());
        }
    }

    /** A holder that still runs when its deadline passes, or that learns of its loss by a release, must be told of the loss. */
    Finding<Check> told() {
        List<String> violations = new ArrayList<>();
        long told = 0;
        long latest = 0;
        for (HeldLease lease : history.leases()) {
            boolean lost = lease.lostNanos() != Long.MAX_VALUE;
            told += lost ? 1 : 0;
            if (lease.released().equals("lost") && lease.releasedNanos() != Long.MAX_VALUE) {
                latest = Math.max(latest, lateness(lease, Math.max(lease.deadlineNanos(), lease.releasedNanos())));
                checkTold(lease, lease.releasedNanos(), violations);
            } else if (lease.releasingNanos() > awake(lease.worker(), lease.deadlineNanos())) {
                latest = Math.max(latest, lateness(lease, lease.deadlineNanos()));
                checkTold(lease, lease.deadlineNanos(), violations);
            }
        }
        return new Finding<>(
                Check.TOLD, told + " losses told, at most " + Times.millis(latest) + " after the deadline", violations);
    }

    /**
     * That time, or the end of the standstill in which it is: nobody has told then whether a renewal has moved the deadline
     * meanwhile.
     */
    private long awake(int worker, long nanos) {
        return history.standstills(worker).stream()
                .filter(stall -> stall.fromNanos() <= nanos && nanos < stall.toNanos())
                .mapToLong(Span::toNanos)
                .reduce(nanos, Math::max);
    }

    private long lateness(HeldLease lease, long due) {
        return lease.lostNanos() == Long.MAX_VALUE
                ? 0
                : lease.lostNanos() - due - Span.within(history.standstills(lease.worker()), due, lease.lostNanos());
    }

    private void checkTold(HeldLease lease, long due, List<String> violations) {
        // A stopped process hears nothing; a dead or ended one need not.
        long seenUntil = Math.min(lease.lostNanos(), times.lastSeen(lease.worker()));
        long stood = Span.within(history.standstills(lease.worker()), due, seenUntil);
        if (seenUntil - due - stood > TOLD_NANOS) {
            violations.add("at " + times.at(due) + " " + lease.describe() + " was over, and its holder "
                    + (lease.lostNanos() == Long.MAX_VALUE
                            ? "was never told"
                            : "was told " + Times.millis(lease.lostNanos() - due) + " later"));
        }
    }
}
