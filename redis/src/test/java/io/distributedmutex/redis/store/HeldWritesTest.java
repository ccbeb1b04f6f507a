package io.distributedmutex.redis.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LossReason;
import io.distributedmutex.redis.HeldWrites;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.spi.StoredLease;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.api.sync.RedisAdvancedClusterCommands;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** Data in Redis that is written only while the server knows the lease as the owner of its lock. */
@ParameterizedClass
@MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
class HeldWritesTest {

    private static final String KEY = "tenant:123";
    private static final String LOCK = "lock:" + KEY;
    private static final String DATA = "tenant:123:settings";

    private final RedisExecutable executable;
    private final EmbeddedRedis server;
    private final RedisClient client;
    private final RedisCommands<String, String> redis;
    private final HeldWrites writes;
    private final DistributedMutex mutex;

    HeldWritesTest(RedisExecutable executable) {
        this.executable = executable;
        server = EmbeddedRedis.builder().executable(executable.path()).start();
        client = RedisClient.create(server.uri());
        redis = client.connect().sync();
        writes = HeldWrites.on(redis);
        mutex = RedisMutex.connect(server.uri());
    }

    @AfterEach
    void stop() {
        mutex.close();
        client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        server.close();
    }

    // ---- while it is held

    @Test
    void aHolderWritesHoweverItGotTheLock() throws Exception {
        try (DistributedMutex other = RedisMutex.connect(server.uri())) {
            Lease first = mutex.acquire(KEY);
            assertThat(redis.get(LOCK)).as("taken without a script").contains("||");
            writes.set(first, DATA, "alone");
            assertThat(redis.get(DATA)).isEqualTo("alone");

            CompletableFuture<Lease> waiting = other.acquireAsync(KEY);
            Await.until(() -> redis.get(LOCK).contains("!|"));
            writes.set(first, DATA, "followed");
            assertThat(redis.get(DATA)).isEqualTo("followed");

            first.close();
            Lease second = waiting.get(10, TimeUnit.SECONDS);
            assertThat(redis.get(LOCK)).as("granted by a script").contains("|" + second.fencingToken() + "|");
            writes.set(second, DATA, "handed on");
            assertThat(redis.get(DATA)).isEqualTo("handed on");
            second.close();
        }
    }

