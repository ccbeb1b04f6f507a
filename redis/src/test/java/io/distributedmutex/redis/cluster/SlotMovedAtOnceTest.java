package io.distributedmutex.redis.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.redis.live.Holds;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedRedisException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A slot moves with all its keys at once ({@code CLUSTER MIGRATESLOTS}), there and back, while its locks are held, renewed, handed
 * on and waited for. Valkey can from 9.0 on; where the last of the servers cannot, this is skipped. docs/internals/testing.md says
 * how to get one.
 */
@Timeout(120)
@Tag("deep")
@LeavesNothing(warnings = {"OUTAGE", "AT RISK", "LOST \\{s\\}\\w+ \\(EXPIRED"})
class SlotMovedAtOnceTest {

    private static final int INSTANCES = 5;
    private static final int WAITERS = 50;
    private static final int MOVES = 12;
    private static final Duration LEASE = Duration.ofSeconds(2);

    private static final LockOptions RENEWED = LockOptions.builder()
            .leaseTime(LEASE)
            .waitTime(Duration.ofSeconds(30))
            .autoRenew(Duration.ofMinutes(5))
            .build();

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private final List<DistributedMutex> mutexes = new ArrayList<>();
    private EmbeddedCluster redis;
    private int slot;

    @BeforeEach
    void start() {
        redis = EmbeddedRedis.cluster(3, 0)
                .executable(Clusters.installed().path())
                .config("enable-debug-command", "yes")
                .start();
        assumeTrue(redis.canMoveAtOnce(), redis + " cannot move a slot at once");
        slot = redis.slotOf("lock:{s}");
    }

    @AfterEach
    void stop() {
        mutexes.forEach(DistributedMutex::close);
        redis.close();
    }

    private DistributedMutex connect() {
        DistributedMutex mutex =
                RedisMutex.builder().uri(Clusters.uri(redis)).options(RENEWED).connect();
        mutexes.add(mutex);
        return mutex;
    }

    private EmbeddedRedis next() {
        List<EmbeddedRedis> masters = redis.masters();
        return masters.get((masters.indexOf(redis.masterOf(slot)) + 1) % masters.size());
    }

    @Test
    void aHeldLockStaysHeldAndFiftyWaitersTakeTurns() throws Exception {
        Lease held = connect().acquire("{s}held");
        List<DistributedMutex> instances = new ArrayList<>();
        for (int i = 0; i < INSTANCES; i++) {
            instances.add(connect());
        }
        Turns turns = new Turns("{s}k", instances, WAITERS / INSTANCES);
        turns.awaitRound();
        long longest = 0;
        for (int i = 0; i < MOVES; i++) {
            long begun = System.nanoTime();
            redis.moveAtOnce(slot, next());
            longest = Math.max(longest, System.nanoTime() - begun);
            turns.awaitRound();
            assertThat(held.state()).isEqualTo(LeaseState.HELD);
        }
        Await.pass(LEASE.plusMillis(500));
        assertThat(held.state()).isEqualTo(LeaseState.HELD);
        Holds holds = turns.end();
        assertThat(held.release()).isTrue();
        System.out.println(
                "figures: " + MOVES + " moves of a slot at once, " + longest / 1_000_000 + " ms at most; " + holds);
        holds.assertTokensRise();
        assertThat(holds.overlapMillis()).isZero();
        // The poll, and the time for which the server lets nobody write.
        assertThat(holds.longestGapMillis()).isLessThan(500 + stalls.allowanceMillis());
    }

    /**
     * The new master does not take over, as if it were stopped just then. The old one takes no writes at all meanwhile, for twice
     * the time that a failover may take, and then goes on. That is an outage like others: leases that end within it are lost, the
     * others go on, and so do waiters.
     */
    @Test
    void aMoveThatIsGivenUpIsAnOutageOfItsSource() throws Exception {
        EmbeddedRedis source = redis.masterOf(slot);
        EmbeddedRedis target = next();
        source.command("CONFIG", "SET", "cluster-manual-failover-timeout", "1500");
        target.command("DEBUG", "SLOTMIGRATION", "PREVENT-FAILOVER", "1");
        DistributedMutex mutex = connect();
        Lease shortOne = mutex.acquire("{s}lost");
        Lease longOne =
                mutex.with(options -> options.leaseTime(Duration.ofSeconds(20))).acquire("{s}held");
        Lease elsewhere = mutex.acquire(Clusters.keyOn(redis, target, "elsewhere"));
        Lease before = mutex.acquire("{s}k");
        CompletableFuture<Lease> waiting = connect().acquireAsync("{s}k");
        Await.until("somebody waits", () -> mutex.inspect("{s}k").orElseThrow().waiters() == 1);

        CompletableFuture<String> failure = CompletableFuture.supplyAsync(() -> failureOfMove(target), OwnThread.EACH);
        Await.until("the short lease is lost", () -> shortOne.state() == LeaseState.LOST);
        assertThat(failure).isNotDone();
        assertThat(elsewhere.state()).isEqualTo(LeaseState.HELD);
        assertThat(failure.get(30, TimeUnit.SECONDS)).contains("failed");

        try (Lease after = waiting.get(10, TimeUnit.SECONDS)) {
            assertThat(after.fencingToken()).isGreaterThan(before.fencingToken());
        }
        try (Lease again = mutex.acquire("{s}lost")) {
            assertThat(again.fencingToken()).isGreaterThan(shortOne.fencingToken());
        }
        Await.until("it is well", () -> longOne.state() == LeaseState.HELD);
        assertThat(longOne.release()).isTrue();
        assertThat(elsewhere.release()).isTrue();
        assertThat(redis.masterOf(slot)).isSameAs(source);
    }

    private String failureOfMove(EmbeddedRedis target) {
        try {
            redis.moveAtOnce(slot, target);
            return "none";
        } catch (EmbeddedRedisException e) {
            return String.valueOf(e.getMessage());
        }
    }
}
