package io.distributedmutex.redis.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.redis.live.Holds;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Threads of several instances take a key in turns, until told to end. None of them may fail, or lose a lease. */
final class Turns {

    private static final Duration HOLD = Duration.ofMillis(5);

    private final Holds holds = new Holds();
    private final List<CompletableFuture<Void>> waiters = new ArrayList<>();
    private volatile boolean over;

    Turns(String key, List<DistributedMutex> instances, int threadsOfEach) {
        for (DistributedMutex mutex : instances) {
            for (int i = 0; i < threadsOfEach; i++) {
                waiters.add(CompletableFuture.runAsync(() -> take(mutex, key), OwnThread.EACH));
            }
        }
    }

    private void take(DistributedMutex mutex, String key) {
        while (!over) {
            Lease lease = mutex.acquire(key);
            long granted = System.nanoTime();
            Await.pass(HOLD);
            assertThat(lease.isValid()).isTrue();
            holds.add(lease.fencingToken(), granted);
            boolean held = lease.release();
            assertThat(held).isTrue();
        }
    }

    /** Waits until each thread could have had it once more. */
    void awaitRound() {
        int before = holds.count();
        Await.until("the key is handed on", () -> {
            waiters.forEach(waiter -> assertThat(waiter).isNotCompletedExceptionally());
            return holds.count() > before + waiters.size();
        });
    }

    /** Lets all end; fails as the first of them did. */
    Holds end() throws Exception {
        over = true;
        for (CompletableFuture<Void> waiter : waiters) {
            waiter.get(60, TimeUnit.SECONDS);
        }
        return holds;
    }
}
