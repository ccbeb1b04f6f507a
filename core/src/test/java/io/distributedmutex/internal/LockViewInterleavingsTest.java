package io.distributedmutex.internal;

import io.distributedmutex.LockOptions;
import io.distributedmutex.OnDeadlock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.Lock;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The Lock view is a reentrant lock by thread, however its threads interleave. Nothing is done before or
 * after the threads run, since Lincheck would do that on one of them, under another number.
 */
@Tag("deep")
class LockViewInterleavingsTest {

    @Test
    void theViewIsAReentrantLockInEveryInterleaving() {
        Interleavings.check(
                Interleavings.modelChecking(4, 30)
                        .actorsBefore(0)
                        .actorsAfter(0)
                        .sequentialSpecification(ReentrantOwner.class),
                View.class);
    }

    @Test
    void theViewIsAReentrantLockInEveryRace() {
        Interleavings.check(
                Interleavings.stress(3, 100)
                        .actorsBefore(0)
                        .actorsAfter(0)
                        .sequentialSpecification(ReentrantOwner.class),
                View.class);
    }

    /** The view; the number of the thread is for the specification, which has no threads. */
    @Param(name = "thread", gen = ThreadIdGen.class)
    public static class View {
        private final Engine engine = new Engine(
                new OneKeyStore(true), new StandingTime(), "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        private final Lock lock = new LockView(engine, OneKeyStore.KEY, LockOptions.defaults(), null);

        @Operation
        public boolean tryLock(@Param(name = "thread") int thread) {
            return lock.tryLock();
        }

        @Operation
        public boolean unlock(@Param(name = "thread") int thread) {
            try {
                lock.unlock();
                return true;
            } catch (IllegalMonitorStateException e) {
                return false;
            }
        }
    }

    /** A reentrant lock. */
    public static class ReentrantOwner {
        private int owner = -1;
        private int count;

        public boolean tryLock(int thread) {
            if (count > 0 && owner != thread) {
                return false;
            }
            owner = thread;
            count++;
            return true;
        }

        public boolean unlock(int thread) {
            if (count == 0 || owner != thread) {
                return false;
            }
            count--;
            return true;
        }
    }
}