    @Test
    void hashesDeletionsAndOtherCommands() {
        try (Lease lease = mutex.acquire(KEY)) {
            writes.hset(lease, DATA, Map.of("a", "1", "b", "2"));
            assertThat(redis.hgetall(DATA)).isEqualTo(Map.of("a", "1", "b", "2"));
            assertThat(writes.del(lease, DATA)).isTrue();
            assertThat(writes.del(lease, DATA)).isFalse();
            assertThat(writes.write(lease, "RPUSH", DATA, "a", "b")).isEqualTo(2L);
            assertThat(writes.write(lease, "LPOP", DATA, "2")).isEqualTo(List.of("a", "b"));
            assertThat(writes.write(lease, "LPOP", DATA)).isNull();
            assertThat(writes.write(lease, "SET", DATA, "v")).isEqualTo("OK");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writes.hset(lease, DATA, Map.of()))
                    .withMessage("no field is given for '" + DATA + "'");
        }
    }

    @Test
    void aScriptSeesItsOwnKeysAndArgumentsAndNothingElse() {
        try (Lease lease = mutex.acquire(KEY)) {
            String counts = "return {#KEYS, KEYS[1], KEYS[2], #ARGV, ARGV[1]} -- and a comment at the end";
            assertThat(writes.eval(lease, counts, List.of("a", "b"), "x")).isEqualTo(List.of(2L, "a", "b", 1L, "x"));
            assertThat(writes.eval(lease, "return {#KEYS, #ARGV}", List.of())).isEqualTo(List.of(0L, 0L));
            String incremented = """
                    local before = tonumber(redis.call('GET', KEYS[1]) or '0')
                    redis.call('SET', KEYS[1], before + ARGV[1])
                    return before
                    """;
            assertThat(writes.eval(lease, incremented, List.of(DATA), "5")).isEqualTo(0L);
            assertThat(writes.eval(lease, incremented, List.of(DATA), "5")).isEqualTo(5L);
            assertThat(redis.get(DATA)).isEqualTo("10");
            assertThat(writes.eval(lease, "local x = 1", List.of()))
                    .as("no reply")
                    .isNull();
            assertThat(writes.eval(lease, "return false", List.of())).isNull();
            assertThat(writes.eval(lease, "return {}", List.of())).isEqualTo(List.of());
            for (String name : List.of("token", "value", "lock", "body", "owns")) {
                assertThatExceptionOfType(RedisCommandExecutionException.class)
                        .as(name)
                        .isThrownBy(() -> writes.eval(lease, "return " + name, List.of()))
                        .withMessageContaining("global variable '" + name + "'");
            }
        }
    }

    @Test
    void errorsOfAScriptAreThoseOfTheServer() {
        redis.rpush("list", "a");
        try (Lease lease = mutex.acquire(KEY)) {
            assertThatExceptionOfType(RedisCommandExecutionException.class)
                    .isThrownBy(() -> writes.hset(lease, "list", Map.of("f", "v")))
                    .withMessageContaining("WRONGTYPE");
            assertThatExceptionOfType(RedisCommandExecutionException.class)
                    .isThrownBy(() -> writes.eval(lease, "\nerror('boom')", List.of()))
                    .withMessageContaining(":2: boom");
            assertThatExceptionOfType(RedisCommandExecutionException.class)
                    .isThrownBy(() -> writes.eval(lease, "return redis.error_reply('OURS says no')", List.of()))
                    .withMessageContaining("OURS says no");
            assertThatExceptionOfType(RedisCommandExecutionException.class)
                    .isThrownBy(() -> writes.eval(lease, "return redis.pcall('LPOP')", List.of()));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writes.eval(lease, "#!lua flags=no-writes\nreturn 1", List.of()))
                    .withMessage("the script must not begin with '#!': it runs within another one");
        }
    }

    @Test
    void aServerThatForgotTheScriptGetsItAgain() {
        try (Lease lease = mutex.acquire(KEY)) {
            writes.set(lease, DATA, "a");
            redis.scriptFlush();
            writes.set(lease, DATA, "b");
            assertThat(redis.get(DATA)).isEqualTo("b");
        }
    }

    // ---- when it is not

    @Test
    void nothingIsWrittenOnceTheLockIsGone() {
        Lease lease = mutex.acquire(KEY);
        assertThat(redis.del(LOCK)).isEqualTo(1);
        assertThat(lease.isValid()).as("nobody has told its instance").isTrue();
        refused(LossReason.REVOKED, lease, "not held on this server: nobody has the lock '" + LOCK + "'");
    }

    @Test
    void nothingIsWrittenOnceAnotherHasTheLock() {
        try (DistributedMutex other = RedisMutex.connect(server.uri())) {
            Lease lease = mutex.acquire(KEY);
            assertThat(redis.del(LOCK)).isEqualTo(1);
            Lease successor = other.acquire(KEY);
            refused(LossReason.TAKEN, lease, "not held on this server: somebody else has the lock '" + LOCK + "'");
            writes.set(successor, DATA, "of the successor");
            assertThat(redis.get(DATA)).isEqualTo("of the successor");
            successor.close();
        }
    }

    /** Foreign values, ones that only begin alike, and a key that is released but kept taken. */
    @Test
    void onlyTheWholeTokenOwns() {
        Lease lease = mutex.acquire(KEY);
        String token = ((StoredLease) lease).token();
        for (String value : List.of(
                "",
                "foreign",
                token,
                token + "x||label",
                token.substring(0, 21) + "||label",
                "-||label",
                "x" + token + "||label")) {
            redis.set(LOCK, value);
            LeaseLostException e =
                    catchThrowableOfType(LeaseLostException.class, () -> writes.set(lease, DATA, "stale"));
            assertThat(e).as(value).isNotNull();
            assertThat(e.reason()).as(value).contains(LossReason.TAKEN);
        }
        assertThat(redis.exists(DATA)).isZero();
        redis.set(LOCK, token + "|17|label");
        writes.set(lease, DATA, "held");
        assertThat(redis.get(DATA)).isEqualTo("held");
    }

    @Test
    void aLeaseThatIsKnownToHaveEndedIsRefusedWithoutAsking() {
        Lease released = mutex.acquire("released");
        released.close();
        Lease expired = mutex.with(o -> o.leaseTime(Duration.ofMillis(50))).acquire(KEY);
        Await.until(() -> expired.state() == LeaseState.LOST);
        client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        refusedBy(() -> writes.set(released, DATA, "stale"), null, "no longer held");
        refusedBy(() -> writes.set(expired, DATA, "stale"), LossReason.EXPIRED, "no longer held");
    }

    private void refused(LossReason reason, Lease lease, String how) {
        redis.set(DATA, "before");
        for (ThrowingCallable write : List.<ThrowingCallable>of(
                () -> writes.set(lease, DATA, "stale"),
                () -> writes.hset(lease, "other", Map.of("a", "b")),
                () -> writes.del(lease, DATA),
                () -> writes.write(lease, "APPEND", DATA, "stale"),
                () -> writes.eval(lease, "return redis.call('DEL', KEYS[1])", List.of(DATA)))) {
            refusedBy(write, reason, how);
        }
        assertThat(redis.get(DATA)).isEqualTo("before");
        assertThat(redis.exists("other")).isZero();
    }

    private static void refusedBy(ThrowingCallable write, LossReason reason, String how) {
        LeaseLostException e = catchThrowableOfType(LeaseLostException.class, write);
        assertThat(e).isNotNull().hasMessageContaining(how).hasMessageContaining("nothing was written");
        assertThat(e.reason().orElse(null)).isEqualTo(reason);
    }

    /** Holders that do not look whether their short leases have ended: what is written is in the order of the leases. */
    @Test
    void writesOfManyHoldersAreInTheOrderOfTheirLeases() throws Exception {
        List<FutureTask<Integer>> holders = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            HeldWrites own = HeldWrites.on(client.connect().sync());
            holders.add(new FutureTask<>(() -> {
                int refused = 0;
                try (DistributedMutex instance = RedisMutex.connect(server.uri())) {
                    DistributedMutex patient = instance.with(
                            o -> o.leaseTime(Duration.ofMillis(20)).waitTime(Duration.ofSeconds(20)));
                    for (int lease = 0; lease < 25; lease++) {
                        refused += appendUntilRefused(own, patient.acquire(KEY));
                    }
                }
                return refused;
            }));
        }
        holders.forEach(holder -> new Thread(holder).start());
        int refused = 0;
        for (FutureTask<Integer> holder : holders) {
            refused += holder.get(60, TimeUnit.SECONDS);
        }
        assertThat(redis.lrange(DATA, 0, -1).stream().map(Long::valueOf).toList())
                .isNotEmpty()
                .isSorted();
        assertThat(refused).isEqualTo(4 * 25);
    }

    /** As a process does that was stopped after it had looked at its lease: the server alone refuses. */
    private static int appendUntilRefused(HeldWrites writes, Lease lease) {
        Lease believed = leaseOf((proxy, method, arguments) -> switch (method.getName()) {
            case "isValid" -> true;
            case "lossReason" -> Optional.empty();
            default -> method.invoke(lease, arguments);
        });
        for (int i = 0; i < 100_000; i++) {
            try {
                writes.write(believed, "RPUSH", DATA, Long.toString(lease.fencingToken()));
            } catch (LeaseLostException e) {
                return 1;
            }
        }
        return 0;
    }

    private static Lease leaseOf(InvocationHandler methods) {
        return (Lease) Proxy.newProxyInstance(
                HeldWritesTest.class.getClassLoader(), new Class<?>[] {StoredLease.class}, methods);
    }

    // ---- wrong use

    @Test
    void theKeyPrefixIsThatOfTheMutex() {
        try (DistributedMutex prefixed =
                        RedisMutex.builder().uri(server.uri()).keyPrefix("app:").connect();
                Lease lease = prefixed.acquire(KEY)) {
            assertThatExceptionOfType(LeaseLostException.class).isThrownBy(() -> writes.set(lease, DATA, "v"));
            writes.keyPrefix("app:").set(lease, DATA, "v");
            assertThat(redis.get(DATA)).isEqualTo("v");
        }
        assertThatIllegalArgumentException().isThrownBy(() -> writes.keyPrefix("x".repeat(129)));
    }

    @Test
    void theLockItselfIsNotWritten() {
        try (Lease lease = mutex.acquire(KEY)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writes.del(lease, LOCK))
                    .withMessage("'" + LOCK + "' is the lock itself, which must not be written");
            assertThat(redis.exists(LOCK)).isEqualTo(1);
        }
    }

    @Test
    void aLeaseThatNoServerKnowsIsRefused() {
        Lease fake = (Lease) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {Lease.class},
                (proxy, method, arguments) ->
                        method.getName().equals("key") ? KEY : method.getName().equals("isValid"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> writes.set(fake, DATA, "v"))
                .withMessageContaining("is none of a DistributedMutex, so no server knows it");
    }

    @Test
    void inAClusterTheDataIsInTheSlotOfTheLock() {
        try (EmbeddedRedis node = EmbeddedRedis.builder()
                .executable(executable.path())
                .config("cluster-enabled", "yes")
                .start()) {
            node.command(Stream.concat(
                            Stream.of("CLUSTER", "ADDSLOTS"),
                            IntStream.range(0, 16_384).mapToObj(Integer::toString))
                    .toArray(String[]::new));
            Await.until(
                    "the cluster is up", () -> ((String) node.command("CLUSTER", "INFO")).contains("cluster_state:ok"));
            RedisClusterClient cluster = RedisClusterClient.create(node.uri());
            try (DistributedMutex onNode = RedisMutex.connect(node.uri());
                    Lease lease = onNode.acquire("{tenant:123}")) {
                RedisAdvancedClusterCommands<String, String> commands =
                        cluster.connect().sync();
                HeldWrites onCluster = HeldWrites.on(commands);
                onCluster.set(lease, "{tenant:123}:settings", "v");
                assertThat(commands.get("{tenant:123}:settings")).isEqualTo("v");
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> onCluster.set(lease, "elsewhere", "v"))
                        .withMessage("the lock 'lock:{tenant:123}' and the keys [elsewhere] are not in one slot of the"
                                + " cluster: give their names the same hash tag, such as {tag}");
            } finally {
                cluster.shutdown(Duration.ZERO, Duration.ofSeconds(2));
            }
        }
    }
}
