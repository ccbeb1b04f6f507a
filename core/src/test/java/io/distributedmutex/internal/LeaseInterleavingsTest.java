package io.distributedmutex.internal;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.OnDeadlock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Release, expiry, loss and extension of one lease that race end it once, in an order that everybody agrees on. */
@Tag("deep")
class LeaseInterleavingsTest {

    @Test
    void aLeaseEndsOnceInEveryInterleaving() {
        Interleavings.check(
                Interleavings.modelChecking(4, 30).sequentialSpecification(OneLease.class), RealLease.class);
    }

    @Test
    void aLeaseEndsOnceInEveryRace() {
        Interleavings.check(Interleavings.stress(3, 100).sequentialSpecification(OneLease.class), RealLease.class);
    }

    /** A lease that was just granted. */
    public static class RealLease {
        private final StandingTime time = new StandingTime();
        private final OneKeyStore store = new OneKeyStore(true);
        private final Engine engine =
                new Engine(store, time, "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        private final AtomicInteger told = new AtomicInteger();
        private final Lease lease = engine.acquire(OneKeyStore.KEY, LockOptions.defaults(), null);

        public RealLease() {
            lease.onLost(lost -> told.incrementAndGet());
        }

        @Operation
        public boolean isValid() {
            return lease.isValid();
        }

        @Operation
        public LeaseState state() {
            return lease.state();
        }

        @Operation
        public void close() {
            lease.close();
        }

        @Operation
        public boolean release() {
            return lease.release();
        }

        @Operation
        public boolean extend() {
            try {
                lease.extend(Duration.ofMinutes(1));
                return true;
            } catch (LeaseLostException e) {
                return false;
            }
        }

        /** Past the deadline, however it was extended. */
        @Operation
        public void passTime() {
            time.pass(Duration.ofMinutes(2).toNanos());
        }

        @Validate
        public void theHolderWasToldOnceAndNothingIsLeft() {
            lease.close();
            boolean lost = lease.state() == LeaseState.LOST;
            Interleavings.check(told.get() == (lost ? 1 : 0), "state and calls: ", lease + ", " + told);
            // What expired here has expired there.
            store.deleted();
            Interleavings.nothingIsLeft(engine, store, time);
        }
    }

    /** What a lease is for its holder. */
    public static class OneLease {
        private LeaseState state = LeaseState.HELD;

        public boolean isValid() {
            return state == LeaseState.HELD;
        }

        public LeaseState state() {
            return state;
        }

        public void close() {
            release();
        }

        public boolean release() {
            boolean held = isValid();
            state = held ? LeaseState.RELEASED : state;
            return held;
        }

        public boolean extend() {
            return isValid();
        }

        public void passTime() {
            state = isValid() ? LeaseState.LOST : state;
        }
    }
}
