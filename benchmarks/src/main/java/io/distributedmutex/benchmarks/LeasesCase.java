package io.distributedmutex.benchmarks;

import io.distributedmutex.Lease;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Many locks that one instance holds and renews: what it costs to take them all, to keep them, and to let them go. */
final class LeasesCase implements BenchCase {

    private static final int LEASES = 10_000;
    private static final int HOLD_SECONDS = 20;

    private final boolean bulk;

    /** @param bulk by acquireAsync and close(), which only we have, rather than one by one */
    LeasesCase(boolean bulk) {
        this.bulk = bulk;
    }

    @Override
    public String name() {
        return bulk ? "leases-10000-async" : "leases-10000";
    }

    @Override
    public boolean suits(Subject subject) {
        return bulk
                ? subject == Subject.OURS
                : subject.isLock() && subject != Subject.REDISSON_FENCED && subject != Subject.REDISSON_FAIR;
    }

    @Override
    public void run(Subject subject, BenchRun run, Measurement measured) throws Exception {
        Server server = run.server();
        try (WorkerLink worker = run.start(Worker.Job.HOLD_MANY, subject, bulk ? 1 : 0)) {
            worker.hear();
            worker.tell("acquire");
            measured.add("acquire all ms", worker.hear("acquired"));
            measured.add("heap B per lease", worker.hear("heap"));
            if (!subject.isByHand()) {
                long requests = server.requests(subject);
                double serverCpu = server.cpuSeconds();
                worker.tell("hold");
                measured.add("client cpu %", worker.hear("cpu"));
                measured.add("requests/s held", (server.requests(subject) - requests) / (double) HOLD_SECONDS);
                measured.add("server cpu %", (server.cpuSeconds() - serverCpu) / HOLD_SECONDS * 100);
                measured.add("threads", worker.hear("threads"));
                measured.add("connections", server.clients());
            }
            worker.tell("release");
            measured.add("release all ms", worker.hear("released"));
            measured.add("heap B per lease after", worker.hear("heap"));
        }
    }

    /** The process' part. */
    static void work(Worker worker) throws Exception {
        boolean bulk = worker.number(0) == 1;
        try (Locks locks = worker.subject.open(worker.uri)) {
            // Twice before it counts, so that the code is compiled.
            for (int i = 0; i < 2; i++) {
                new Leases(locks, bulk, "warm-up-").acquire().release();
            }
            // The application has its keys anyway.
            Leases leases = new Leases(locks, bulk, "many-");
            long before = usedHeapLater();
            worker.say("ready");
            worker.hear();
            long start = System.nanoTime();
            leases.acquire();
            worker.say("acquired", (System.nanoTime() - start) / 1e6);
            worker.say("heap", (usedHeapLater() - before - leases.own()) / (double) LEASES);
            if (worker.hear().equals("hold")) {
                Map<Long, Long> cpu = cpuNanosOfThreads();
                TimeUnit.SECONDS.sleep(HOLD_SECONDS);
                worker.say("cpu", cpuNanosSince(cpu) / 1e9 / HOLD_SECONDS * 100);
                worker.say("threads", ManagementFactory.getThreadMXBean().getThreadCount());
                worker.hear();
            }
            start = System.nanoTime();
            leases.release();
            worker.say("released", (System.nanoTime() - start) / 1e6);
            worker.say("heap", (usedHeapLater() - before) / (double) LEASES);
        }
    }

    /** What is held. */
    private static final class Leases {
        private final Locks locks;
        private final boolean bulk;
        private final String prefix;
        private final List<String> keys;
        private final List<Locks.Held> held = new ArrayList<>(LEASES);

        Leases(Locks locks, boolean bulk, String prefix) {
            this.locks = locks;
            this.bulk = bulk;
            this.prefix = prefix;
            this.keys = IntStream.range(0, LEASES).mapToObj(i -> prefix + i).toList();
        }

        Leases acquire() throws Exception {
            if (bulk && locks instanceof MutexLocks ours) {
                List<CompletableFuture<Lease>> asked = new ArrayList<>(LEASES);
                keys.forEach(key -> asked.add(ours.renewing().acquireAsync(key)));
                for (CompletableFuture<Lease> future : asked) {
                    Lease lease = future.get();
                    held.add(lease::close);
                }
            } else {
                for (String key : keys) {
                    held.add(locks.lockRenewed(key));
                }
            }
            return this;
        }

        /** Until the server has heard of it all. */
        void release() throws InterruptedException {
            held.forEach(Locks.Held::unlock);
            held.clear();
            // A request behind all others on its connection: when it is answered, those before it are.
            locks.lock("last-of-" + prefix).unlock();
        }

        /** The bytes of the way in which this program holds a lock. */
        long own() {
            return LEASES * 16L;
        }
    }

    /**
     * Of each Java thread that lives, by its id: without the compiler's, which would be most of it in a process as young
     * as this.
     */
    private static Map<Long, Long> cpuNanosOfThreads() {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        return LongStream.of(threads.getAllThreadIds())
                .boxed()
                .collect(Collectors.toMap(Function.identity(), threads::getThreadCpuTime));
    }

    /** What the threads that live now have used since; a thread that has ended would make it less than nothing. */
    private static long cpuNanosSince(Map<Long, Long> before) {
        return cpuNanosOfThreads().entrySet().stream()
                .mapToLong(thread -> thread.getValue() - before.getOrDefault(thread.getKey(), 0L))
                .filter(nanos -> nanos > 0)
                .sum();
    }

    /** When what is only kept for time-outs of the requests is gone. */
    private static long usedHeapLater() throws InterruptedException {
        TimeUnit.SECONDS.sleep(3);
        long used = Long.MAX_VALUE;
        for (int i = 0; i < 5; i++) {
            System.gc();
            TimeUnit.MILLISECONDS.sleep(50);
            used = Math.min(
                    used,
                    ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
        }
        return used;
    }
}
