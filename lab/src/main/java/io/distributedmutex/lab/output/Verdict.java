package io.distributedmutex.lab.output;

import io.distributedmutex.cli.console.Table;
import java.util.ArrayList;
import java.util.List;

/**
 * What the checks of a history found.
 *
 * @param findings one for each thing that was checked
 * @param <C> what is checked; its text is for people
 */
public record Verdict<C extends Enum<C>>(List<Finding<C>> findings) {

    /** So many violations of a kind are shown. */
    private static final int SHOWN = 5;

    /**
     * What was found of one thing.
     *
     * @param check what was checked
     * @param facts the numbers, for people
     * @param violations what is wrong, empty if nothing is
     * @param <C> what is checked
     */
    public record Finding<C extends Enum<C>>(C check, String facts, List<String> violations) {

        public boolean passed() {
            return violations.isEmpty();
        }
    }

    public boolean passed() {
        return findings.stream().allMatch(Finding::passed);
    }

    public Finding<C> of(C check) {
        return findings.stream()
                .filter(finding -> finding.check() == check)
                .findFirst()
                .orElseThrow();
    }

    /** A line for each check, and the first violations. */
    public String text() {
        List<List<String>> rows = new ArrayList<>();
        for (Finding<C> finding : findings) {
            rows.add(List.of(finding.passed() ? "ok" : "FAILED", finding.check().toString(), finding.facts()));
        }
        StringBuilder text = new StringBuilder(Table.of(rows));
        for (Finding<C> finding : findings) {
            finding.violations().stream()
                    .limit(SHOWN)
                    .forEach(violation -> text.append("  ! ").append(violation).append('\n'));
            if (finding.violations().size() > SHOWN) {
                text.append("  ! ... and ")
                        .append(finding.violations().size() - SHOWN)
                        .append(" more of this kind\n");
            }
        }
        return text.append(passed() ? "All checks passed.\n" : "CHECKS FAILED.\n")
                .toString();
    }
}
