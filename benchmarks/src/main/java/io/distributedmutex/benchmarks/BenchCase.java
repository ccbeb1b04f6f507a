package io.distributedmutex.benchmarks;

/** One situation in which subjects are measured. */
interface BenchCase {

    /** Its name on the command line and in results. */
    String name();

    /** Whether the subject can be in this situation at all. */
    default boolean suits(Subject subject) {
        return subject.isLock();
    }

    /** Whether it asks nothing of the server that a cluster of several would have to be asked otherwise. */
    default boolean suitsClusters() {
        return false;
    }

    /** Measures one subject once. */
    void run(Subject subject, BenchRun run, Measurement measured) throws Exception;

    /** All rounds are over. */
    default void end() {}

    /** Takes what was measured. */
    @FunctionalInterface
    interface Measurement {
        void add(String metric, double value);
    }
}
