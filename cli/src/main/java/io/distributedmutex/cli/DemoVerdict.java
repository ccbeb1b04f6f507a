package io.distributedmutex.cli;

import java.util.List;

/**
 * What a check of a demo's history found.
 *
 * @param findings one for each thing that was checked
 */
record DemoVerdict(List<Finding> findings) {

    /** What is checked. */
    enum Check {
        EXCLUSION("no two holders of a key at once"),
        TOKENS("fencing tokens rise with every lease"),
        UPDATES("no update of the shared file is lost"),
        JOBS("every job is done exactly once"),
        TAKE_OVER("a killed holder's lock is taken over"),
        WORKERS("no worker failed");

        private final String text;

        Check(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * What was found of one thing.
     *
     * @param check what was checked
     * @param facts the numbers, for people
     * @param violations what is wrong, empty if nothing is
     */
    record Finding(Check check, String facts, List<String> violations) {

        boolean passed() {
            return violations.isEmpty();
        }
    }

    boolean passed() {
        return findings.stream().allMatch(Finding::passed);
    }

    Finding of(Check check) {
        return findings.stream()
                .filter(finding -> finding.check() == check)
                .findFirst()
                .orElseThrow();
    }
}
