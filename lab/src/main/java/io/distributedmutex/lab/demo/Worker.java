package io.distributedmutex.lab.demo;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockInfo;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.lab.demo.Event.Kind;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An instance of an application that shares its work with others like it: one thread adds to a counter in a file, the
 * other does jobs that all instances are offered. Instead of work there are pauses.
 */
final class Worker {

    private static final int NO_MORE_JOBS = -1;
    /** The lease time of a job, which takes less. If its worker dies, another may do the job after this time. */
    private static final Duration JOB_LEASE = Duration.ofSeconds(2);

    private final int id;
    private final @Nullable DistributedMutex mutex;
    private final @Nullable MutexAdapter adapter;
    private final FencedFile counter;
    private final JobLog jobLog;
    private final Consumer<Event> tell;
    private final Random random;
    private final BlockingQueue<Integer> jobs = new LinkedBlockingQueue<>();
    private final CountDownLatch ended = new CountDownLatch(2);

    private boolean started;
    private volatile boolean stopping;
    private volatile boolean stalling;

    /**
     * Makes a worker that does nothing yet.
     *
     * @param id its number
     * @param directory where the shared files are
     * @param seed decides its pauses
     * @param mutex the locks; null to work without, which shows what they are good for
     * @param tell hears what it does; thread-safe
     */
    Worker(int id, Path directory, long seed, @Nullable DistributedMutex mutex, Consumer<Event> tell) {
        this.id = id;
        this.mutex = mutex;
        this.adapter = mutex == null ? null : new MutexAdapter(mutex.with(options -> options.leaseTime(JOB_LEASE)));
        this.counter = new FencedFile(directory.resolve("counter"), id);
        this.jobLog = new JobLog(directory.resolve("jobs"));
        this.tell = tell;
        this.random = new Random(seed);
    }

    void start() {
        started = true;
        new Thread(this::countUp, "counter").start();
        new Thread(this::doJobs, "jobs").start();
    }

    void offer(int job) {
        jobs.add(job);
    }

    /** At its next update the worker stops between reading and writing, for ever. */
    void stallAtNextUpdate() {
        stalling = true;
    }

    /** Begins no new update, and does only the jobs that were offered until now. */
    void stop() {
        stopping = true;
        jobs.add(NO_MORE_JOBS);
    }

    /** Waits until both threads have ended, if it was ever started. */
    void await() throws InterruptedException {
        if (started) {
            ended.await();
        }
    }

    // ---- the shared file: with the library's API

    private void countUp() {
        try {
            while (!stopping) {
                tell(Kind.WANT, History.COUNTER, 0, 0);
                if (mutex == null) {
                    update(null);
                } else {
                    try (Lease lease = mutex.acquire(History.COUNTER)) {
                        update(lease);
                    }
                }
                pause(20, 80);
            }
        } catch (LockException | IOException | InterruptedException e) {
            failed(e);
        } finally {
            ended.countDown();
        }
    }

    private void update(@Nullable Lease lease) throws IOException, InterruptedException {
        String key = History.COUNTER;
        long token = lease == null ? 0 : lease.fencingToken();
        tell(Kind.ENTER, key, token, lease == null ? 0 : lease.remaining().toNanos());
        OptionalLong before = counter.read(token);
        if (before.isPresent()) {
            tell(Kind.READ, key, token, before.getAsLong());
            pause(50, 110);
            if (stalling) {
                stall(token);
            }
            long after = before.getAsLong() + 1;
            boolean valid = lease == null || lease.isValid();
            tell(valid && counter.write(after, token) ? Kind.WRITE : Kind.REFUSED, key, token, after);
        } else {
            tell(Kind.REFUSED, key, token, 0);
        }
        tell(Kind.LEAVE, key, token, 0);
    }

    /** Stands still, as a process does that hangs, until it is killed. */
    private void stall(long token) throws InterruptedException {
        long now = System.nanoTime();
        // Redis may round up by a millisecond.
        long remaining = remaining(History.COUNTER)
                .map(left -> left.minusMillis(1).toNanos())
                .orElse(0L);
        tell.accept(new Event(now, id, Kind.STALLED, History.COUNTER, token, remaining, ""));
        new CountDownLatch(1).await();
    }

    // ---- the jobs: with the original's adapter

    private void doJobs() {
        try {
            for (int job = jobs.take(); job != NO_MORE_JOBS; job = jobs.take()) {
                String key = "job:" + job;
                tell(Kind.WANT, key, 0, 0);
                if (adapter == null) {
                    tell(Kind.ENTER, key, 0, 0);
                    doOnce(job, key, 0);
                } else if (adapter.acquiref("job:%d", job)) {
                    try {
                        doOnce(job, key, entered(key));
                    } finally {
                        adapter.releasef("job:%d", job);
                    }
                } else {
                    fail("did not get '" + key + "'; its log says why");
                }
            }
        } catch (LockException | IOException | InterruptedException e) {
            failed(e);
        } finally {
            ended.countDown();
        }
    }

    private void doOnce(int job, String key, long token) throws IOException, InterruptedException {
        if (jobLog.contains(job)) {
            tell(Kind.SEEN, key, token, 0);
        } else {
            pause(80, 200);
            jobLog.add(job, id);
            tell(Kind.DONE, key, token, 0);
        }
        tell(Kind.LEAVE, key, token, 0);
    }

    /** The adapter shows no lease, so Redis is asked for the token and the end. */
    private long entered(String key) {
        long now = System.nanoTime();
        LockInfo info = mutex == null ? null : mutex.inspect(key).orElse(null);
        if (info == null || !info.holder().equals(Optional.of("worker " + id))) {
            fail("has '" + key + "', but Redis says: " + info);
            return 0;
        }
        // Less the holder's drift margin, as the lease itself counts.
        long remaining = info.remaining()
                .map(left -> left.toNanos() * 99 / 100 - TimeUnit.MILLISECONDS.toNanos(2))
                .orElse(0L);
        long token = info.fencingToken().orElse(0);
        tell.accept(new Event(now, id, Kind.ENTER, key, token, remaining, ""));
        return token;
    }

    // ----

    private Optional<Duration> remaining(String key) {
        return mutex == null ? Optional.empty() : mutex.inspect(key).flatMap(LockInfo::remaining);
    }

    private void pause(int leastMillis, int mostMillis) throws InterruptedException {
        Thread.sleep(leastMillis + random.nextInt(mostMillis - leastMillis));
    }

    private void tell(Kind kind, String key, long token, long value) {
        tell.accept(Event.now(id, kind, key, token, value));
    }

    private void failed(Exception failure) {
        fail(failure.getClass().getSimpleName() + ": " + failure.getMessage());
    }

    private void fail(String what) {
        tell.accept(new Event(System.nanoTime(), id, Kind.FAILED, "", 0, 0, what));
    }
}
