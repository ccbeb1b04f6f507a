package io.distributedmutex.redis.contention;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Virtual threads that wait for locks let go of their carriers, as the flight recorder sees it. Where the JDK has no virtual threads,
 * threads of the platform go the same ways.
 */
@WithRedis
class VirtualThreadsTest {

    private static final boolean VIRTUAL = Runtime.version().feature() >= 21;
    private static final int THREADS = 60;
    private static final int ROUNDS = 5;
    private static final int KEYS = 3;

    @TempDir
    private Path folder;

    /** How often each key was held. Counted without care, so that two holders at once would lose a count. */
    private final AtomicIntegerArray entries = new AtomicIntegerArray(KEYS);

    private static ExecutorService threads() throws ReflectiveOperationException {
        return VIRTUAL
                ? (ExecutorService) Executors.class
                        .getMethod("newVirtualThreadPerTaskExecutor")
                        .invoke(null)
                : Executors.newCachedThreadPool();
    }

    private static DistributedMutex patient(EmbeddedRedis redis) {
        return RedisMutex.connect(redis.uri()).with(options -> options.waitTime(Duration.ofMinutes(1)));
    }

    /** Waits while its class is initialised, for which a virtual thread holds its carrier, on every JDK. */
    private static final class Pinning {
        static {
            LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
        }

        static void pin() {}
    }

    @Test
    void whoWaitsForALockDoesNotHoldItsCarrier(EmbeddedRedis redis) throws Exception {
        ExecutorService executor = threads();
        try (DistributedMutex one = patient(redis);
                DistributedMutex another = patient(redis);
                Recording recording = new Recording()) {
            // Initialises our classes and those of Lettuce: whoever waits for that holds its carrier, once.
            takeTurns(one, another, 0);
            recording
                    .enable("jdk.VirtualThreadPinned")
                    .withThreshold(Duration.ZERO)
                    .withStackTrace();
            recording.start();

            List<Future<?>> turns = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                int thread = i;
                turns.add(executor.submit(() -> {
                    for (int round = 0; round < ROUNDS; round++) {
                        takeTurns(one, another, thread + round);
                    }
                }));
            }
            turns.add(executor.submit(Pinning::pin));
            for (Future<?> each : turns) {
                each.get(Await.BOUND.toMillis(), TimeUnit.MILLISECONDS);
            }

            recording.stop();
            List<RecordedEvent> pinned = events(recording);
            assertThat(pinned)
                    .filteredOn(hasFrame(VirtualThreadsTest::isOfTheLibrary))
                    .isEmpty();
            assertThat(pinned)
                    .as("what does hold its carrier is seen")
                    .filteredOn(hasFrame(type -> type.equals(Pinning.class.getName())))
                    .hasSize(VIRTUAL ? 1 : 0);
            assertThat(entries.get(0) + entries.get(1) + entries.get(2)).isEqualTo(5 * (THREADS * ROUNDS + 1));
        } finally {
            executor.shutdownNow();
        }
    }

    /** Every way to wait, on two instances, so that leases pass within one and from one to the other. */
    private void takeTurns(DistributedMutex one, DistributedMutex another, int turn) {
        int k = turn % KEYS;
        String key = "key " + k;
        DistributedMutex mutex = turn % 2 == 0 ? one : another;
        try (Lease lease = mutex.acquire(key)) {
            lease.extend(Duration.ofMinutes(2));
            enter(k);
        }
        try (Lease lease = mutex.tryAcquire(key, Duration.ofMinutes(1)).orElseThrow()) {
            enter(k);
            lease.release();
        }
        mutex.run(key, lease -> enter(k));
        mutex.acquireAsync(key)
                .thenAccept(lease -> {
                    try (lease) {
                        enter(k);
                    }
                })
                .join();
        Lock lock = mutex.asLock(key);
        lock.lock();
        try {
            enter(k);
        } finally {
            lock.unlock();
        }
    }

    private void enter(int k) {
        entries.set(k, entries.get(k) + 1);
    }

    private List<RecordedEvent> events(Recording recording) throws IOException {
        Path file = folder.resolve("recording.jfr");
        recording.dump(file);
        return RecordingFile.readAllEvents(file);
    }

    private static Predicate<RecordedEvent> hasFrame(Predicate<String> type) {
        return event -> event.getStackTrace() != null
                && event.getStackTrace().getFrames().stream()
                        .map(frame -> frame.getMethod().getType().getName())
                        .anyMatch(type);
    }

    private static boolean isOfTheLibrary(String type) {
        return type.startsWith("io.distributedmutex.") && !type.startsWith(VirtualThreadsTest.class.getName());
    }
}
