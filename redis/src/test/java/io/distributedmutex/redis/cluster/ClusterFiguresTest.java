package io.distributedmutex.redis.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Measures a cluster of three masters beside one server, on one machine. docs/topologies.md says what that means. */
@Timeout(300)
@Tag("deep")
class ClusterFiguresTest {

    private static final int THREADS = 16;
    private static final long MEASURED_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final int HAND_OFFS = 200;

    @Test
    void pairsAndHandOffs() throws Exception {
        try (EmbeddedRedis one = EmbeddedRedis.builder()
                        .executable(Clusters.installed().path())
                        .start();
                EmbeddedCluster three = EmbeddedRedis.cluster(3, 0)
                        .executable(Clusters.installed().path())
                        .start()) {
            for (int round = 0; round < 2; round++) {
                measure("one server", one.uri());
                measure("three masters", Clusters.uri(three));
            }
        }
    }

    private static void measure(String name, String uri) throws Exception {
        try (DistributedMutex first = RedisMutex.connect(uri);
                DistributedMutex second = RedisMutex.connect(uri)) {
            long pairs = pairs(first);
            long handOff = handOff(first, second);
            System.out.println("figures: " + name + ": " + pairs + " pairs/s, hand-off " + handOff + " us (median)");
            assertThat(pairs).isPositive();
            assertThat(handOff).isPositive();
        }
    }

    /** Acquires and releases keys that nobody else wants, in several threads. */
    private static long pairs(DistributedMutex mutex) throws Exception {
        LongAdder pairs = new LongAdder();
        long end = System.nanoTime() + MEASURED_NANOS;
        List<CompletableFuture<Void>> threads = new ArrayList<>();
        for (int t = 0; t < THREADS; t++) {
            int thread = t;
            CompletableFuture<Void> done = new CompletableFuture<>();
            threads.add(done);
            new Thread(() -> {
                        for (int i = 0; System.nanoTime() - end < 0; i++) {
                            mutex.acquire("k" + thread + "-" + i % 64).release();
                            pairs.increment();
                        }
                        done.complete(null);
                    })
                    .start();
        }
        for (CompletableFuture<Void> each : threads) {
            each.get(60, TimeUnit.SECONDS);
        }
        return pairs.sum() * TimeUnit.SECONDS.toNanos(1) / MEASURED_NANOS;
    }

    /** From the release in one instance until the other has it. */
    private static long handOff(DistributedMutex first, DistributedMutex second) throws Exception {
        long[] nanos = new long[HAND_OFFS];
        DistributedMutex holder = first;
        DistributedMutex waiter = second;
        Lease lease = holder.acquire("handed on");
        for (int i = 0; i < HAND_OFFS; i++) {
            DistributedMutex looking = holder;
            CompletableFuture<Lease> waiting = waiter.acquireAsync("handed on");
            while (looking.inspect("handed on").orElseThrow().waiters() == 0) {
                Thread.onSpinWait();
            }
            long released = System.nanoTime();
            lease.close();
            lease = waiting.get(20, TimeUnit.SECONDS);
            nanos[i] = System.nanoTime() - released;
            waiter = holder;
            holder = waiter == first ? second : first;
        }
        lease.release();
        Arrays.sort(nanos);
        return TimeUnit.NANOSECONDS.toMicros(nanos[HAND_OFFS / 2]);
    }
}
