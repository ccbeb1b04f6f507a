package io.distributedmutex.redis.takeover;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.redis.live.RedisContents;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.ChildProcess;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The process that waits first is killed or stopped, just before or just after its grant. */
@WithRedis
@Tag("deep")
class HeadWaiterTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private static final String KEY = "head";
    private static final String LOCK = "lock:" + KEY;
    private static final long CLAIM_MILLIS = 2_000;
    /** For the poll that the next one sends when the claim ends. */
    private static final long MARGIN_MILLIS = 300;

    private final EmbeddedRedis redis;

    HeadWaiterTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @ParameterizedTest(name = "{0} {1} its grant")
    @CsvSource({"KILL, before", "KILL, after", "STOP, before", "STOP, after"})
    void theNextIsServedWithinTheClaimTime(String signal, String when) throws Exception {
        try (FaultyProxy proxy = FaultyProxy.to(redis.port());
                ChildProcess head = LockProcess.start(proxy.uri());
                DistributedMutex holder = RedisMutex.connect(redis.uri());
                DistributedMutex next = RedisMutex.connect(redis.uri())) {
            Lease held = holder.acquire(KEY);
            head.tell("acquire " + KEY + " 60000");
            Await.until("the head to queue", () -> RedisContents.waiters(redis, LOCK) == 1);
            CompletableFuture<Lease> asked =
                    next.with(o -> o.waitTime(Duration.ofSeconds(20))).acquireAsync(KEY);
            Await.until("the next to queue", () -> RedisContents.waiters(redis, LOCK) == 2);
            CompletableFuture<Long> served = asked.thenApply(lease -> System.nanoTime());

            // It is granted the key and does not hear of it: else it would claim it before it dies.
            proxy.hold(Direction.TO_CLIENT);
            if (when.equals("before")) {
                head.signal(signal);
            } else {
                // Nor may a poll of it claim the key before the signal comes.
                proxy.hold(Direction.TO_SERVER);
            }
            long released = System.nanoTime();
            assertThat(held.release()).isTrue();
            if (when.equals("after")) {
                head.signal(signal);
            }

            long millis = (served.get(20, TimeUnit.SECONDS) - released) / 1_000_000;
            System.out.println(signal + " " + when + " its grant: the next was served after " + millis + " ms");
            assertThat(millis).isLessThan(CLAIM_MILLIS + MARGIN_MILLIS + stalls.allowanceMillis());
            Lease lease = asked.get();
            assertThat(lease.isValid()).isTrue();
            assertThat(lease.fencingToken()).isGreaterThan(held.fencingToken());
            if (signal.equals("STOP")) {
                goesOnAndWaitsForItsTurn(head, proxy, lease);
            } else {
                assertThat(lease.release()).isTrue();
            }
        }
        RedisContents.assertNothingLeft(redis, Duration.ofSeconds(5));
    }

    /** Where Redis has seen the connection of the dead one close, its turn costs nothing. */
    @Test
    void theNextIsServedAtOnceIfTheConnectionOfADeadHeadIsClosed() throws Exception {
        try (ChildProcess head = LockProcess.start(redis.uri());
                DistributedMutex holder = RedisMutex.connect(redis.uri());
                DistributedMutex next = RedisMutex.connect(redis.uri())) {
            Lease held = holder.acquire(KEY);
            head.tell("acquire " + KEY + " 60000");
            Await.until("the head to queue", () -> RedisContents.waiters(redis, LOCK) == 1);
            CompletableFuture<Lease> asked = next.acquireAsync(KEY);
            Await.until("the next to queue", () -> RedisContents.waiters(redis, LOCK) == 2);
            head.kill();
            Await.until("its connection to be closed", () -> subscribers() == 2);

            long released = System.nanoTime();
            assertThat(held.release()).isTrue();

            Lease lease = asked.get(20, TimeUnit.SECONDS);
            assertThat((System.nanoTime() - released) / 1_000_000).isLessThan(MARGIN_MILLIS + stalls.allowanceMillis());
            assertThat(lease.release()).isTrue();
        }
        RedisContents.assertNothingLeft(redis);
    }

    private int subscribers() {
        return ((List<?>) redis.command("PUBSUB", "CHANNELS", "dmutex:grants:*")).size();
    }

    /** The push of the grant that has ended arrives now, and must not be believed. */
    private void goesOnAndWaitsForItsTurn(ChildProcess head, FaultyProxy proxy, Lease lease) {
        proxy.heal();
        head.signal("CONT");
        Await.until("the head to queue again", () -> RedisContents.waiters(redis, LOCK) == 1);
        assertThat(head.isSilent()).isTrue();
        assertThat(lease.isValid()).isTrue();
        assertThat(lease.release()).isTrue();
        assertThat(Long.parseLong(head.expect("granted")[2])).isGreaterThan(lease.fencingToken());
        head.tell("release " + KEY);
        assertThat(head.expect("released")).containsExactly("released", "true", "true", "RELEASED");
    }
}
