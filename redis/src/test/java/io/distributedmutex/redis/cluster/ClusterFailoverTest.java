package io.distributedmutex.redis.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LossReason;
import io.distributedmutex.redis.live.Contenders;
import io.distributedmutex.redis.live.Instances;
import io.distributedmutex.redis.live.Survivors;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedRedisException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A master is killed, stopped, or replaced by plan: instances follow, and what survived goes on. */
@Timeout(120)
@LeavesNothing(warnings = Contenders.WARNINGS)
class ClusterFailoverTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private EmbeddedCluster redis;
    private EmbeddedRedis master;
    private Instances instances;

    @BeforeEach
    void start() {
        redis = EmbeddedRedis.cluster(3, 1)
                .executable(Clusters.installed().path())
                .nodeTimeout(Duration.ofSeconds(1))
                .password("data")
                .start();
        master = redis.masterOf(redis.slotOf("lock:k"));
        instances = new Instances(Clusters.uri(redis).replace("//", "//:data@"));
    }

    @AfterEach
    void stop() {
        redis.nodes().stream().filter(EmbeddedRedis::isPaused).forEach(EmbeddedRedis::resume);
        instances.close();
        redis.close();
    }

    private DistributedMutex connect(String label) {
        return instances.add(label, Survivors.RENEWED);
    }

    @Test
    void afterAKillWhatSurvivedGoesOnAndWaitersQueueAgain() throws Exception {
        Survivors.goOn(instances, master, () -> redis.killMaster(master));
    }

    /** From now on the replica of the master hears nothing: it gets no connection any more. */
    private EmbeddedRedis cutOffReplica() {
        Survivors.awaitReplicated(master);
        EmbeddedRedis replica = redis.replicasOf(master).get(0);
        replica.command("CONFIG", "SET", "masterauth", "wrong");
        master.command("CLIENT", "KILL", "TYPE", "replica");
        return replica;
    }

    /** What the replica never heard of is lost, and its holder hears of it. */
    @Test
    @Tag("deep")
    void aLockThatTheReplicaMissedIsLostAndItsHolderIsTold() {
        DistributedMutex mutex = connect("A");
        mutex.acquire("k").close();
        cutOffReplica();
        Lease lease = mutex.acquire("k");

        EmbeddedRedis after = redis.killMaster(master);

        Await.until("the holder knows", () -> lease.state() == LeaseState.LOST);
        assertThat(lease.lossReason())
                .hasValueSatisfying(
                        reason -> assertThat(reason).isIn(LossReason.TAKEN, LossReason.REVOKED, LossReason.STORE_LOST));
        try (Lease next = mutex.acquire("k", Duration.ofSeconds(20))) {
            assertThat(next.fencingToken()).isGreaterThan(lease.fencingToken());
            assertThat(after.command("GET", "lock:k")).isNotNull();
        }
    }

    /** There it would be taken for the rest of a minute, by nobody. */
    @Test
    @Tag("deep")
    void aReleaseThatTheNewMasterMissedIsSentAgain() {
        DistributedMutex mutex = connect("A").with(options -> options.leaseTime(Duration.ofMinutes(1)));
        Lease lease = mutex.acquire("k");
        cutOffReplica();
        assertThat(lease.release()).isTrue();

        EmbeddedRedis after = redis.killMaster(master);

        mutex.acquire("k", Duration.ofSeconds(20)).release();
        assertThat(after.command("EXISTS", "lock:k")).isEqualTo(0L);
    }

    @Test
    void contendersOverAPlannedFailover() throws Exception {
        load(() -> redis.failOver(redis.replicasOf(master).get(0)));
    }

    @Test
    @Tag("deep")
    void contendersOverAKill() throws Exception {
        load(() -> redis.killMaster(master));
    }

    @Test
    @Tag("deep")
    void contendersOverAMasterThatStandsStill() throws Exception {
        load(() -> {
            master.pause();
            Await.until("another is the master", () -> redis.masterOf(redis.slotOf("lock:k")) != master);
            master.resume();
        });
    }

    private void load(Runnable failover) throws Exception {
        Contenders.contend(List.of(connect("A"), connect("B")), failover, this::awaitAnotherIsNamed, stalls);
    }

    private void awaitAnotherIsNamed() {
        int slot = redis.slotOf("lock:k");
        String port = Integer.toString(redis.port(master));
        Await.until(
                "a node names another",
                () -> redis.nodes().stream()
                        .filter(node -> node.isAlive() && !node.isPaused())
                        .anyMatch(node -> isNamed(node, slot, port)));
    }

    private static boolean isNamed(EmbeddedRedis node, int slot, String port) {
        try {
            return node.command("CLUSTER", "SLOTS") instanceof List<?> ranges
                    && ranges.stream()
                            .anyMatch(each -> each instanceof List<?> range
                                    && (Long) range.get(0) <= slot
                                    && slot <= (Long) range.get(1)
                                    && range.get(2) instanceof List<?> parts
                                    && !port.equals(String.valueOf(parts.get(1))));
        } catch (EmbeddedRedisException e) {
            return false;
        }
    }
}
