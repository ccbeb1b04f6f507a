package io.distributedmutex.benchmarks;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LockException;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A Redis that is away for a minute while 8 threads try for keys of their own, each 100 times a second: what that costs the
 * process meanwhile, and how long after Redis is back each thread has its key again.
 */
final class OutageCase implements BenchCase {

    private static final int THREADS = 8;
    private static final int OUTAGE_SECONDS = 60;
    private static final long PAUSE_MILLIS = 10;

    @Override
    public String name() {
        return "outage";
    }

    @Override
    public boolean suits(Subject subject) {
        return subject == Subject.OURS;
    }

    @Override
    public void run(Subject subject, BenchRun run, Measurement measured) throws Exception {
        try (EmbeddedRedis redis = EmbeddedRedis.start();
                WorkerLink worker = run.start(redis.uri(), Worker.Job.ENDURE, subject)) {
            worker.hear();
            redis.kill();
            worker.tell("away");
            worker.hear();
            TimeUnit.SECONDS.sleep(OUTAGE_SECONDS);
            worker.tell("still away");
            measured.add("heap KB more", worker.hear("heap"));
            measured.add("% of a core, own threads", worker.hear("own") / OUTAGE_SECONDS / 10);
            measured.add("% of a core, callers", worker.hear("callers") / OUTAGE_SECONDS / 10);
            redis.restart();
            long back = System.nanoTime();
            worker.tell("back");
            measured.add("ms to the first", (worker.hear("first") - back) / 1e6);
            measured.add("ms to all", (worker.hear("last") - back) / 1e6);
        }
    }

    /** The process' part. */
    static void work(Worker worker) throws Exception {
        try (DistributedMutex mutex = RedisMutex.connect(worker.uri)) {
            AtomicLongArray acquired = new AtomicLongArray(THREADS);
            AtomicLongArray failed = new AtomicLongArray(THREADS);
            List<Thread> callers = Worker.start(THREADS, index -> tryForEver(mutex, index, acquired, failed));
            TimeUnit.SECONDS.sleep(3);
            worker.say("ready");
            worker.hear();
            TimeUnit.SECONDS.sleep(1);
            long heap = Worker.usedKilobytes();
            double own = cpuMillis(callers, false);
            double theirs = cpuMillis(callers, true);
            worker.say("measuring");
            worker.hear();
            worker.say("heap", Worker.usedKilobytes() - heap);
            worker.say("own", cpuMillis(callers, false) - own);
            worker.say("callers", cpuMillis(callers, true) - theirs);
            worker.hear();
            long first = Long.MAX_VALUE;
            long last = Long.MIN_VALUE;
            for (int i = 0; i < THREADS; i++) {
                while (acquired.get(i) <= failed.get(i)) {
                    TimeUnit.MILLISECONDS.sleep(1);
                }
                first = Math.min(first, acquired.get(i));
                last = Math.max(last, acquired.get(i));
            }
            worker.say("first", first);
            worker.say("last", last);
            System.exit(0);
        }
    }

    /** Notes the time of the last failure, and of the first success after it. */
    private static void tryForEver(DistributedMutex mutex, int index, AtomicLongArray acquired, AtomicLongArray failed)
            throws InterruptedException {
        while (true) {
            try {
                mutex.tryAcquire("outage-" + index).orElseThrow().close();
                if (acquired.get(index) <= failed.get(index)) {
                    acquired.set(index, System.nanoTime());
                }
            } catch (LockException e) {
                failed.set(index, System.nanoTime());
            }
            TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
        }
    }

    /** Processor time of the callers, or of the threads that are the library's own. */
    private static double cpuMillis(List<Thread> callers, boolean ofCallers) {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        double sum = 0;
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            boolean chosen =
                    ofCallers ? callers.contains(thread) : thread.getName().startsWith("dmutex");
            if (chosen) {
                sum += threads.getThreadCpuTime(thread.getId()) / 1e6;
            }
        }
        return sum;
    }
}
