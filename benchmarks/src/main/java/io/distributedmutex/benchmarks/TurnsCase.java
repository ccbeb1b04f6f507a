package io.distributedmutex.benchmarks;

import java.io.IOException;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;

/**
 * The same pairs as {@link UncontendedCase}, for ratios on a noisy machine: each subject has a process that stays warm from
 * round to round, so that a round may be as short as a second, and what the machine does meanwhile hits all alike. To be
 * run with many rounds.
 */
final class TurnsCase implements BenchCase {

    /** A process warms up for as long as so many rounds. */
    private static final int WARM_UP_ROUNDS = 10;

    private final int threads;
    private final Map<Subject, WorkerLink> workers = new EnumMap<>(Subject.class);

    TurnsCase(int threads) {
        this.threads = threads;
    }

    @Override
    public String name() {
        return "turns-" + threads;
    }

    @Override
    public boolean suits(Subject subject) {
        return true;
    }

    @Override
    public boolean suitsClusters() {
        return true;
    }

    @Override
    public void run(Subject subject, BenchRun run, Measurement measured) throws IOException {
        WorkerLink worker = workers.get(subject);
        if (worker == null) {
            worker = run.start(Worker.Job.TAKE_TURNS, subject, threads, (int) run.millis());
            workers.put(subject, worker);
            worker.hear();
        }
        double serverCpu = run.server().cpuSeconds();
        worker.tell("go");
        double pairs = worker.hear("pairs");
        measured.add("pairs/s", pairs / worker.hear("seconds"));
        measured.add(CpuProfiler.CLIENT, worker.hear("cpu") / pairs);
        double ofIo = worker.hear("io") / pairs;
        if (subject.isOurs()) {
            measured.add("of it in the I/O thread", ofIo);
        }
        measured.add(CpuProfiler.SERVER, (run.server().cpuSeconds() - serverCpu) * 1e6 / pairs);
    }

    @Override
    public void end() {
        WorkerLink.closeAll(List.copyOf(workers.values()));
        workers.clear();
    }

    /** A process' part: numbers are how many threads, and how long a turn is in milliseconds. */
    static void work(Worker worker) throws Exception {
        int threads = worker.number(0);
        int millis = worker.number(1);
        try (Locks locks = worker.subject.open(worker.uri)) {
            pairs(locks, threads, WARM_UP_ROUNDS * millis);
            worker.say("ready");
            while (true) {
                worker.hear();
                double cpu = CpuProfiler.processMicros();
                double io = CpuProfiler.ioMicros();
                long start = System.nanoTime();
                long pairs = pairs(locks, threads, millis);
                worker.say("pairs", pairs);
                worker.say("seconds", (System.nanoTime() - start) / 1e9);
                worker.say("cpu", CpuProfiler.processMicros() - cpu);
                worker.say("io", CpuProfiler.ioMicros() - io);
            }
        }
    }

    private static long pairs(Locks locks, int threads, long millis) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        long[] counts = new long[threads];
        Worker.join(Worker.start(threads, i -> {
            String key = "tenant:" + i + ":settings";
            long count = 0;
            while (System.nanoTime() - end < 0) {
                locks.lock(key).unlock();
                count++;
            }
            counts[i] = count;
        }));
        return LongStream.of(counts).sum();
    }
}
