package io.distributedmutex.redis.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.redis.live.Holds;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.cluster.SlotHash;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A slot moves at once as Redis 8.4 does it ({@code CLUSTER MIGRATION IMPORT}), with what only that says: {@code TRYAGAIN Slot is
 * being trimmed}. There is no such server here, so one is pretended. {@link SlotMovedAtOnceTest} has real ones of Valkey.
 */
@Timeout(120)
@Tag("deep")
@LeavesNothing(warnings = {"OUTAGE", "AT RISK"})
class TrimmedSlotTest {

    private static final int MOVES = 10;
    private static final Duration PAUSED = Duration.ofMillis(100);
    private static final Duration TRIMMING = Duration.ofMillis(300);

    private static final LockOptions RENEWED = LockOptions.builder()
            .leaseTime(Duration.ofSeconds(2))
            .waitTime(Duration.ofSeconds(30))
            .autoRenew(Duration.ofMinutes(5))
            .build();

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private final List<DistributedMutex> mutexes = new ArrayList<>();
    private EmbeddedRedis server;
    private PretendedCluster redis;

    @BeforeEach
    void start() {
        server = EmbeddedRedis.builder().executable(Clusters.installed().path()).start();
        redis = new PretendedCluster(server, SlotHash.getSlot("lock:{s}"));
    }

    @AfterEach
    void stop() throws Exception {
        mutexes.forEach(DistributedMutex::close);
        redis.close();
        server.close();
    }

    private DistributedMutex connect() {
        DistributedMutex mutex =
                RedisMutex.builder().uri(redis.uri()).options(RENEWED).connect();
        mutexes.add(mutex);
        return mutex;
    }

    @Test
    void aHeldLockStaysHeldAndWaitersTakeTurnsWhileTheNewMasterStillTrims() throws Exception {
        Lease held = connect().acquire("{s}held");
        Lease elsewhere = mutexes.get(0).acquire("elsewhere");
        Turns turns = new Turns("{s}k", List.of(connect(), connect(), connect(), connect()), 5);
        turns.awaitRound();
        for (int i = 0; i < MOVES; i++) {
            redis.move(PAUSED, TRIMMING);
            turns.awaitRound();
            assertThat(held.isValid()).isTrue();
            assertThat(elsewhere.state()).isEqualTo(LeaseState.HELD);
        }
        Holds holds = turns.end();
        assertThat(held.release()).isTrue();
        assertThat(elsewhere.release()).isTrue();
        System.out.println("figures: " + MOVES + " moves with a trim: " + holds);
        holds.assertTokensRise();
        assertThat(holds.overlapMillis()).isZero();
        // What the server refuses, twice the poll, and what a machine that others use too may add.
        assertThat(holds.longestGapMillis())
                .isLessThan(PAUSED.plus(TRIMMING).toMillis() + 1_000 + stalls.allowanceMillis());
    }
}
