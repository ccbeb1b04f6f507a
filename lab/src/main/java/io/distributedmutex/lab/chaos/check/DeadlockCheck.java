package io.distributedmutex.lab.chaos.check;

import io.distributedmutex.lab.chaos.history.Call;
import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.history.HeldLease;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.RunRecord;
import io.distributedmutex.lab.chaos.history.Span;
import io.distributedmutex.lab.chaos.history.Times;
import io.distributedmutex.lab.output.Verdict.Finding;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Compares the circles in which workers waited for each other with those that they were told of. Of each worker one thread takes
 * two keys at a time, so a worker is an owner, and waits for one key at a time.
 *
 * <ul>
 *   <li>Each circle that stands in calm is told of in time: one of its waits ends for it, so it does not stand for longer.
 *   <li>What is told of stood a moment ago, and is told of once.
 *   <li>Exactly one wait ends for it: that of the worker that tells of it.
 * </ul>
 */
final class DeadlockCheck {

    /** In calm a circle is found within 5 s, also if a fault has just gone; 1 s for a busy machine. */
    private static final long FOUND_NANOS = 6_000_000_000L;

    /** What is told of stood 2 s ago at the earliest; 1 s for reports on a busy machine. */
    private static final long EVIDENCE_NANOS = 3_000_000_000L;

    /** A wait is looked at when it has lasted for a second; its report may be late, and so seem shorter. */
    private static final long LEAST_WAIT_NANOS = 900_000_000L;

    /** How far the reports of a deadlock and of its victim may be from each other. */
    private static final long REPORT_NANOS = 1_000_000_000L;

    /** Somebody who waits for somebody's lease, and when. */
    private record Edge(Call call, HeldLease lease, long fromNanos, long toNanos) {}

    /** A circle, for as long as all its edges stand. */
    private record Circle(List<Edge> edges, long fromNanos, long toNanos) {
        String describe() {
            return edges.stream()
                    .map(edge -> edge.call.worker() + ">" + edge.call.key() + "#" + edge.lease.token())
                    .collect(Collectors.joining(" "));
        }
    }

    private final History history;
    private final Times times;
    private final RunRecord record;
    private final List<Span> unrest;
    private final List<String> violations = new ArrayList<>();

    DeadlockCheck(History history, Times times, RunRecord record) {
        this.history = history;
        this.times = times;
        this.record = record;
        this.unrest = OrderCheck.unrest(history, record.originNanos());
    }

    Finding<Check> deadlocks() {
        List<Circle> circles = circles();
        List<Event> told = history.of(Kind.DEADLOCK).toList();
        circles.forEach(this::mustNotLast);
        Set<Set<String>> before = new HashSet<>();
        for (Event one : told) {
            mustHaveStood(one);
            if (!before.add(new TreeSet<>(Arrays.asList(one.text().split(" ", -1))))) {
                violations.add(
                        "at " + times.at(one.nanos()) + " worker " + one.worker() + " was told again of " + one.text());
            }
        }
        long victims = mustHaveOneVictimEach(told);
        if (record.settings().deadlocks() && told.isEmpty()) {
            violations.add("no circle was told of: " + circles.size() + " were made");
        }
        return new Finding<>(
                Check.DEADLOCKS,
                circles.size() + " circles, " + told.size() + " of them told of, " + victims + " victims",
                violations);
    }

    // ---- none is missed

    private void mustNotLast(Circle circle) {
        long calmSince = circle.fromNanos;
        List<Span> between = unrest.stream()
                .filter(span -> span.toNanos() > circle.fromNanos && span.fromNanos() < circle.toNanos)
                .sorted(Comparator.comparingLong(Span::fromNanos))
                .toList();
        for (Span span : between) {
            mustBeShort(circle, calmSince, span.fromNanos());
            calmSince = Math.max(calmSince, span.toNanos());
        }
        mustBeShort(circle, calmSince, circle.toNanos);
    }

    private void mustBeShort(Circle circle, long from, long to) {
        if (to - from > FOUND_NANOS) {
            violations.add("from " + times.at(from) + " to " + times.at(to) + " these waited in a circle, undisturbed: "
                    + circle.describe());
        }
    }

    private List<Circle> circles() {
        List<Edge> edges = new ArrayList<>();
        for (Call wait : waits()) {
            for (HeldLease lease : history.leases()) {
                if (lease.key().equals(wait.key()) && lease.worker() != wait.worker()) {
                    Edge edge = edge(wait, lease);
                    if (edge.fromNanos < edge.toNanos) {
                        edges.add(edge);
                    }
                }
            }
        }
        Map<Integer, List<Edge>> ofWorker = edges.stream().collect(Collectors.groupingBy(edge -> edge.call.worker()));
        List<Circle> circles = new ArrayList<>();
        for (Edge first : edges) {
            walk(new ArrayList<>(List.of(first)), first.fromNanos, first.toNanos, ofWorker, circles);
        }
        return circles;
    }

