package io.distributedmutex.redis.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LossReason;
import io.distributedmutex.StoreException;
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

/** A master is cut off from the other nodes: it refuses commands after a while, and its replica takes over. */
@Timeout(120)
@LeavesNothing(warnings = Contenders.WARNINGS)
class CutOffMasterTest {

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
                .proxied(true)
                .start();
        master = redis.masterOf(redis.slotOf("lock:k"));
        instances = new Instances(Clusters.uri(redis));
    }

    @AfterEach
    void stop() {
        redis.heal();
        instances.close();
        redis.close();
    }

    private DistributedMutex connect(String label) {
        return instances.add(label, Survivors.RENEWED);
    }

    private EmbeddedRedis awaitReplaced() {
        int slot = redis.slotOf("lock:k");
        Await.until("another is the master", () -> redis.masterOf(slot) != master);
        return redis.masterOf(slot);
    }

    private EmbeddedRedis cutOff() {
        redis.split(List.of(master));
        return awaitReplaced();
    }

    private boolean refuses() {
        try {
            master.command("GET", "lock:k");
            return false;
        } catch (EmbeddedRedisException e) {
            return e.getMessage().contains("CLUSTERDOWN");
        }
    }

    /** All keys are at that master, so they know no other one that they could ask. */
    @Test
    void whoReachesAllNodesFollowsToTheReplicaWhileTheMasterIsCutOff() throws Exception {
        Survivors.goOn(instances, master, this::cutOff);

        assertThat(refuses()).as("still cut off").isTrue();
    }

    @Test
    void whatItGrantsBehindTheCutIsLostAndItsHolderIsTold() {
        DistributedMutex mutex = connect("A");
        mutex.acquire("k").close();
        Survivors.awaitReplicated(master);
        // For so long it grants behind the cut. The others replace it in the usual time.
        master.command("CONFIG", "SET", "cluster-node-timeout", "6000");

        redis.split(List.of(master));
        Lease lease = mutex.acquire("k");
        awaitReplaced();

        Await.until("the holder knows", () -> lease.state() == LeaseState.LOST);
        assertThat(lease.lossReason())
                .hasValueSatisfying(
                        reason -> assertThat(reason).isIn(LossReason.TAKEN, LossReason.REVOKED, LossReason.STORE_LOST));
        try (Lease next = connect("B").acquire("k")) {
            assertThat(next.fencingToken()).isGreaterThan(lease.fencingToken());
        }
        redis.heal();
        Await.until(
                "the old master follows the new one",
                () -> String.valueOf(master.command("ROLE")).startsWith("[slave"));
        mutex.acquire("k").close();
    }

    /** Nothing lasts there for longer than a lease, and nothing new begins. */
    @Test
    void whoIsCutOffWithItHoldsWhatItHasUntilTheLeaseEnds() {
        DistributedMutex mutex = connect("A");
        Lease lease = mutex.acquire("k");
        String other = Clusters.keyOn(redis, master, "other");
        redis.nodes().stream().filter(node -> node != master).forEach(redis::partition);

        redis.split(List.of(master));

        Await.until("the master refuses", this::refuses);
        assertThatThrownBy(() -> mutex.tryAcquire(other)).isInstanceOf(StoreException.class);
        Await.until("it is told of the end", () -> lease.state() == LeaseState.LOST);
        assertThat(lease.lossReason()).hasValue(LossReason.EXPIRED);
        redis.heal();
        try (Lease next = mutex.acquire("k")) {
            assertThat(next.fencingToken()).isGreaterThan(lease.fencingToken());
        }
    }

    @Test
    @Tag("deep")
    void contendersOverACut() throws Exception {
        Contenders.contend(List.of(connect("A"), connect("B")), this::cutOff, this::awaitReplaced, stalls);
    }

    /** A cut that is over before anybody is missed costs nothing. */
    @Test
    void aShortCutIsNotNoticed() {
        DistributedMutex mutex = connect("A");
        Lease lease = mutex.acquire("k");
        // Nor is it missed where the machine stalls meanwhile.
        redis.nodes().forEach(node -> node.command("CONFIG", "SET", "cluster-node-timeout", "60000"));

        redis.split(List.of(master));
        mutex.acquire("other").close();
        redis.heal();

        mutex.acquire("other").close();
        lease.extend(Duration.ofSeconds(6));
        assertThat(redis.masterOf(redis.slotOf("lock:k"))).isSameAs(master);
        assertThat(lease.release()).isTrue();
    }
}
