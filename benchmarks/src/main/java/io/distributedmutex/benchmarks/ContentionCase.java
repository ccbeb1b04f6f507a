package io.distributedmutex.benchmarks;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.zip.DataFormatException;
import org.HdrHistogram.Histogram;

/**
 * One key for which the threads of some processes contend without a pause: hand-offs per second (the holder changed),
 * their latency from before the release to after the acquisition, requests per hand-off, and whether all got their share.
 */
final class ContentionCase implements BenchCase {

    private static final String KEY = "contended";
    private static final int SIGNIFICANT_DIGITS = 3;

    private final int processes;
    private final int threads;

    ContentionCase(int processes, int threads) {
        this.processes = processes;
        this.threads = threads;
    }

    @Override
    public String name() {
        return "contended-" + processes + "x" + threads;
    }

    @Override
    public boolean suitsClusters() {
        return true;
    }

    @Override
    public void run(Subject subject, BenchRun run, Measurement measured) throws Exception {
        Board board = run.board();
        List<WorkerLink> workers = new ArrayList<>();
        try {
            for (int i = 0; i < processes; i++) {
                workers.add(run.start(Worker.Job.CONTEND, subject, threads, i * threads + 1));
            }
            for (WorkerLink worker : workers) {
                worker.hear();
            }
            for (WorkerLink worker : workers) {
                worker.tell("go");
            }
            TimeUnit.MILLISECONDS.sleep(run.millis());
            for (WorkerLink worker : workers) {
                worker.tell("measure");
            }
            long requests = run.server().requests(subject);
            double serverCpu = run.server().cpuSeconds();
            long start = System.nanoTime();
            TimeUnit.MILLISECONDS.sleep(run.millis());
            double seconds = (System.nanoTime() - start) / 1e9;
            long requested = run.server().requests(subject) - requests;
            serverCpu = run.server().cpuSeconds() - serverCpu;
            board.stop();

            Histogram latencies = new Histogram(SIGNIFICANT_DIGITS);
            List<Long> counts = new ArrayList<>();
            for (WorkerLink worker : workers) {
                for (String count : worker.hearText("counts").split(",")) {
                    counts.add(Long.parseLong(count));
                }
                latencies.add(decode(worker.hearText("latencies")));
            }
            double handOffs = latencies.getTotalCount();
            measured.add("acquisitions/s", counts.stream().mapToLong(c -> c).sum() / seconds);
            measured.add("hand-offs/s", handOffs / seconds);
            measured.add("p50 us", latencies.getValueAtPercentile(50) / 1e3);
            measured.add("p99 us", latencies.getValueAtPercentile(99) / 1e3);
            measured.add("requests per hand-off", requested / handOffs);
            measured.add("jain", Statistics.jain(counts));
            measured.add("server cpu %", serverCpu / seconds * 100);
            measured.add("violations", board.violations());
        } finally {
            board.stop();
            WorkerLink.closeAll(workers);
        }
    }

    /** A process' part: numbers are how many threads, and the first one's own number. */
    static void work(Worker worker) throws Exception {
        int threads = worker.number(0);
        Phase phase = new Phase();
        long[] counts = new long[threads];
        Histogram[] latencies = new Histogram[threads];
        Arrays.setAll(latencies, i -> new Histogram(SIGNIFICANT_DIGITS));
        try (Locks locks = worker.subject.open(worker.uri)) {
            // Not the measured key: the classes are loaded and the scripts are there when it begins.
            locks.lock("warm-up-" + worker.number(1)).unlock();
            worker.say("ready");
            worker.hear();
            List<Thread> running = Worker.start(
                    threads, i -> counts[i] = contend(locks, worker.board, worker.number(1) + i, phase, latencies[i]));
            worker.hear();
            phase.measuring = true;
            Worker.join(running);
        }
        worker.say("counts " + LongStream.of(counts).mapToObj(Long::toString).collect(Collectors.joining(",")));
        Histogram sum = new Histogram(SIGNIFICANT_DIGITS);
        Arrays.stream(latencies).forEach(sum::add);
        worker.say("latencies " + encode(sum));
    }

    private static long contend(Locks locks, Board board, int owner, Phase phase, Histogram latencies)
            throws InterruptedException {
        long count = 0;
        while (!board.isStopped()) {
            Locks.Held held = locks.lock(KEY);
            long latency = board.entered(owner);
            if (phase.measuring) {
                count++;
                if (latency >= 0) {
                    latencies.recordValue(latency);
                }
            }
            board.leaving(owner);
            held.unlock();
        }
        return count;
    }

    private static final class Phase {
        volatile boolean measuring;
    }

    private static String encode(Histogram histogram) {
        ByteBuffer bytes = ByteBuffer.allocate(histogram.getNeededByteBufferCapacity());
        int length = histogram.encodeIntoCompressedByteBuffer(bytes);
        return Base64.getEncoder().encodeToString(Arrays.copyOf(bytes.array(), length));
    }

    private static Histogram decode(String text) throws DataFormatException {
        return Histogram.decodeFromCompressedByteBuffer(
                ByteBuffer.wrap(Base64.getDecoder().decode(text)), 0);
    }
}
