package io.distributedmutex.benchmarks;

import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;

/**
 * An instance that does nothing: how long it takes to start, what it keeps, and what it still asks the server for when
 * 20,000 short leases have come and gone and it holds one that it renews.
 */
final class FootprintCase implements BenchCase {

    private static final int PAIRS = 20_000;
    private static final int KEYS = 2_000;
    private static final int IDLE_SECONDS = 5;
    private static final int HELD_SECONDS = 10;

    @Override
    public String name() {
        return "footprint";
    }

    @Override
    public boolean suits(Subject subject) {
        return subject.isLock() && subject != Subject.OURS_CONFIRMED;
    }

    @Override
    public boolean suitsClusters() {
        return true;
    }

    @Override
    public void run(Subject subject, BenchRun run, Measurement measured) throws Exception {
        Server server = run.server();
        try (WorkerLink worker = run.start(Worker.Job.IDLE, subject)) {
            measured.add("start ms", worker.hear("started"));
            measured.add("first lock ms", worker.hear("first"));
            measured.add("threads", worker.hear("threads"));
            measured.add("heap KB", worker.hear("heap"));
            measured.add("connections", server.clients());
            measured.add("commands/s idle", executed(server, IDLE_SECONDS));
            worker.tell("pairs");
            worker.hear();
            measured.add("commands/s, one held", executed(server, HELD_SECONDS));
            measured.add("heap KB after", worker.hear("heap"));
        }
    }

    /** Commands that were executed per second, scripts' own included, but for those that ask. */
    private static double executed(Server server, int seconds) throws InterruptedException {
        long before = server.commandsProcessed();
        TimeUnit.SECONDS.sleep(seconds);
        return Math.max(0, server.commandsProcessed() - before - server.size()) / (double) seconds;
    }

    /** The process' part. */
    static void work(Worker worker) throws Exception {
        int threads = ManagementFactory.getThreadMXBean().getThreadCount();
        long heap = Worker.usedKilobytes();
        long start = System.nanoTime();
        try (Locks locks = worker.subject.open(worker.uri)) {
            worker.say("started", (System.nanoTime() - start) / 1e6);
            start = System.nanoTime();
            locks.lock("first").unlock();
            worker.say("first", (System.nanoTime() - start) / 1e6);
            // Not before what was only needed to start has ended.
            TimeUnit.SECONDS.sleep(6);
            worker.say("threads", ManagementFactory.getThreadMXBean().getThreadCount() - threads);
            worker.say("heap", Worker.usedKilobytes() - heap);
            worker.hear();
            for (int i = 0; i < PAIRS; i++) {
                locks.lockRenewed("short-" + i % KEYS).unlock();
            }
            Locks.Held held = locks.lockRenewed("long");
            worker.say("held");
            worker.say("heap", Worker.usedKilobytes() - heap);
            worker.hear();
            held.unlock();
        }
    }
}
