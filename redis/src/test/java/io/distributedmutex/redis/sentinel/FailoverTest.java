package io.distributedmutex.redis.sentinel;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.redis.live.Contenders;
import io.distributedmutex.redis.live.Instances;
import io.distributedmutex.redis.live.Survivors;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedRedisException;
import io.distributedmutex.testkit.server.EmbeddedSentinel;
import io.lettuce.core.RedisURI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The primary is killed, stopped, cut off, or replaced by plan: instances follow, and what survived goes on. */
@Timeout(120)
@LeavesNothing(
        warnings = {
            Contenders.WARNINGS,
            "not subscribed to pushes",
            "subscribed to pushes again",
            "Sentinel .* does not answer",
            "Sentinel .* does not let this user subscribe"
        })
class FailoverTest {

    private static final String CLIENT_NAME = "locks";

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private EmbeddedSentinel redis;
    private Instances instances;

    @BeforeEach
    void start() {
        redis = EmbeddedRedis.sentinel(1, 3)
                .downAfter(Duration.ofMillis(500))
                .proxied(true)
                .start();
        instances = new Instances(redis.uri().replace("#", "?clientName=" + CLIENT_NAME + "#"));
    }

    @AfterEach
    void stop() {
        instances.close();
        redis.close();
    }

    private DistributedMutex connect(String label) {
        return instances.add(label, Survivors.RENEWED);
    }

    @Test
    void afterAKillWhatSurvivedGoesOnAndWaitersQueueAgain() throws Exception {
        Survivors.goOn(instances, redis.primary(), redis::killPrimary);
    }

