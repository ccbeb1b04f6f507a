package io.distributedmutex.redis.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.StaleTokenException;
import io.distributedmutex.redis.FencedWrites;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.SlotHash;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Data in Redis that refuses the writes of holders whose lease is over. */
class FencedWritesTest {

    private static final String KEY = "tenant:123:settings";

    private static EmbeddedRedis server;
    private static RedisClient client;
    private static RedisCommands<String, String> redis;

    private final FencedWrites writes = FencedWrites.on(redis);

    @BeforeAll
    static void start() {
        server = EmbeddedRedis.start();
        client = RedisClient.create(server.uri());
        redis = client.connect().sync();
    }

    @AfterAll
    static void stop() {
        client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        server.close();
    }

    @BeforeEach
    void empty() {
        redis.flushall();
    }

    @Test
    void whoWasOvertakenCanNoLongerWrite() {
        try (DistributedMutex mutex = RedisMutex.connect(server.uri())) {
            Lease late = mutex.with(o -> o.leaseTime(Duration.ofMillis(50))).acquire("tenant:123");
            writes.set(late, KEY, "first");
            Await.until(() -> late.state() == LeaseState.LOST);
            Lease current = mutex.acquire("tenant:123");
            writes.set(current, KEY, "second");

            assertThatExceptionOfType(StaleTokenException.class)
                    .isThrownBy(() -> writes.set(late, KEY, "stale"))
                    .withMessage("the fencing token " + late.fencingToken() + " for '" + KEY + "' is stale: "
                            + current.fencingToken()
                            + " has been seen, so another holder has got the lease since; stop, and undo this write")
                    .satisfies(e -> {
                        assertThat(e.resource()).isEqualTo(KEY);
                        assertThat(e.token()).isEqualTo(late.fencingToken());
                        assertThat(e.seenToken()).isEqualTo(current.fencingToken());
                    });
            assertThatExceptionOfType(StaleTokenException.class).isThrownBy(() -> writes.del(late, KEY));
            assertThatExceptionOfType(StaleTokenException.class)
                    .isThrownBy(() -> writes.hset(late, KEY, Map.of("a", "b")));
            assertThatExceptionOfType(StaleTokenException.class).isThrownBy(() -> writes.check(late, KEY));
            assertThat(redis.get(KEY)).isEqualTo("second");
            current.close();
        }
    }

    @Test
    void aHolderWritesAsOftenAsItWants() {
        writes.write(7, "SET", KEY, "a");
        writes.write(7, "APPEND", KEY, "b");
        assertThat(redis.get(KEY)).isEqualTo("ab");
        assertThat(writes.write(7, "GETSET", KEY, "c")).isEqualTo("ab");
    }

    @Test
    void repliesAreThoseOfTheCommand() {
        assertThat(writes.write(1, "RPUSH", "list", "a", "b")).isEqualTo(2L);
        assertThat(writes.write(1, "LPOP", "list", "2")).isEqualTo(List.of("a", "b"));
        assertThat(writes.write(1, "LPOP", "list")).isNull();
        assertThat(writes.write(1, "SET", "text", "v")).isEqualTo("OK");
    }

