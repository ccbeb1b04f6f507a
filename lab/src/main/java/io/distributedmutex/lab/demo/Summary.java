package io.distributedmutex.lab.demo;

import io.distributedmutex.cli.console.Table;
import io.distributedmutex.lab.demo.Event.Kind;
import io.distributedmutex.lab.output.Verdict;
import io.distributedmutex.lab.process.WorkerProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What people read at the end of a demo. */
final class Summary {

    private Summary() {}

    static String text(History history, Verdict<Check> verdict, List<WorkerProcess> workers) {
        return workers(history, workers) + "\n" + verdict.text();
    }

    private static String workers(History history, List<WorkerProcess> workers) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("WORKER", "PROCESS", "UPDATES", "JOBS DONE", "WAIT FOR FILE: MEDIAN", "LONGEST", "END"));
        for (WorkerProcess worker : workers) {
            List<Long> waits = history.holdsOf(History.COUNTER).stream()
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

    private static String count(History history, Kind kind, WorkerProcess worker) {
        return Long.toString(
                history.of(kind).filter(event -> event.worker() == worker.id()).count());
    }

    private static String millis(long nanos) {
        return String.format(Locale.ROOT, "%d ms", Math.round(nanos / 1e6));
    }
}
