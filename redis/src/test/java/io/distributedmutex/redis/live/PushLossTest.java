package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The connection on which grants are pushed is lost before, during or after a release, because the server kills
 * it (CLIENT KILL) or the network cuts it.
 */
@WithRedis
@LeavesNothing(warnings = "AT RISK")
class PushLossTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private static final String KEY = "pushed";
    private static final int ROUNDS = 7;
    private static final double POLL_MILLIS = 250;
    /** For a round trip, a wake-up and a noisy machine. */
    private static final double MARGIN_MILLIS = 150;

    private final EmbeddedRedis redis;
    private FaultyProxy proxy;
    private Instances instances;

    PushLossTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void start() {
        proxy = FaultyProxy.to(redis.port());
        instances = new Instances(redis);
    }

    @AfterEach
    void stop() {
        instances.close();
        proxy.close();
        RedisContents.assertNothingLeft(redis);
    }

    /** How and when the waiter's push connection is lost. */
    private enum Loss {
        KILLED_BEFORE,
        KILLED_DURING,
        KILLED_AFTER,
        CUT_BEFORE,
        CUT_DURING,
        CUT_AFTER
    }

    @ParameterizedTest
    @EnumSource
    void aWaiterWhosePushConnectionIsLostAroundTheReleaseIsServedWithinOnePoll(Loss loss) throws Exception {
        DistributedMutex holder = instances.add("holder");
        DistributedMutex waiter = instances.add(builder -> builder.uri(proxy.uri()));
        Figures delays = new Figures("release to grant, push connection " + loss);
        for (int round = 0; round < ROUNDS; round++) {
            // Also the traces of the round before: a connection that is not back yet would not be cut.
            Await.until("both to be subscribed", () -> subscribers() == 2 && proxy.connections() == 2);
            Lease held = holder.acquire(KEY);
            CompletableFuture<Long> granted = timeOfGrant(waiter);
            Await.until("the waiter to queue", () -> RedisContents.waiters(redis, "lock:" + KEY) == 1);

            long released = releaseWhileLosing(held, loss, round);

            delays.addNanos(granted.get(20, TimeUnit.SECONDS) - released);
            proxy.heal();
            Await.until(
                    "the waiter's release", () -> RedisContents.leftovers(redis).isEmpty());
        }
        delays.print();
        assertThat(delays.median()).isLessThan(POLL_MILLIS + MARGIN_MILLIS / 3 + stalls.allowanceMillis());
        assertThat(delays.maximum()).isLessThan(POLL_MILLIS + MARGIN_MILLIS + stalls.allowanceMillis());
    }

    /** Returns when the release began. */
    private long releaseWhileLosing(Lease held, Loss loss, int round) throws Exception {
        CompletableFuture<Void> killing = CompletableFuture.completedFuture(null);
        switch (loss) {
            case KILLED_BEFORE -> cut();
            case CUT_BEFORE -> proxy.cut();
            case KILLED_DURING -> killing = CompletableFuture.runAsync(this::cut, OwnThread.EACH);
            // Within the push, which has more bytes than that; or within a poll's answer, should one be on its way.
            case CUT_DURING -> proxy.cutAfter(Direction.TO_CLIENT, 7L * round);
            default -> {}
        }
        long released = System.nanoTime();
        held.close();
        switch (loss) {
            case KILLED_AFTER -> cut();
            case CUT_AFTER -> proxy.cut();
            default -> killing.get(20, TimeUnit.SECONDS);
        }
        return released;
    }

    @Test
    void allWaitersAreServedThoughEveryPushIsCutAgainAndAgain() throws Exception {
        List<DistributedMutex> mutexes = instances.add(
                5, LockOptions.builder().waitTime(Duration.ofSeconds(20)).build());
        Lease held = mutexes.get(0).acquire(KEY);
        List<CompletableFuture<Long>> granted = new ArrayList<>();
        for (DistributedMutex mutex : mutexes.subList(1, 5)) {
            granted.add(timeOfGrant(mutex));
        }
        Await.until("all to queue", () -> RedisContents.waiters(redis, "lock:" + KEY) == 4);
        long released = System.nanoTime();
        held.close();
        Figures delays = new Figures("release to grant of the 1st to 4th waiter, all pushes cut all the time");
        Await.until("all to be served", () -> {
            cut();
            return granted.stream().allMatch(CompletableFuture::isDone);
        });
        for (CompletableFuture<Long> each : granted) {
            delays.addNanos(each.get() - released);
        }
        delays.print();
        // Each waits for its own poll at worst; a grant that was pushed into a dead connection is found by that poll
        // too.
        assertThat(delays.maximum()).isLessThan(4 * (POLL_MILLIS + MARGIN_MILLIS) + stalls.allowanceMillis());
    }

    /** The time at which the lease was there; it is given back at once. */
    private static CompletableFuture<Long> timeOfGrant(DistributedMutex mutex) {
        return mutex.acquireAsync(KEY).thenApply(lease -> {
            long now = System.nanoTime();
            assertThat(lease.isValid()).isTrue();
            lease.close();
            return now;
        });
    }

    private void cut() {
        redis.command("CLIENT", "KILL", "TYPE", "pubsub");
    }

    private int subscribers() {
        return ((List<?>) redis.command("PUBSUB", "CHANNELS", "dmutex:grants:*")).size();
    }
}