    @Test
    void hashesAndDeletions() {
        try (DistributedMutex mutex = RedisMutex.connect(server.uri());
                Lease lease = mutex.acquire("k")) {
            writes.hset(lease, KEY, Map.of("a", "1", "b", "2"));
            assertThat(redis.hgetall(KEY)).isEqualTo(Map.of("a", "1", "b", "2"));
            assertThat(writes.del(lease, KEY)).isTrue();
            assertThat(writes.del(lease, KEY)).isFalse();
            assertThatExceptionOfType(StaleTokenException.class)
                    .as("the fence stays")
                    .isThrownBy(() -> writes.write(lease.fencingToken() - 1, "SET", KEY, "stale"));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writes.hset(lease, KEY, Map.of()))
                    .withMessage("no field is given for '" + KEY + "'");
        }
    }

    @Test
    void aCheckKeepsEarlierHoldersOut() {
        try (DistributedMutex mutex = RedisMutex.connect(server.uri());
                Lease lease = mutex.acquire("k")) {
            writes.check(lease, KEY);
            assertThat(redis.exists(KEY)).isZero();
            assertThatExceptionOfType(StaleTokenException.class)
                    .isThrownBy(() -> writes.write(lease.fencingToken() - 1, "SET", KEY, "stale"));
        }
    }

    @Test
    void eachKeyHasAFenceOfItsOwnWhichIsForgottenInTheEnd() {
        writes.write(9, "SET", "a", "v");
        writes.write(3, "SET", "b", "v");
        assertThat(redis.pttl("dmutex:fence:{a}"))
                .isBetween(Duration.ofDays(29).toMillis(), Duration.ofDays(30).toMillis());
        writes.remembering(Duration.ofSeconds(1)).write(9, "SET", "a", "v");
        assertThat(redis.pttl("dmutex:fence:{a}")).isBetween(1L, 1_000L);
        writes.remembering(Duration.ZERO).write(9, "SET", "a", "v");
        assertThat(redis.pttl("dmutex:fence:{a}")).isEqualTo(-1);
    }

    @Test
    void aServerThatForgotTheScriptGetsItAgain() {
        writes.write(1, "SET", KEY, "a");
        redis.scriptFlush();
        writes.write(2, "SET", KEY, "b");
        assertThat(redis.get(KEY)).isEqualTo("b");
    }

    /** Whatever the order in which the writes arrive, what stands there in the end is of the greatest token. */
    @Test
    void manyWritersAtOnceAgreeOnTheGreatestToken() throws Exception {
        List<FutureTask<Integer>> writers = new ArrayList<>();
        for (int writer = 0; writer < 4; writer++) {
            SplittableRandom random = new SplittableRandom(writer);
            FencedWrites own = FencedWrites.on(client.connect().sync());
            writers.add(new FutureTask<>(() -> {
                int refused = 0;
                for (int i = 0; i < 250; i++) {
                    long token = random.nextLong(1, 1_000);
                    try {
                        own.write(token, "RPUSH", "written", Long.toString(token));
                    } catch (StaleTokenException e) {
                        refused++;
                    }
                }
                return refused;
            }));
        }
        writers.forEach(writer -> new Thread(writer).start());
        int refused = 0;
        for (FutureTask<Integer> writer : writers) {
            refused += writer.get();
        }
        List<Long> written =
                redis.lrange("written", 0, -1).stream().map(Long::valueOf).toList();
        assertThat(written).hasSize(1_000 - refused).isSorted();
        assertThat(refused).isPositive();
    }

    @Test
    void aFenceStandsInTheSlotOfItsKey() {
        for (String key :
                List.of("plain", "a{b", "{user:1}:cart", "x{user:1}y{z}", "a}b{c}d", "with space", "\u00e4")) {
            redis.flushall();
            writes.write(1, "SET", key, "v");
            String fence =
                    key.contains("{") && key.contains("}") ? "dmutex:fence:" + key : "dmutex:fence:{" + key + "}";
            assertThat(redis.exists(fence, key)).as(key).isEqualTo(2);
            assertThat(redis.dbsize()).as(key).isEqualTo(2);
            assertThat(SlotHash.getSlot(fence)).as(key).isEqualTo(SlotHash.getSlot(key));
        }
        for (String key : List.of("", "a}b", "{}a", "{}{a}")) {
            assertThatIllegalArgumentException()
                    .as(key)
                    .isThrownBy(() -> writes.write(1, "SET", key, "v"))
                    .withMessageContaining("no fence in the slot of the key '" + key + "'");
        }
    }

    @Test
    void whatIsNoFencingTokenIsRefusedBeforeItIsSent() {
        for (long token : new long[] {0, -1, Long.MIN_VALUE, 1L << 53, Long.MAX_VALUE}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writes.write(token, "SET", KEY, "v"))
                    .withMessage("fencingToken must be a number from 1 to 2^53 - 1, but is '" + token + "'");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> writes.remembering(Duration.ofMillis(999)))
                .withMessage("time (zero: for ever) must be from 1000 ms to 365 days, but is 999 ms");
        assertThatIllegalArgumentException().isThrownBy(() -> writes.remembering(Duration.ofDays(366)));
        assertThat(redis.dbsize()).isZero();
    }

    @Test
    void otherDataInThePlaceOfTheFenceOrTheKeyIsAnErrorOfTheServer() {
        redis.set("dmutex:fence:{" + KEY + "}", "no token");
        assertThatExceptionOfType(RedisCommandExecutionException.class)
                .isThrownBy(() -> writes.write(1, "SET", KEY, "v"))
                .withMessageContaining("the fence holds no fencing token: dmutex:fence:{" + KEY + "}");
        redis.set("dmutex:fence:{" + KEY + "}", "99999999999999999999");
        assertThatExceptionOfType(RedisCommandExecutionException.class)
                .isThrownBy(() -> writes.write(1, "SET", KEY, "v"))
                .withMessageContaining("the fence holds no fencing token");
        redis.rpush("list", "a");
        assertThatExceptionOfType(RedisCommandExecutionException.class)
                .isThrownBy(() -> writes.write(1, "HSET", "list", "field", "v"))
                .withMessageContaining("WRONGTYPE");
    }
}
