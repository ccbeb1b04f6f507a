package io.distributedmutex.redis.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.StoreException;
import io.distributedmutex.redis.live.Contenders;
import io.distributedmutex.redis.live.Instances;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One master of three stands still: its locks are lost in time, those of the others do not notice. */
@Timeout(180)
@LeavesNothing(warnings = Contenders.WARNINGS)
class HungShardTest {

    private static final int LOCKS = 300;
    private static final Duration PAUSE = Duration.ofMillis(50);

    private static final Pattern ASKED = Pattern.compile("cmdstat_cluster(?:\\|slots)?:calls=(\\d+)");

    private static final LockOptions RENEWED = LockOptions.builder()
            .leaseTime(Duration.ofSeconds(6))
            .waitTime(Duration.ofSeconds(20))
            .autoRenew(Duration.ofMinutes(5))
            .build();

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private EmbeddedCluster redis;
    private Instances instances;

    /** The others take it to be well all along, and serve their slots. */
    @BeforeEach
    void start() {
        redis = EmbeddedRedis.cluster(3, 0).nodeTimeout(Duration.ofMinutes(5)).start();
        instances = new Instances(Clusters.uri(redis));
    }

    @AfterEach
    void stop() {
        redis.nodes().stream().filter(EmbeddedRedis::isPaused).forEach(EmbeddedRedis::resume);
        instances.close();
        redis.close();
    }

    private DistributedMutex connect() {
        return instances.add(builder -> builder.options(RENEWED));
    }

    @Test
    void locksOfTheOtherMastersLive() throws Exception {
        locksLiveFor(Duration.ofSeconds(8));
    }

    @Test
    @Tag("deep")
    void locksOfTheOtherMastersLiveForAMinute() throws Exception {
        locksLiveFor(Duration.ofSeconds(60));
    }

    /** Whoever answers again is well: nobody looks for another in its place, and an idle instance asks nothing. */
    @Test
    void afterAMasterStoodStillForAMomentNobodyAsksWhoHasItsSlots() {
        DistributedMutex mutex = instances.add(builder -> builder.commandTimeout(Duration.ofMillis(300)));
        EmbeddedRedis hung = redis.masters().get(1);
        String key = Clusters.keyOn(redis, hung, "k");
        mutex.acquire(key).close();
        hung.pause();
        assertThatThrownBy(() -> mutex.tryAcquire(key)).isInstanceOf(StoreException.class);
        hung.resume();

        Await.until(
                "it serves again",
                () -> mutex.acquire(key, Duration.ofSeconds(20)).release());
        Await.until("nobody asks any more", () -> {
            long before = asked();
            Await.pass(Duration.ofMillis(2_500));
            return asked() == before;
        });
    }

    /** How often the masters were asked, by anybody. */
    private long asked() {
        return redis.nodes().stream()
                .map(node -> ASKED.matcher(String.valueOf(node.command("INFO", "commandstats"))))
                .mapToLong(asked -> asked.find() ? Long.parseLong(asked.group(1)) : 0)
                .sum();
    }

    private void locksLiveFor(Duration time) throws Exception {
        DistributedMutex mutex = connect();
        DistributedMutex other = connect();
        EmbeddedRedis hung = redis.masters().get(1);
        List<Lease> ofHung = new ArrayList<>();
        List<Lease> ofOthers = new ArrayList<>();
        for (int i = 0; i < LOCKS; i++) {
            boolean isHung = redis.masterOf(redis.slotOf("lock:k" + i)) == hung;
            (isHung ? ofHung : ofOthers).add(mutex.acquire("k" + i));
        }
        String key = ofOthers.get(0).key();
        assertThat(ofHung.size()).isBetween(60, 140);

        hung.pause();
        long paused = System.nanoTime();

        // A renewal is due every 2 s, and has 2 s to be answered.
        Await.until(
                "those of the hung one are at risk",
                Duration.ofSeconds(6).plusMillis(stalls.allowanceMillis()),
                () -> ofHung.stream().anyMatch(lease -> lease.state() == LeaseState.AT_RISK));
        long slowest = 0;
        while (System.nanoTime() - paused < time.toNanos()) {
            long begun = System.nanoTime();
            try (Lease lease =
                    mutex.acquire(Clusters.keyOn(redis, redis.masters().get(0), "fresh"))) {
                assertThat(lease.isValid()).isTrue();
            }
            CompletableFuture<Lease> waiting = other.acquireAsync(key);
            Await.until("it waits", () -> mutex.inspect(key).orElseThrow().waiters() == 1);
            ofOthers.get(0).release();
            Lease handedOn = waiting.get(60, TimeUnit.SECONDS);
            handedOn.release();
            ofOthers.set(0, mutex.acquire(key));
            slowest = Math.max(slowest, System.nanoTime() - begun);
            // Else the rounds take all the time of the machine.
            Await.pass(PAUSE);
            assertThat(ofOthers).allMatch(Lease::isValid);
        }
        Await.until(
                "all of the others to be renewed",
                () -> ofOthers.stream().allMatch(lease -> lease.state() == LeaseState.HELD));
        // The lease, less its margin, from the last renewal on.
        assertThat(ofHung).allMatch(lease -> lease.state() == LeaseState.LOST);
        System.out.println("figures: " + ofOthers.size() + " locks of the others held for " + time.toSeconds() + " s; "
                + ofHung.size() + " of the hung one lost; the slowest round of an acquire, a wait and a hand-off took "
                + TimeUnit.NANOSECONDS.toMillis(slowest) + " ms");
        assertThat(TimeUnit.NANOSECONDS.toMillis(slowest)).isLessThan(2_000 + stalls.allowanceMillis());

        hung.resume();
        try (Lease again = mutex.acquire(ofHung.get(0).key(), Duration.ofSeconds(20))) {
            assertThat(again.fencingToken()).isGreaterThan(ofHung.get(0).fencingToken());
        }
        ofOthers.forEach(Lease::release);
    }
}