    /** The old primary is well, and takes writes for ten seconds more: nobody may hold or get a lock there. */
    @Test
    void aPlannedFailoverIsFollowedAtOnce() throws Exception {
        EmbeddedRedis before = redis.primary();
        Survivors.goOn(instances, before, () -> {
            EmbeddedRedis replica = redis.replicas().get(0);
            CompletableFuture<Long> following = CompletableFuture.supplyAsync(
                    () -> {
                        awaitAnotherIsNamedThan(before);
                        long named = System.nanoTime();
                        Await.until("both instances are there", () -> connections(replica) >= 4);
                        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - named);
                    },
                    OwnThread.EACH);

            redis.failOver();
            long followed = following.get(60, TimeUnit.SECONDS);

            assertThat(isPrimary(before)).isTrue();
            Await.until("nobody is left at the old one", () -> connections(before) == 0);
            System.out.println(
                    "both instances followed " + followed + " ms after the first Sentinel named another primary");
            assertThat(followed).isLessThan(2_000 + stalls.allowanceMillis());
            return replica;
        });
    }

    private static boolean isPrimary(EmbeddedRedis server) {
        try {
            return String.valueOf(server.command("ROLE")).startsWith("[master");
        } catch (EmbeddedRedisException e) {
            return false; // Whoever promotes a server also ends all connections to it.
        }
    }

    /** Those of our instances. */
    private static long connections(EmbeddedRedis server) {
        return String.valueOf(server.command("CLIENT", "LIST"))
                .lines()
                .filter(line -> line.contains(" name=" + CLIENT_NAME + " "))
                .count();
    }

    /** A Sentinel that has not heard of it yet names the old one; a later decision counts. */
    @Test
    void aSentinelThatIsLateMisleadsNobody() {
        redis.partition(redis.sentinels().get(2));
        DistributedMutex mutex = connect("A");
        EmbeddedRedis before = redis.primary();
        redis.failOver();
        redis.heal();
        // In a planned failover the old primary takes locks still, until the word of the Sentinels has come:
        // docs/topologies.md.
        Await.until("locks to be at the new primary", () -> {
            try (Lease probe = mutex.acquire("probe")) {
                return probe.isValid() && redis.primary().command("GET", "lock:probe") != null;
            }
        });

        Lease lease = mutex.acquire("k");

        assertThat(redis.primary()).isNotSameAs(before);
        assertThat(redis.primary().command("GET", "lock:k")).isNotNull();
        assertThat(lease.release()).isTrue();
    }

    /** There it would be taken for the rest of a minute, by nobody. */
    @Test
    @Tag("deep")
    void aReleaseThatTheNewPrimaryMissedIsSentAgain() {
        DistributedMutex mutex = connect("A").with(options -> options.leaseTime(Duration.ofMinutes(1)));
        Lease lease = mutex.acquire("k");
        redis.awaitReplicated();
        redis.replicas().get(0).command("REPLICAOF", "127.0.0.1", "1");
        assertThat(lease.release()).isTrue();

        EmbeddedRedis after = redis.killPrimary();

        mutex.acquire("k", Duration.ofSeconds(20)).release();
        assertThat(after.command("EXISTS", "lock:k")).isEqualTo(0L);
    }

    @Test
    @Tag("deep")
    void aSentinelThatDoesNotLetUsSubscribeIsAskedWhileLocksAreUsed() {
        RedisURI.Builder uri = RedisURI.builder().withSentinelMasterId(redis.name());
        for (EmbeddedRedis sentinel : redis.sentinels()) {
            sentinel.command("ACL", "SETUSER", "asker", "on", ">secret", "+@all", "-subscribe", "-psubscribe");
            uri.withSentinel(RedisURI.builder()
                    .withHost(sentinel.host())
                    .withPort(sentinel.port())
                    .withAuthentication("asker", "secret".toCharArray())
                    .build());
        }
        DistributedMutex mutex = instances.add(builder -> builder.uri(uri.build()));
        EmbeddedRedis after = redis.failOver();

        Await.until("a lock stands at the new primary", () -> {
            try (Lease lease = mutex.acquire("k")) {
                return lease.isValid() && after.command("EXISTS", "lock:k").equals(1L);
            }
        });
    }

    /**
     * Each Sentinel tells of the failover, and each question that this makes us ask is lost. The old primary takes writes for ten
     * seconds.
     */
    @Test
    void aQuestionThatASentinelDidNotAnswerIsAskedAgain() throws Exception {
        DistributedMutex mutex = connect("A");
        mutex.acquire("k").close();
        AtomicBoolean over = new AtomicBoolean();
        CompletableFuture<Void> cutting = CompletableFuture.runAsync(() -> cutEachQuestion(over), OwnThread.EACH);
        EmbeddedRedis after;
        try {
            after = redis.failOver();
            // The Sentinel that leads tells of it once more.
            Await.pass(Duration.ofSeconds(1));
        } finally {
            over.set(true);
        }
        cutting.get(20, TimeUnit.SECONDS);
        redis.heal();

        Await.until("a lock stands at the new primary", Duration.ofSeconds(4), () -> {
            try (Lease lease = mutex.acquire("k")) {
                return lease.isValid() && after.command("EXISTS", "lock:k").equals(1L);
            }
        });
    }

    /** The instance is idle, so nothing but a question brings a Sentinel so many bytes. */
    private void cutEachQuestion(AtomicBoolean over) {
        while (!over.get()) {
            redis.sentinels().forEach(sentinel -> redis.proxy(sentinel).cutAfter(Direction.TO_SERVER, 30));
            Await.pass(Duration.ofMillis(2));
        }
    }

    /** By hand, past the Sentinels, which take half a minute to do something about it. */
    @Test
    @Tag("deep")
    void aPrimaryThatIsDemotedByHandIsLeftAsSoonAsTheSentinelsNameAnother() {
        DistributedMutex mutex = connect("A");
        mutex.acquire("k").close();
        EmbeddedRedis before = redis.primary();
        EmbeddedRedis replica = redis.replicas().get(0);
        replica.command("REPLICAOF", "NO", "ONE");
        before.command("REPLICAOF", "127.0.0.1", Integer.toString(redis.port(replica)));

        try (Lease lease = mutex.acquire("k", Duration.ofSeconds(60))) {
            assertThat(lease.isValid()).isTrue();
        }
    }

    @Test
    void contendersOverAPlannedFailover() throws Exception {
        load(redis::failOver);
    }

    @Test
    @Tag("deep")
    void contendersOverAKill() throws Exception {
        load(redis::killPrimary);
    }

    /** Its connections stay open, and new ones are accepted by the kernel. When it goes on it believes to be the primary. */
    @Test
    @Tag("deep")
    void contendersOverAPrimaryThatStandsStill() throws Exception {
        load(() -> {
            EmbeddedRedis before = redis.primary();
            before.pause();
            redis.awaitPrimaryOtherThan(before);
            before.resume();
        });
    }

    /** What the Sentinels say gets lost for ever on the connections of now, as when a firewall has forgotten them. */
    @Test
    @Tag("deep")
    void contendersOverAPlannedFailoverThatNoSentinelCouldTell() throws Exception {
        load(() -> {
            redis.sentinels().forEach(sentinel -> redis.proxy(sentinel).swallow());
            redis.failOver();
        });
    }

    private void load(Runnable failover) throws Exception {
        EmbeddedRedis before = redis.primary();
        Contenders.contend(
                List.of(connect("A"), connect("B")), failover, () -> awaitAnotherIsNamedThan(before), stalls);
    }

    private void awaitAnotherIsNamedThan(EmbeddedRedis before) {
        String port = Integer.toString(redis.port(before));
        Await.until(
                "a Sentinel names another",
                () -> redis.sentinels().stream()
                        .map(sentinel -> sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", redis.name()))
                        .anyMatch(address -> address instanceof List<?> parts && !port.equals(parts.get(1))));
    }
}
