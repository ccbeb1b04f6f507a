package io.distributedmutex.benchmarks;

import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Threads of one JVM that lock and unlock keys of their own: pairs per second, what each allocates, and processor time. By
 * JMH.
 */
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
                        .addProfiler(CpuProfiler.class)
                        .verbosity(VerboseMode.SILENT)
                        .build())
                .runSingle();
        measured.add("pairs/s", result.getPrimaryResult().getScore());
        add(result, "gc.alloc.rate.norm", "B allocated per pair", measured);
        add(result, CpuProfiler.CLIENT, CpuProfiler.CLIENT, measured);
        add(result, CpuProfiler.SERVER, CpuProfiler.SERVER, measured);
    }

    private static void add(RunResult result, String profiled, String metric, Measurement measured) {
        Result<?> value = result.getSecondaryResults().get(profiled);
        if (value != null) {
            measured.add(metric, value.getScore());
        }
    }
}
