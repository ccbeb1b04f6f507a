package io.distributedmutex.lab.chaos.check;

import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.Register;
import io.distributedmutex.lab.chaos.history.RunRecord;
import io.distributedmutex.lab.chaos.history.Times;
import io.distributedmutex.lab.output.Verdict.Finding;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Judges the guarded resource's log anew, and compares it with what the writers reported. */
final class RegisterChecks {

    private static final class Cell {
        private long seen;
        private long value;
        private long writes;
        /** What writers with the same token took from each other. */
        private long lost;
    }

    private final History history;
    private final Times times;
    private final RunRecord record;
    private final Set<String> twins;

    /** Compares writes; {@code twins} are the key and token of leases that cannot be told apart, with a blank between. */
    RegisterChecks(History history, Times times, RunRecord record, Set<String> twins) {
        this.twins = twins;
        this.history = history;
        this.times = times;
        this.record = record;
    }

    Finding<Check> fencing() {
        List<String> violations = new ArrayList<>();
        Map<String, Cell> cells = new HashMap<>();
        long late = 0;
        for (Register.Entry entry : record.register()) {
            Cell cell = cells.computeIfAbsent(entry.key(), key -> new Cell());
            boolean stale = entry.token() < cell.seen;
            String who = "at " + times.at(entry.nanos()) + " worker " + entry.worker() + " with token " + entry.token();
            if (entry.write()) {
                late += stale && !entry.accepted() ? 1 : 0;
                if (entry.accepted() && stale) {
                    violations.add(who + " wrote '" + entry.key() + "' although " + cell.seen + " had been there");
                }
                if (entry.accepted() && twins.contains(entry.key() + " " + entry.token())) {
                    cell.lost += cell.value + 1 - entry.value();
                } else if (entry.accepted() && entry.value() != cell.value + 1) {
                    violations.add(who + " wrote " + entry.value() + " over " + cell.value + " to '" + entry.key()
                            + "': an update is lost");
                }
                cell.writes += entry.accepted() ? 1 : 0;
                cell.value = entry.accepted() ? entry.value() : cell.value;
            }
            if (!entry.accepted() && !stale) {
                violations.add(who + " was refused by '" + entry.key() + "' for nothing");
            }
            cell.seen = entry.accepted() ? Math.max(cell.seen, entry.token()) : cell.seen;
        }
        long writes = cells.values().stream().mapToLong(cell -> cell.writes).sum();
        cells.forEach((key, cell) -> {
            long value = record.values().getOrDefault(key, 0L);
            if (value != cell.writes - cell.lost) {
                violations.add("'" + key + "' is " + value + " after " + cell.writes + " writes");
            }
        });
        checkTold(violations);
        return new Finding<>(
                Check.FENCING,
                writes + " writes, and the numbers say "
                        + record.values().values().stream()
                                .mapToLong(Long::longValue)
                                .sum()
                        + "; " + late + " late writes refused"
                        + (twins.isEmpty()
                                ? ""
                                : "; "
                                        + cells.values().stream()
                                                .mapToLong(cell -> cell.lost)
                                                .sum() + " lost among equal tokens"),
                violations);
    }

    /** A write that its writer took for done must be in the log. (The reverse need not hold: the writer may have died.) */
    private void checkTold(List<String> violations) {
        Set<String> logged = new HashSet<>();
        for (Register.Entry entry : record.register()) {
            if (entry.write() && entry.accepted()) {
                logged.add(entry.key() + " " + entry.value() + " " + entry.token());
            }
        }
        history.of(Kind.WRITE).forEach(write -> {
            if (!logged.contains(write.key() + " " + write.value() + " " + write.token())) {
                violations.add("at " + times.at(write.nanos()) + " worker " + write.worker() + " wrote " + write.value()
                        + " to '" + write.key() + "' with token " + write.token()
                        + ", which the register does not know of");
            }
        });
    }
}
