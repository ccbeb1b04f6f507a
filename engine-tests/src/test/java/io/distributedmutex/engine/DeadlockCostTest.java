package io.distributedmutex.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.testkit.FaultyLockStore;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What it costs to look for deadlocks, of threads that hold a key and wait for another. */
class DeadlockCostTest {

    private static final int ROUNDS = 300;

    /** No object is smaller. */
    private static final long SMALLEST_OBJECT = 16;

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** All that happens in this time happens on the thread that waits. */
    private final class Waiting implements AutoCloseable {
        private final ManualTime time = ManualTime.create().autoAdvance();
        private final InMemoryLockStore server = new InMemoryLockStore(time);
        private final FaultyLockStore store = new FaultyLockStore(server, time);
        private final DistributedMutex mutex;
        private final DistributedMutex other;
        private final Lease theirs;
        private final Lease own;
        private long least = Long.MAX_VALUE;

        Waiting(OnDeadlock reaction, Duration after) {
            mutex = DistributedMutex.builder(store)
                    .environment(time.newEnvironment())
                    .deadlocks(reaction)
                    .deadlocksAfter(after)
                    .build()
                    .with(options -> options.leaseTime(Duration.ofDays(1)).waitTime(Duration.ofMillis(900)));
            other = DistributedMutex.builder(server.sibling())
                    .environment(time.newEnvironment())
                    .build()
                    .with(options -> options.leaseTime(Duration.ofDays(1)));
            theirs = other.owner("other").acquire("theirs");
            own = mutex.acquire("own");
        }

        void round() {
            long before = threads.getCurrentThreadAllocatedBytes();
            try {
                mutex.acquire("theirs").close();
            } catch (LockNotAcquiredException e) {
                least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
            }
        }

        @Override
        public void close() {
            own.close();
            theirs.close();
            mutex.close();
            other.close();
        }
    }

    @Test
    void aWaitOfLessThanASecondSendsAndAllocatesNothingForIt() {
        try (Waiting ignoring = new Waiting(OnDeadlock.IGNORE, Duration.ofSeconds(1));
                Waiting reporting = new Waiting(OnDeadlock.REPORT, Duration.ofSeconds(1));
                Waiting looking = new Waiting(OnDeadlock.REPORT, Duration.ofMillis(100))) {
            for (int round = 0; round < ROUNDS; round++) {
                ignoring.round();
                reporting.round();
                looking.round();
            }
            System.out.printf(
                    "a wait of 900 ms allocates %d bytes where deadlocks are ignored, %d where they are looked for after 1 s, %d"
                            + " where after 100 ms%n",
                    ignoring.least, reporting.least, looking.least);
            assertThat(reporting.store.count(Operation.SEND)).isZero();
            assertThat(reporting.store.counts()).isEqualTo(ignoring.store.counts());
            assertThat(looking.store.count(Operation.SEND)).isPositive();
            assertThat(Math.abs(reporting.least - ignoring.least)).isLessThan(SMALLEST_OBJECT);
            assertThat(looking.least).as("this would be noticed").isGreaterThan(ignoring.least + 10 * SMALLEST_OBJECT);
        }
    }
}
