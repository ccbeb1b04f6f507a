package io.distributedmutex.cli;

import io.distributedmutex.cli.DemoEvent.Kind;
import io.distributedmutex.cli.DemoVerdict.Finding;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What people read at the end of a demo. */
final class DemoSummary {

    /** So many violations of a kind are shown. */
    private static final int SHOWN = 5;

    private DemoSummary() {}

    static String text(DemoHistory history, DemoVerdict verdict, List<DemoWorkerProcess> workers) {
        StringBuilder text = new StringBuilder(workers(history, workers)).append('\n');
        List<List<String>> rows = new ArrayList<>();
        for (Finding finding : verdict.findings()) {
            rows.add(List.of(finding.passed() ? "ok" : "FAILED", finding.check().toString(), finding.facts()));
        }
        text.append(Table.of(rows));
        for (Finding finding : verdict.findings()) {
            finding.violations().stream()
                    .limit(SHOWN)
                    .forEach(violation -> text.append("  ! ").append(violation).append('\n'));
            if (finding.violations().size() > SHOWN) {
                text.append("  ! ... and ")
                        .append(finding.violations().size() - SHOWN)
                        .append(" more of this kind\n");
            }
        }
        text.append(verdict.passed() ? "All checks passed.\n" : "CHECKS FAILED.\n");
        return text.toString();
    }

    private static String workers(DemoHistory history, List<DemoWorkerProcess> workers) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("WORKER", "PROCESS", "UPDATES", "JOBS DONE", "WAIT FOR FILE: MEDIAN", "LONGEST", "END"));
        for (DemoWorkerProcess worker : workers) {
            List<Long> waits = history.holdsOf(DemoHistory.COUNTER).stream()
                    .filter(hold -> hold.worker() == worker.id())
                    .map(hold -> hold.enteredNanos() - hold.wantedNanos())
                    .sorted()
                    .toList();
            rows.add(List.of(
                    Integer.toString(worker.id()),
                    Long.toString(worker.pid()),
                    count(history, Kind.WRITE, worker),
                    count(history, Kind.DONE, worker),
                    waits.isEmpty() ? "-" : millis(waits.get(waits.size() / 2)),
                    waits.isEmpty() ? "-" : millis(waits.get(waits.size() - 1)),
                    worker.wasKilled() ? "killed -9" : "ended with " + worker.exitCode()));
        }
        return Table.of(rows);
    }

    private static String count(DemoHistory history, Kind kind, DemoWorkerProcess worker) {
        return Long.toString(
                history.of(kind).filter(event -> event.worker() == worker.id()).count());
    }

    private static String millis(long nanos) {
        return String.format(Locale.ROOT, "%d ms", Math.round(nanos / 1e6));
    }
}
