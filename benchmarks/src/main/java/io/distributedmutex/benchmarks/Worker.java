package io.distributedmutex.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A process of its own that uses one subject: {@code Worker JOB SUBJECT BOARD NUMBER...}, with Redis' address in the
 * environment. It says "ready", then does what its orders on standard input say, answers each by lines on standard
 * output, and ends with the input.
 */
final class Worker {

    static final String URI = "DMUTEX_BENCH_REDIS";

    private final BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

    final Subject subject;
    final String uri;
    final Board board;
    private final List<Integer> numbers;

    private Worker(Subject subject, String uri, Board board, List<Integer> numbers) {
        this.subject = subject;
        this.uri = uri;
        this.board = board;
        this.numbers = numbers;
    }

    private interface Work {
        void run(Worker worker) throws Exception;
    }

    /** What a worker does. */
    enum Job {
        CONTEND(ContentionCase::work),
        WAIT(WaitersCase::work),
        HOLD_MANY(LeasesCase::work),
        TAKE(TakeOverCase::work),
        IDLE(FootprintCase::work),
        ENDURE(OutageCase::work),
        TAKE_TURNS(TurnsCase::work);

        private final Work work;

        Job(Work work) {
            this.work = work;
        }
    }

    public static void main(String[] arguments) throws Exception {
        Worker worker = new Worker(
                Subject.of(arguments[1]),
                System.getenv(URI),
                Board.open(Path.of(arguments[2])),
                List.of(arguments).subList(3, arguments.length).stream()
                        .map(Integer::valueOf)
                        .toList());
        Job.valueOf(arguments[0]).work.run(worker);
        // Some subjects leave threads behind that are no daemons.
        System.exit(0);
    }

    /** Something that is done in a thread of its own. */
    interface Task {

        /**
         * Does it.
         *
         * @param index the thread's number, from 0 up
         */
        void run(int index) throws InterruptedException;
    }

    /** Starts threads, whose end is to be awaited by {@link #join}. If one fails the process ends, and so the measurement. */
    static List<Thread> start(int count, Task task) {
        List<Thread> running = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int index = i;
            Thread thread = new Thread(() -> {
                try {
                    task.run(index);
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            thread.setUncaughtExceptionHandler((failed, error) -> {
                error.printStackTrace();
                System.exit(1);
            });
            thread.start();
            running.add(thread);
        }
        return running;
    }

    static void join(List<Thread> running) throws InterruptedException {
        for (Thread thread : running) {
            thread.join();
        }
    }

    /** The heap that is in use after a collection. */
    static long usedKilobytes() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() / 1024;
    }

    /** A number of the job, by its place on the command line. */
    int number(int index) {
        return numbers.get(index);
    }

    /** Says that it is ready, or has done what it was told. */
    void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    void say(String name, double value) {
        say(name + " " + value);
    }

    /** Waits for the next order. */
    String hear() throws IOException {
        String order = orders.readLine();
        if (order == null) {
            // Whoever gives the orders is gone.
            System.exit(1);
        }
        return order == null ? "" : order;
    }
}
