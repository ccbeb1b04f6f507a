package io.distributedmutex.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.net.URI;
import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;
import redis.clients.jedis.Jedis;

/** Where the processors' time goes while {@link UncontendedBenchmark} runs: client and server, in microseconds per pair. */
public class CpuProfiler implements InternalProfiler {

    static final String CLIENT = "client cpu us per pair";
    static final String SERVER = "server cpu us per pair";

    private static final String IO_THREAD = "dmutex-redis-io";

    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private double clientMicros;
    private double serverMicros;

    @Override
    public String getDescription() {
        return "processor time of client and server";
    }

    @Override
    public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
        serverMicros = serverMicros(benchmark);
        clientMicros = processMicros();
    }

    @Override
    public Collection<? extends Result<?>> afterIteration(
            BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
        double client = processMicros() - clientMicros;
        double server = serverMicros(benchmark) - serverMicros;
        long pairs = result.getMetadata().getAllOps();
        return List.of(
                new ScalarResult(CLIENT, client / pairs, "us", AggregationPolicy.AVG),
                new ScalarResult(SERVER, server / pairs, "us", AggregationPolicy.AVG));
    }

    /** Processor time of this process in microseconds. */
    static double processMicros() {
        return SYSTEM.getProcessCpuTime() / 1e3;
    }

    /** Processor time of the thread that writes and reads for one instance of ours, in microseconds. */
    static double ioMicros() {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        double nanos = 0;
        for (ThreadInfo each : threads.getThreadInfo(threads.getAllThreadIds())) {
            if (each != null && each.getThreadName().startsWith(IO_THREAD)) {
                nanos += Math.max(0, threads.getThreadCpuTime(each.getThreadId()));
            }
        }
        return nanos / 1e3;
    }

    private static double serverMicros(BenchmarkParams benchmark) {
        try (Jedis connection = new Jedis(URI.create(benchmark.getParam("uri")))) {
            return Server.cpuSeconds(connection.info("cpu")) * 1e6;
        }
    }
}
