package io.distributedmutex.benchmarks;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.micrometer.KeyNames;
import io.distributedmutex.micrometer.MutexMetrics;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.ArrayList;
import java.util.List;

/**
 * What the meters of distributed-mutex-micrometer add to an uncontended pair: two instances in this process, one of them with
 * meters for Prometheus, in turns of a few milliseconds, so that what the machine does meanwhile hits both alike.
 */
final class MetersCase implements BenchCase {

    private static final int PAIRS_IN_A_TURN = 100;

    @Override
    public String name() {
        return "meters";
    }

    @Override
    public boolean suits(Subject subject) {
        return subject == Subject.OURS;
    }

    @Override
    public void run(Subject subject, BenchRun run, Measurement measured) {
        String uri = run.server().uri();
        MutexMetrics metrics = metrics();
        try (DistributedMutex plain = RedisMutex.connect(uri);
                DistributedMutex metered = metrics.watch(
                        RedisMutex.builder().uri(uri).listener(metrics).connect())) {
            compare("", plain, metered, run.millis(), measured);
        }
        InMemoryLockStore store = new InMemoryLockStore();
        MutexMetrics ofMemory = metrics();
        try (DistributedMutex plain = DistributedMutex.builder(store).build();
                DistributedMutex metered = ofMemory.watch(DistributedMutex.builder(store.sibling())
                        .listener(ofMemory)
                        .build())) {
            compare("in memory: ", plain, metered, run.millis(), measured);
        }
    }

    private static MutexMetrics metrics() {
        return MutexMetrics.create(
                new PrometheusMeterRegistry(PrometheusConfig.DEFAULT), KeyNames.before(':', "tenant"));
    }

    private static void compare(
            String where, DistributedMutex plain, DistributedMutex metered, long millis, Measurement measured) {
        turns(plain, metered, millis); // warms up
        List<Turn> turns = turns(plain, metered, millis);
        measured.add(
                where + "us per pair",
                Statistics.median(turns.stream().map(Turn::plain).toList()));
        measured.add(
                where + "us with meters",
                Statistics.median(turns.stream().map(Turn::metered).toList()));
        measured.add(
                where + "ratio in a turn",
                Statistics.median(
                        turns.stream().map(turn -> turn.metered / turn.plain).toList()));
    }

    /** The microseconds of a pair. */
    private record Turn(double plain, double metered) {}

    private static List<Turn> turns(DistributedMutex plain, DistributedMutex metered, long millis) {
        List<Turn> turns = new ArrayList<>();
        long end = System.nanoTime() + millis * 1_000_000;
        while (turns.isEmpty() || System.nanoTime() < end) {
            boolean plainFirst = turns.size() % 2 == 0;
            double first = microsPerPair(plainFirst ? plain : metered);
            double second = microsPerPair(plainFirst ? metered : plain);
            turns.add(plainFirst ? new Turn(first, second) : new Turn(second, first));
        }
        return turns;
    }

    private static double microsPerPair(DistributedMutex mutex) {
        long start = System.nanoTime();
        for (int i = 0; i < PAIRS_IN_A_TURN; i++) {
            mutex.acquire("tenant:1:settings").close();
        }
        return (System.nanoTime() - start) / 1e3 / PAIRS_IN_A_TURN;
    }
}
