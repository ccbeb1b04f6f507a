package io.distributedmutex.benchmarks;

import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Threads of one JVM that lock and unlock keys of their own: pairs per second, and bytes allocated for each. By JMH. */
final class UncontendedCase implements BenchCase {

    private static final int ITERATIONS = 3;

    private final int threads;

    UncontendedCase(int threads) {
        this.threads = threads;
    }

    @Override
    public String name() {
        return "uncontended-" + threads;
    }

    @Override
    public boolean suits(Subject subject) {
        return true;
    }

    @Override
    public void run(Subject subject, BenchRun run, Measurement measured) throws Exception {
        RunResult result = new Runner(new OptionsBuilder()
                        .include(UncontendedBenchmark.class.getName() + ".pair")
                        .param("subject", subject.label())
                        .param("uri", run.server().uri())
                        .threads(threads)
                        .forks(1)
                        .jvmArgs("-Xmx1g", "-XX:+UseSerialGC")
                        .warmupIterations(ITERATIONS)
                        .warmupTime(TimeValue.milliseconds(run.millis() / ITERATIONS))
                        .measurementIterations(ITERATIONS)
                        .measurementTime(TimeValue.milliseconds(run.millis() / ITERATIONS))
                        .addProfiler(GCProfiler.class)
                        .verbosity(VerboseMode.SILENT)
                        .build())
                .runSingle();
        measured.add("pairs/s", result.getPrimaryResult().getScore());
        Result<?> allocated = result.getSecondaryResults().get("gc.alloc.rate.norm");
        if (allocated != null) {
            measured.add("B allocated per pair", allocated.getScore());
        }
    }
}