    /** Each circle once: from the worker with the least number. */
    private static void walk(
            List<Edge> path, long from, long to, Map<Integer, List<Edge>> ofWorker, List<Circle> circles) {
        int first = path.get(0).call.worker();
        int holder = path.get(path.size() - 1).lease.worker();
        if (holder == first) {
            circles.add(new Circle(List.copyOf(path), from, to));
            return;
        }
        if (holder < first || path.stream().anyMatch(edge -> edge.call.worker() == holder)) {
            return;
        }
        for (Edge next : ofWorker.getOrDefault(holder, List.of())) {
            long latest = Math.max(from, next.fromNanos);
            long earliest = Math.min(to, next.toNanos);
            if (latest < earliest) {
                path.add(next);
                walk(path, latest, earliest, ofWorker, circles);
                path.remove(path.size() - 1);
            }
        }
    }

    private List<Call> waits() {
        return history.calls().stream()
                .filter(call -> call.kind() == Kind.CALL && call.how().equals(Call.CIRCLE))
                .toList();
    }

    private Edge edge(Call wait, HeldLease lease) {
        return new Edge(
                wait,
                lease,
                Math.max(wait.askedNanos(), lease.enteredNanos()),
                Math.min(
                        Math.min(wait.endNanos(), history.killedNanos(wait.worker())),
                        Math.min(lease.endNanos(), history.killedNanos(lease.worker()))));
    }

    // ---- none is made up

    private void mustHaveStood(Event told) {
        String[] said = told.text().split(" ", -1);
        long from = Long.MIN_VALUE;
        long to = Long.MAX_VALUE;
        for (int i = 0; i < said.length; i++) {
            Optional<Edge> edge = edge(said[i], said[(i + 1) % said.length], told.nanos());
            from = Math.max(from, edge.map(Edge::fromNanos).orElse(Long.MAX_VALUE));
            to = Math.min(to, edge.map(Edge::toNanos).orElse(Long.MIN_VALUE));
        }
        boolean stood = from <= to && from <= told.nanos();
        long ago = told.nanos() - to;
        if (!stood || ago - Span.within(history.standstills(), to, told.nanos()) > EVIDENCE_NANOS) {
            violations.add("at " + times.at(told.nanos()) + " worker " + told.worker()
                    + " was told of a circle that did not stand: " + told.text());
        }
    }

    /** What is said of one who waits, and who holds that: the latest such wait. */
    private Optional<Edge> edge(String said, String next, long nanos) {
        String[] parts = said.split("[>#]", -1);
        if (parts.length != 3) {
            return Optional.empty();
        }
        return waits().stream()
                .filter(wait -> parts[0].equals(Integer.toString(wait.worker()))
                        && parts[1].equals(wait.key())
                        && wait.askedNanos() <= nanos - LEAST_WAIT_NANOS)
                .reduce((earlier, later) -> later)
                .flatMap(wait -> history.leases().stream()
                        .filter(lease -> lease.key().equals(parts[1])
                                && parts[2].equals(Long.toString(lease.token()))
                                && next.startsWith(lease.worker() + ">"))
                        .findFirst()
                        .map(lease -> edge(wait, lease)));
    }

    // ---- one victim each

    private long mustHaveOneVictimEach(List<Event> told) {
        List<Call> victims = new ArrayList<>(history.calls().stream()
                .filter(call -> call.outcome().equals(Call.VICTIM))
                .toList());
        int all = victims.size();
        for (Event one : told) {
            Optional<Call> victim = victims.stream()
                    .filter(call -> call.worker() == one.worker()
                            && call.key().equals(one.key())
                            && call.askedNanos() <= one.nanos()
                            && apart(call, one) <= REPORT_NANOS)
                    .findFirst();
            victim.ifPresent(victims::remove);
            boolean killed = history.killedNanos(one.worker()) < one.nanos() + REPORT_NANOS;
            if (victim.isEmpty() && !killed && record.settings().deadlocks()) {
                violations.add("at " + times.at(one.nanos()) + " nobody gave up for " + one.text());
            }
        }
        // Whoever is killed, or closes its instance, may have had no time to tell.
        victims.removeIf(call -> history.killedNanos(call.worker()) < call.endNanos() + REPORT_NANOS
                || call.endNanos() > history.stoppingNanos());
        victims.forEach(call -> violations.add("at " + times.at(call.endNanos()) + " " + call.describe()
                + " ended for a circle that was not told of"));
        return all;
    }

    private long apart(Call victim, Event told) {
        long from = Math.min(victim.endNanos(), told.nanos());
        long to = Math.max(victim.endNanos(), told.nanos());
        return to - from - Span.within(history.standstills(told.worker()), from, to);
    }
}
