package io.distributedmutex.benchmarks;

import java.util.List;
import java.util.concurrent.TimeUnit;

/** kill -9 of the holder: how long after the end of its time in Redis the waiter holds the key. */
final class TakeOverCase implements BenchCase {

    private static final int LEASE_MILLIS = 1_500;
    private static final int WARM_UPS = 500;

    @Override
    public String name() {
        return "take-over";
    }

    @Override
    public void run(Subject subject, BenchRun run, Measurement measured) throws Exception {
        try (WorkerLink waiter = run.start(Worker.Job.TAKE, subject, LEASE_MILLIS);
                WorkerLink holder = run.start(Worker.Job.TAKE, subject, LEASE_MILLIS)) {
            String key = "orphaned";
            waiter.hear();
            holder.hear();
            holder.tell(key);
            holder.hear("held");
            waiter.tell(key);
            TimeUnit.MILLISECONDS.sleep(LEASE_MILLIS / 3);
            holder.kill();
            long end = endOf(run.server(), subject, key);
            double taken = waiter.hear("held");
            measured.add("ms after the TTL", (taken - end) / 1e6);
        }
    }

    /** When the key's time in Redis ends, on our clock. */
    private static long endOf(Server server, Subject subject, String key) {
        List<String> keys = server.commands().keys("*" + key);
        String name = keys.stream()
                .filter(candidate -> server.commands().pttl(candidate) > 0)
                .filter(candidate -> !candidate.startsWith("dmutex:") && !candidate.startsWith("redisson_lock"))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no lock of " + subject + " among " + keys));
        long before = System.nanoTime();
        long millis = server.commands().pttl(name);
        return before + TimeUnit.MILLISECONDS.toNanos(millis);
    }

    /** A process' part: takes each key that it is told, and says when it had it. */
    static void work(Worker worker) throws Exception {
        try (Locks locks = worker.subject.open(worker.uri)) {
            for (int i = 0; i < WARM_UPS; i++) {
                locks.lock("warm-up").unlock();
            }
            worker.say("ready");
            String key = worker.hear();
            Locks.Held held = locks.lock(key, worker.number(0));
            worker.say("held " + System.nanoTime());
            worker.hear();
            held.unlock();
        }
    }
}
