package io.distributedmutex.internal;

import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.OnDeadlock;
import java.time.Duration;
import java.util.List;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Threads that try for a key and release it see a lock with one owner, however they interleave. */
@Tag("deep")
class TryAcquireInterleavingsTest {

    @Test
    void triesAndReleasesAreThoseOfALockWithOneOwner() {
        Interleavings.check(Interleavings.modelChecking(4, 30).sequentialSpecification(OneOwner.class), Tries.class);
    }

    @Test
    void triesAndReleasesThatRaceAreThoseOfALockWithOneOwner() {
        Interleavings.check(Interleavings.stress(3, 100).sequentialSpecification(OneOwner.class), Tries.class);
    }

    /** What the threads do; the lease that a thread has acquired last stands at its number. */
    @Param(name = "thread", gen = ThreadIdGen.class)
    public static class Tries {
        private final StandingTime time = new StandingTime();
        private final OneKeyStore store = new OneKeyStore(true);
        private final Engine engine =
                new Engine(store, time, "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        private final Lease[] leases = new Lease[5];

        @Operation
        public boolean tryAcquire(@Param(name = "thread") int thread) {
            Lease lease = engine.tryAcquire(OneKeyStore.KEY, LockOptions.defaults(), null);
            if (lease != null) {
                leases[thread] = lease;
            }
            return lease != null;
        }

        @Operation
        public boolean release(@Param(name = "thread") int thread) {
            return leases[thread] != null && leases[thread].release();
        }

        /** As release, but does not wait for the store. */
        @Operation
        public void close(@Param(name = "thread") int thread) {
            if (leases[thread] != null) {
                leases[thread].close();
            }
        }

        @Operation
        public boolean isValid(@Param(name = "thread") int thread) {
            return leases[thread] != null && leases[thread].isValid();
        }

        @Validate
        public void nothingIsLeft() {
            for (Lease lease : leases) {
                if (lease != null) {
                    lease.close();
                }
            }
            Interleavings.nothingIsLeft(engine, store, time);
        }
    }

    /** A lock with one owner. */
    public static class OneOwner {
        private int owner = -1;

        public boolean tryAcquire(int thread) {
            boolean free = owner < 0;
            if (free) {
                owner = thread;
            }
            return free;
        }

        public boolean release(int thread) {
            boolean held = owner == thread;
            if (held) {
                owner = -1;
            }
            return held;
        }

        public void close(int thread) {
            release(thread);
        }

        public boolean isValid(int thread) {
            return owner == thread;
        }
    }
}
