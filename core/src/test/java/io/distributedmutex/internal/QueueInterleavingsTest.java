package io.distributedmutex.internal;

import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.OnDeadlock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Validate;
import org.jetbrains.lincheck.datastructures.verifier.EpsilonVerifier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Waiting, giving up, time-outs, grants by reply and by push, local passes and closing of one key, in any interleaving: never
 * two valid leases, one outcome for each waiter, nobody forgotten, nothing left.
 */
@Tag("deep")
class QueueInterleavingsTest {

    @Test
    void noInterleavingBreaksAPromiseIfTheStoreAnswersLater() {
        Interleavings.check(Interleavings.modelChecking(4, 30).verifier(EpsilonVerifier.class), AnswersLater.class);
    }

    @Test
    void noRaceBreaksAPromiseIfTheStoreAnswersLater() {
        Interleavings.check(Interleavings.stress(3, 100).verifier(EpsilonVerifier.class), AnswersLater.class);
    }

    @Test
    void noInterleavingBreaksAPromiseIfTheStoreAnswersAtOnce() {
        Interleavings.check(Interleavings.modelChecking(4, 30).verifier(EpsilonVerifier.class), AnswersAtOnce.class);
    }

    @Test
    void noInterleavingOfCloseBreaksAPromise() {
        Interleavings.check(Interleavings.modelChecking(4, 30).verifier(EpsilonVerifier.class), Closing.class);
    }

    /** Everything that happens to a key; "deliver the oldest message" is an operation like others. */
    public static class AnswersLater {
        private final Key key = new Key(false);

        @Operation
        public void acquire() {
            key.acquire();
        }

        @Operation
        public void cancelTheLast() {
            key.cancelTheLast();
        }

        @Operation
        public void closeTheLease() {
            key.closeTheLease();
        }

        @Operation
        public void deliver() {
            key.store.deliver();
        }

        @Operation
        public void takenByAnother() {
            key.store.takenByAnother();
        }

        @Operation
        public void releasedByTheOther() {
            key.store.releasedByTheOther();
        }

        /** As long as all waits of the pass window, the polls and the waiters together. */
        @Operation
        public void passTime() {
            key.time.pass(Key.WAIT_NANOS);
        }

        @Validate
        public void promisesWereKept() {
            key.settle();
            key.nothingIsLeft();
        }
    }

    /** The same with answers inside the call, so that steps cause steps. */
    public static class AnswersAtOnce {
        private final Key key = new Key(true);

        @Operation
        public void acquire() {
            key.acquire();
        }

        @Operation
        public void cancelTheLast() {
            key.cancelTheLast();
        }

        @Operation
        public void closeTheLease() {
            key.closeTheLease();
        }

        @Operation
        public void takenByAnother() {
            key.store.takenByAnother();
        }

        @Operation
        public void releasedByTheOther() {
            key.store.releasedByTheOther();
        }

        @Operation
        public void tryAcquire() {
            key.tryAcquire();
        }

        @Validate
        public void promisesWereKept() {
            key.settle();
            key.nothingIsLeft();
        }
    }

    /** The instance is closed while others acquire and release; the store answers at once, so close() never has to wait long. */
    public static class Closing {
        private final Key key = new Key(true);

        @Operation
        public void acquire() {
            key.acquire();
        }

        @Operation
        public void closeTheLease() {
            key.closeTheLease();
        }

        @Operation
        public void tryAcquire() {
            key.tryAcquire();
        }

        @Operation(runOnce = true)
        public void closeTheInstance() {
            key.engine.close();
        }

        @Validate
        public void promisesWereKept() {
            key.engine.close();
            key.nothingIsLeft();
        }
    }

    /** A key in an instance, and who asked for it. */
    private static final class Key {
        static final long WAIT_NANOS = LockOptions.defaults().waitTime().toNanos();

        final StandingTime time = new StandingTime();
        final OneKeyStore store;
        final Engine engine;

        /** Guarded by itself. */
        private final List<CompletableFuture<Lease>> asked = new ArrayList<>();

        /** Guarded by {@code asked}. */
        private final List<Lease> leases = new ArrayList<>();

        private final AtomicInteger outcomes = new AtomicInteger();
        private volatile boolean overlapped;

        Key(boolean answersAtOnce) {
            store = new OneKeyStore(answersAtOnce);
            engine = new Engine(store, time, "test", List.of(), OnDeadlock.REPORT, Duration.ofSeconds(1));
        }

        void acquire() {
            CompletableFuture<Lease> future;
            try {
                future = engine.acquireAsync(OneKeyStore.KEY, LockOptions.defaults(), null);
            } catch (MutexClosedException e) {
                return;
            }
            synchronized (asked) {
                asked.add(future);
            }
            CompletableFuture<Lease> unused = future.whenComplete((lease, failure) -> {
                outcomes.incrementAndGet();
                if (lease != null) {
                    acquired(lease);
                }
            });
        }

        void tryAcquire() {
            try {
                Lease lease = engine.tryAcquire(OneKeyStore.KEY, LockOptions.defaults(), null);
                if (lease != null) {
                    acquired(lease);
                }
            } catch (MutexClosedException e) {
                // As it should when it is closed.
            }
        }

        /** A lease that is valid before and after another was seen valid was so in that moment too. */
        private void acquired(Lease lease) {
            List<Lease> before;
            synchronized (asked) {
                before = List.copyOf(leases);
                leases.add(lease);
            }
            for (Lease other : before) {
                if (other.isValid() && lease.isValid() && other.isValid()) {
                    overlapped = true;
                }
            }
        }

        void cancelTheLast() {
            CompletableFuture<Lease> last;
            synchronized (asked) {
                last = asked.isEmpty() ? null : asked.get(asked.size() - 1);
            }
            if (last != null) {
                last.cancel(false);
            }
        }

        void closeTheLease() {
            Lease last;
            synchronized (asked) {
                last = leases.isEmpty() ? null : leases.get(leases.size() - 1);
            }
            if (last != null) {
                last.close();
            }
        }

        /** The other holder goes, every message arrives, and whoever acquires the key releases it, until nobody waits. */
        void settle() {
            store.releasedByTheOther();
            boolean progress = true;
            while (progress) {
                progress = false;
                while (store.deliver()) {
                    progress = true;
                }
                List<Lease> acquired;
                synchronized (asked) {
                    acquired = List.copyOf(leases);
                }
                for (Lease lease : acquired) {
                    if (lease.isValid()) {
                        lease.close();
                        progress = true;
                    }
                }
            }
        }

        /** No time has passed since: who waited was served or has given up, not forgotten until a poll. */
        void nothingIsLeft() {
            Interleavings.check(!overlapped, "two leases were valid", " at once");
            Interleavings.check(
                    outcomes.get() == asked.size(), "waiters and outcomes: ", asked.size() + ", " + outcomes.get());
            Interleavings.nothingIsLeft(engine, store, time);
        }
    }
}
