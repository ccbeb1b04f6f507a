package io.distributedmutex.lab.chaos.report;

import io.distributedmutex.cli.console.Table;
import io.distributedmutex.lab.chaos.check.Check;
import io.distributedmutex.lab.chaos.check.LeaseChecks;
import io.distributedmutex.lab.chaos.check.LeaseChecks.Overlap;
import io.distributedmutex.lab.chaos.check.ServiceChecks;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.history.Failover;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.RunRecord;
import io.distributedmutex.lab.chaos.history.Span;
import io.distributedmutex.lab.chaos.history.Times;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Topology;
import io.distributedmutex.lab.chaos.worker.Worker;
import io.distributedmutex.lab.output.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.LongSummaryStatistics;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What people read at the end of a chaos run: the verdict, and figures. */
public final class Summary {

    private Summary() {}

    public static String text(History history, RunRecord record, Verdict<Check> verdict) {
        return verdict.text() + "\n" + Table.of(figures(history, record)) + "\n" + Table.of(faults(history, record));
    }

    /** Pairs of what and how much. */
    static List<List<String>> figures(History history, RunRecord record) {
        double seconds = record.settings().duration().toNanos() / 1e9;
        long grants = history.leases().size();
        long killed = history.of(Kind.KILLED).count();
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of(
                "run",
                String.format(
                        Locale.ROOT,
                        "%.0f s, seed %d, %d workers of %d threads (%d killed and replaced), %d keys",
                        seconds,
                        record.settings().seed(),
                        record.settings().workers(),
                        Worker.THREADS,
                        killed,
                        record.settings().keys())));
        rows.add(List.of("calls", Long.toString(history.calls().size())));
        rows.add(List.of("leases", String.format(Locale.ROOT, "%d, %.1f per second", grants, grants / seconds)));
        rows.add(List.of("acquires", outcomes(history, Kind.CALL)));
        rows.add(List.of("extensions", outcomes(history, Kind.EXTEND)));
        rows.add(List.of("releases", outcomes(history, Kind.RELEASING)));
        rows.add(List.of("losses told", Long.toString(history.of(Kind.LOST).count())));
        if (record.settings().topology() != Topology.STANDALONE) {
            rows.addAll(failovers(history, record));
        }
        List<Span> stalls = history.standstills();
        rows.add(List.of(
                "standstills",
                stalls.size() + " of more than 100 ms, the longest "
                        + Times.millis(stalls.stream()
                                .mapToLong(stall -> stall.toNanos() - stall.fromNanos())
                                .max()
                                .orElse(0))));
        return rows;
    }

    private static List<List<String>> failovers(History history, RunRecord record) {
        Times times = new Times(history, record.originNanos());
        long inOrder =
                history.failovers().stream().filter(Failover::losesNothing).count();
        List<Overlap> overlaps = new LeaseChecks(history, times).overlaps();
        LongSummaryStatistics stalls = new ServiceChecks(history, times, record.originNanos())
                .afterFailovers().stream().mapToLong(ServiceChecks.Stall::nanos).summaryStatistics();
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("topology", record.settings().topology().toString()));
        rows.add(List.of(
                "failovers",
                history.failovers().size() + (inOrder == 0 ? "" : ", " + inOrder + " handed over in good order")));
        if (stalls.getCount() > 0) {
            rows.add(List.of(
                    "free though waited for after a failover",
                    Times.millis((long) stalls.getAverage()) + " on average, " + Times.millis(stalls.getMax())
                            + " at most"));
        }
        rows.add(List.of(
                "overlaps",
                overlaps.size() + ", of "
                        + Times.millis(overlaps.stream()
                                .mapToLong(overlap -> overlap.toNanos() - overlap.fromNanos())
                                .max()
                                .orElse(0))
                        + " at most"));
        Set<String> overtaken = overlaps.stream()
                .map(overlap -> overlap.first().key() + " " + overlap.first().token())
                .collect(Collectors.toSet());
        rows.add(List.of(
                "writes of the overtaken",
                record.register().stream()
                                .filter(entry -> entry.write()
                                        && !entry.accepted()
                                        && overtaken.contains(entry.key() + " " + entry.token()))
                                .count()
                        + " refused"));
        return rows;
    }

    private static String outcomes(History history, Kind kind) {
        Map<String, Long> counts = history.calls().stream()
                .filter(call -> call.kind() == kind)
                .map(call -> call.outcome().isEmpty() ? "killed" : call.outcome())
                .collect(Collectors.groupingBy(Function.identity(), TreeMap::new, Collectors.counting()));
        return counts.entrySet().stream()
                .map(entry -> entry.getValue() + " " + entry.getKey())
                .collect(Collectors.joining(", "));
    }

    /** What was done, how often, and what it cost those who waited. */
    static List<List<String>> faults(History history, RunRecord record) {
        Times times = new Times(history, record.originNanos());
        Map<Fault, Long> stalls = new ServiceChecks(history, times, record.originNanos()).worstStalls();
        Map<String, Long> counts =
                history.faults().stream().collect(Collectors.groupingBy(Span::name, Collectors.counting()));
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("FAULT", "TIMES", "WORST STALL AFTER IT"));
        for (Fault fault : Fault.of(record.settings().topology())) {
            Long count = counts.get(fault.name());
            rows.add(List.of(
                    fault.toString(),
                    count == null ? "0" : count.toString(),
                    count == null ? "-" : Times.millis(stalls.getOrDefault(fault, 0L))));
        }
        rows.add(List.of("all", Integer.toString(history.faults().size()), ""));
        return rows;
    }
}
