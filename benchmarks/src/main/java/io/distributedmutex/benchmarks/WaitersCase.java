package io.distributedmutex.benchmarks;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;

/**
 * Many waiters in a few processes: one after the other they ask for a key that is held, then it is released and each
 * holds it for a millisecond. How long until all were served, in what order, and how many requests each took.
 */
final class WaitersCase implements BenchCase {

    private static final String KEY = "awaited";
    private static final int PROCESSES = 4;
    private static final int WAITERS = 500;
    private static final int WARM_UP_THREADS = 8;
    private static final long ARRIVAL_NANOS = 1_000_000;
    private static final long HOLD_MILLIS = 1;
    private static final long START_NANOS = 300_000_000;

    @Override
    public String name() {
        return "waiters-500";
    }

    @Override
    public void run(Subject subject, BenchRun run, Measurement measured) throws Exception {
        Board board = run.board();
        List<WorkerLink> workers = new ArrayList<>();
        try (Locks holder = subject.open(run.server().uri())) {
            for (int i = 0; i < PROCESSES; i++) {
                workers.add(run.start(Worker.Job.WAIT, subject, i, WAITERS / PROCESSES, (int) run.millis()));
            }
            for (WorkerLink worker : workers) {
                worker.hear();
            }
            // Once before it counts, with all 500 threads.
            serve(holder, workers);
            long requests = run.server().requests(subject);
            Round round = serve(holder, workers);
            List<long[]> served = round.served();
            served.sort(Comparator.comparingLong(times -> times[1]));
            measured.add("all served ms", (served.get(served.size() - 1)[1] - round.released()) / 1e6);
            measured.add(
                    "inversions %",
                    100
                            * Statistics.inversions(
                                    served.stream().map(times -> times[0]).toList()));
            measured.add("requests per waiter", (run.server().requests(subject) - requests) / (double) WAITERS);
            measured.add("violations", board.violations());
        } finally {
            WorkerLink.closeAll(workers);
        }
    }

    /** When the key was released, and of each waiter when it asked and when it was done. */
    private record Round(long released, List<long[]> served) {}

    private static Round serve(Locks holder, List<WorkerLink> workers) throws Exception {
        Locks.Held held = holder.lock(KEY);
        long start = System.nanoTime() + START_NANOS;
        for (WorkerLink worker : workers) {
            worker.tell(Long.toString(start));
        }
        // Until all have come, and a bit more, so that each stands in its queue.
        TimeUnit.NANOSECONDS.sleep(start + WAITERS * ARRIVAL_NANOS + START_NANOS - System.nanoTime());
        long released = System.nanoTime();
        held.unlock();
        List<long[]> served = new ArrayList<>();
        for (WorkerLink worker : workers) {
            for (String pair : worker.hearText("served").split(",")) {
                int colon = pair.indexOf(':');
                served.add(
                        new long[] {Long.parseLong(pair.substring(0, colon)), Long.parseLong(pair.substring(colon + 1))
                        });
            }
        }
        return new Round(released, served);
    }

    /**
     * A process' part: numbers are its own number, how many threads, and how many
     * milliseconds to warm up. For each order, which is a time to start at, answers
     * with when each thread asked and was done.
     */
    static void work(Worker worker) throws Exception {
        int process = worker.number(0);
        int waiters = worker.number(1);
        try (Locks locks = worker.subject.open(worker.uri)) {
            warmUp(locks, TimeUnit.MILLISECONDS.toNanos(worker.number(2)));
            worker.say("ready");
            while (true) {
                long start = Long.parseLong(worker.hear());
                ConcurrentLinkedQueue<String> served = new ConcurrentLinkedQueue<>();
                Worker.join(Worker.start(
                        waiters, i -> served.add(serve(worker, locks, i * PROCESSES + process, start))));
                worker.say("served " + String.join(",", served));
            }
        }
    }

    /** All processes at once contend for another key, so that what is measured is not the interpreter. */
    private static void warmUp(Locks locks, long nanos) throws InterruptedException {
        long end = System.nanoTime() + nanos;
        Worker.join(Worker.start(WARM_UP_THREADS, i -> {
            while (System.nanoTime() < end) {
                locks.lock("warm-up").unlock();
            }
        }));
    }

    private static String serve(Worker worker, Locks locks, int number, long start) throws InterruptedException {
        TimeUnit.NANOSECONDS.sleep(start + number * ARRIVAL_NANOS - System.nanoTime());
        long asked = System.nanoTime();
        Locks.Held held = locks.lock(KEY);
        worker.board.entered(number + 1);
        Thread.sleep(HOLD_MILLIS);
        worker.board.leaving(number + 1);
        long done = System.nanoTime();
        held.unlock();
        return asked + ":" + done;
    }
}
