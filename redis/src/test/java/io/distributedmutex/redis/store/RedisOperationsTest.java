package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.failureOf;
import static io.distributedmutex.redis.store.StartedStore.get;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.spi.AcquireReply.Granted;
import io.distributedmutex.spi.AcquireReply.Refused;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@ParameterizedClass
@MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
class RedisOperationsTest {

    @Parameter
    RedisExecutable executable;

    private static EmbeddedRedis redis;
    private StartedStore store;

    @BeforeParameterizedClassInvocation
    static void startServer(RedisExecutable executable) {
        redis = EmbeddedRedis.builder().executable(executable.path()).start();
    }

    @AfterParameterizedClassInvocation
    static void stopServer() {
        redis.close();
    }

    @BeforeEach
    void start() {
        redis.command("FLUSHALL");
        store = StartedStore.on(redis);
    }

    @AfterEach
    void stop() {
        store.close();
    }

    @Test
    void aFreeKeyIsGrantedAndStandsInRedisAsThePlanSays() {
        String token = newToken();
        Granted granted = (Granted) get(store.tryAcquire("k", token));

        assertThat(redis.command("GET", "lock:k")).isEqualTo(token + "||label");
        assertThat((Long) redis.command("PTTL", "lock:k")).isBetween(9_000L, 10_000L);
        assertThat(granted.fencingTokens()).isEqualTo(1);
        assertThat(granted.released()).isNull();
        assertThat(((Granted) get(store.tryAcquire("k", token))).fencingToken()).isGreaterThan(granted.fencingToken());
    }

    @Test
    void aTakenKeyIsRefusedWithWhatIsKnownOfItsHolder() {
        get(store.tryAcquire("k", newToken()));
        Refused refused = (Refused) get(store.tryAcquire("k", newToken()));

        assertThat(refused.holder()).isEqualTo("label");
        assertThat(refused.remainingMillis()).isBetween(9_000L, 10_000L);
        assertThat(refused.lastFencingToken()).isZero();
        assertThat(refused.released()).isNull();
    }

    @Test
    void aForeignLockIsRespectedAndHasNoLabel() {
        redis.command("SET", "lock:k", "somebody else's");

        assertThat(get(store.tryAcquire("k", newToken()))).isEqualTo(new Refused(-1, null, null, 0, null));
        assertThat(get(store.store().inspect("k")))
                .contains(new LockInfo("k", Optional.empty(), OptionalLong.empty(), Optional.empty(), 0));
        assertThat(get(store.store().release("k", newToken(), 0))).isEqualTo(Ownership.TAKEN);
    }

    @Test
    void releaseSaysWhetherTheTokenOwnedTheKey() {
        String token = newToken();
        assertThat(get(store.store().release("k", token, 0))).isEqualTo(Ownership.STORE_LOST);
        get(store.tryAcquire("k", token));

        assertThat(get(store.store().release("k", newToken(), 0))).isEqualTo(Ownership.TAKEN);
        assertThat(get(store.store().release("k", token, 0))).isEqualTo(Ownership.HELD);
        assertThat(get(store.store().release("k", token, 0))).isEqualTo(Ownership.GONE);
        assertThat(redis.command("EXISTS", "lock:k")).isEqualTo(0L);
    }

    @Test
    void aReleasedKeyIsKeptForItsMinimumHold() {
        String token = newToken();
        get(store.tryAcquire("k", token));

        assertThat(get(store.store().release("k", token, 5_000))).isEqualTo(Ownership.HELD);
        assertThat(redis.command("GET", "lock:k")).isEqualTo("-||label");
        assertThat(((Refused) get(store.tryAcquire("k", newToken()))).holder()).isEqualTo("label");
        assertThat(get(store.store().release("k", token, 0))).isEqualTo(Ownership.TAKEN);
    }

    @Test
    void renewingLengthensAndNeverShortens() {
        String token = newToken();
        get(store.tryAcquire("k", token));

        assertThat(get(store.store().renew("k", token, 5_000))).isEqualTo(Ownership.HELD);
        assertThat((Long) redis.command("PTTL", "lock:k")).isGreaterThan(9_000L);
        assertThat(get(store.store().renew("k", token, 60_000))).isEqualTo(Ownership.HELD);
        assertThat((Long) redis.command("PTTL", "lock:k")).isBetween(59_000L, 60_000L);
        assertThat(get(store.store().renew("k", newToken(), 60_000))).isEqualTo(Ownership.TAKEN);
    }

    @Test
    void aReleasedKeyIsPushedToItsWaiter() {
        String holder = newToken();
        String waiter = newToken();
        try (StartedStore other = StartedStore.on(redis)) {
            Granted first = (Granted) get(store.tryAcquire("a|b {c} 🔑", holder));
            assertThat(get(other.queue("a|b {c} 🔑", waiter))).isInstanceOf(Refused.class);
            assertThat(get(store.store().inspect("a|b {c} 🔑")).orElseThrow().waiters())
                    .isEqualTo(1);

            assertThat(get(store.store().release("a|b {c} 🔑", holder, 0))).isEqualTo(Ownership.HELD);

            StartedStore.Grant grant = other.nextGrant();
            assertThat(grant).isNotNull();
            assertThat(grant.key()).isEqualTo("a|b {c} 🔑");
            assertThat(grant.token()).isEqualTo(waiter);
            assertThat(grant.fencingToken()).isGreaterThan(first.fencingToken());
            assertThat(grant.fencingTokens()).isEqualTo(64);
            assertThat(get(other.store().renew("a|b {c} 🔑", waiter, 5_000))).isEqualTo(Ownership.HELD);
            assertThat(store.hasGrants()).isFalse();
        }
    }

    @Test
    void aWaiterWhoCancelsIsNotGranted() {
        String holder = newToken();
        String waiter = newToken();
        try (StartedStore other = StartedStore.on(redis)) {
            get(store.tryAcquire("k", holder));
            get(other.queue("k", waiter));

            assertThat(get(other.store().cancel("k", waiter))).isEqualTo(Ownership.TAKEN);
            get(store.store().release("k", holder, 0));

            assertThat(redis.command("EXISTS", "lock:k")).isEqualTo(0L);
            assertThat(other.hasGrants()).isFalse();
        }
    }

    @Test
    void givingBackAndAskingAgainIsOneStep() {
        String first = newToken();
        String second = newToken();
        get(store.tryAcquire("k", first));

        Granted granted = (Granted)
                get(store.store().acquire(new AcquireRequest("k", second, 10_000, true, 2_000, 1_000, first)));

        assertThat(granted.released()).isEqualTo(Ownership.HELD);
        assertThat(granted.fencingTokens()).isEqualTo(64);
        assertThat(get(store.store().release("k", second, 0))).isEqualTo(Ownership.HELD);
    }

    @Test
    void forcedReleaseTellsWhomItEvicted() {
        get(store.tryAcquire("k", newToken()));

        LockInfo evicted = get(store.store().forceRelease("k")).orElseThrow();

        assertThat(evicted.holder()).contains("label");
        assertThat(evicted.fencingToken()).isEmpty();
        assertThat(evicted.remaining().orElseThrow()).isBetween(Duration.ofSeconds(9), Duration.ofSeconds(10));
        assertThat(get(store.store().forceRelease("k"))).isEmpty();
        assertThat(get(store.store().inspect("k"))).isEmpty();
    }

    @Test
    void afterAllIsReleasedTheFenceAloneRemains() {
        String holder = newToken();
        String waiter = newToken();
        try (StartedStore other = StartedStore.on(redis)) {
            get(store.tryAcquire("{x}k", holder));
            get(other.queue("{x}k", waiter));
            get(store.store().release("{x}k", holder, 0));
            get(other.store().release("{x}k", waiter, 0));
        }

        assertThat((List<?>) redis.command("KEYS", "*"))
                .singleElement()
                .asString()
                .matches("dmutex:\\{[0-9a-z]+}:fence");
    }

    @Test
    void anEmptyPrefixMakesTheRedisKeyTheUsersKey() {
        try (StartedStore plain = new StartedStore(
                RedisLockStore.builder().uri(redis.uri()).keyPrefix("").connect(), "label")) {
            redis.command("SET", "shared", "redis-py's random value", "PX", "5000");

            Refused refused = (Refused) get(plain.queue("shared", newToken()));
            assertThat(refused.remainingMillis()).isBetween(1L, 5_000L);
            assertThat(refused.holder()).isNull();

            String holder = newToken();
            get(plain.tryAcquire("mine", holder));
            assertThat(redis.command("SET", "mine", "x", "NX")).isNull();
            assertThat(get(plain.store().keys("*", 100))).containsExactlyInAnyOrder("shared", "mine");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "d", "dmutex:"})
    void whatWouldBeACompanionOfOtherLocksIsRefused(String prefix) {
        try (StartedStore plain = new StartedStore(
                RedisLockStore.builder().uri(redis.uri()).keyPrefix(prefix).connect(), "label")) {
            get(plain.tryAcquire("victim", newToken()));
            String fence = (String) ((List<?>) redis.command("KEYS", "dmutex:{*}:fence")).get(0);
            String counter = redis.command("XINFO", "STREAM", fence).toString();
            String tag = fence.substring(fence.indexOf('{'), fence.indexOf('}') + 1);
            for (String companion : List.of(":queue:" + prefix + "victim", ":waiters:" + prefix + "victim", ":fence")) {
                String key = ("dmutex:" + tag + companion).substring(prefix.length());
                List<CompletionStage<?>> tried = List.of(
                        plain.tryAcquire(key, newToken()),
                        plain.queue(key, newToken()),
                        plain.store().release(key, newToken(), 0),
                        plain.store().renew(key, newToken(), 1_000),
                        plain.store().cancel(key, newToken()),
                        plain.store().inspect(key),
                        plain.store().forceRelease(key));
                assertThat(tried)
                        .allSatisfy(operation -> assertThat(failureOf(operation))
                                .isInstanceOf(StoreRefusedException.class)
                                .hasMessageContaining("'" + key + "' cannot be locked")
                                .hasMessageContaining("keys that stand beside locks"));
            }
            assertThat(redis.command("XINFO", "STREAM", fence)).hasToString(counter);
            get(plain.queue("victim", newToken()));
            assertThat(get(plain.store().keys("*", 100))).containsExactly("victim");
        }
    }

    @Test
    void aHostileValueIsForeign() {
        for (String hostile :
                List.of("", "|", "||", "-", "AAAAAAAAAAAAAAAAAAAAAA|x|y", "\u0000\u0001", "x".repeat(100_000))) {
            redis.command("SET", "lock:k", hostile);
            assertThat(get(store.tryAcquire("k", newToken())))
                    .isInstanceOfSatisfying(
                            Refused.class,
                            refused -> assertThat(refused.holder()).isNull());
            assertThat(get(store.store().inspect("k")).orElseThrow().holder()).isEmpty();
            assertThat(get(store.store().forceRelease("k"))).isPresent();
        }
    }

    @Test
    void keysAreListedWithoutPrefixAndWithinTheLimit() {
        IntStream.range(0, 1_200).forEach(i -> get(store.tryAcquire("job:" + i, newToken())));
        redis.command("SET", "unlock:x", "data");
        redis.command("HSET", "lock:hash", "a", "b");
        redis.command("SET", "lock:", "no key");

        assertThat(get(store.store().keys("*", 10_000))).hasSize(1_200).doesNotHaveDuplicates();
        assertThat(get(store.store().keys("job:11?", 10_000))).hasSize(10).contains("job:110");
        assertThat(get(store.store().keys("*", 7))).hasSize(7);
        assertThat(get(store.store().keys("nothing", 7))).isEmpty();
        assertThatIllegalArgumentException().isThrownBy(() -> store.store().keys("*", 0));
    }

    @Test
    void aPrefixWithGlobCharactersIsTakenLiterally() {
        try (StartedStore glob = new StartedStore(
                RedisLockStore.builder()
                        .uri(redis.uri())
                        .keyPrefix("[ab]*?\\^:")
                        .connect(),
                "label")) {
            get(glob.tryAcquire("k", newToken()));
            redis.command("SET", "axx\\^:k", "data");

            assertThat(get(glob.store().keys("*", 10))).containsExactly("k");
        }
    }

    @Test
    void theDatabaseOfTheUriIsUsed() {
        try (StartedStore third = new StartedStore(RedisLockStore.connect(redis.uri() + "/3"), "label")) {
            get(third.tryAcquire("k", newToken()));

            assertThat(redis.command("EXISTS", "lock:k")).isEqualTo(0L);
            assertThat((String) redis.command("INFO", "keyspace")).contains("db3:");
        }
    }

    /** What may stand in the place of the fence counter: a command each, with FENCE for the key. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "SET FENCE 9007199254740992",
                "SET FENCE x",
                "HSET FENCE field value",
                "RPUSH FENCE 1",
                "XADD FENCE 9007199254740-0 f v",
                "XADD FENCE 18446744073709551615-18446744073709551615 f v",
                "XADD FENCE 1-1 f v"
            })
    void aFenceCounterThatNoneOfUsWroteCountsAsLost(String write) {
        String token = newToken();
        Granted before = (Granted) get(store.tryAcquire("k", token));
        get(store.store().release("k", token, 0));
        String fence = fence();
        String[] put = write.replace("FENCE", fence).split(" ");
        redis.command("DEL", fence);
        redis.command(put);
        awaitServerClock(before.fencingToken() / 1000);

        // By the fast path; again with its contents, by the scripts; and out of the queue.
        Granted first = (Granted) get(store.tryAcquire("k", token));
        assertThat(first.fencingToken()).isGreaterThan(before.fencingToken()).isLessThan(1L << 53);
        String waiter = newToken();
        redis.command("DEL", fence);
        redis.command(put);
        awaitServerClock(first.fencingToken() / 1000);
        Refused refused = (Refused) get(store.queue("k", waiter));
        assertThat(refused.lastFencingToken())
                .isGreaterThan(first.fencingToken())
                .isLessThan(1L << 53);
        redis.command("DEL", fence);
        redis.command(put);
        awaitServerClock(refused.lastFencingToken() / 1000);
        get(store.store().forceRelease("k"));
        Granted granted = (Granted) get(store.queue("k", waiter));
        assertThat(granted.fencingToken())
                .isGreaterThan(refused.lastFencingToken())
                .isLessThan(1L << 53);
        assertThat(redis.command("TYPE", fence)).isEqualTo("stream");
        assertThat(redis.command("XLEN", fence)).isEqualTo(0L);
    }

    @Test
    void theClockAloneMakesFencingTokensRise() {
        long last = 0;
        for (int i = 0; i < 100; i++) {
            String token = newToken();
            Granted granted = (Granted) get(store.tryAcquire("k", token));
            assertThat(granted.fencingToken()).isGreaterThan(last);
            last = granted.fencingToken();
            get(store.store().release("k", token, 0));
            redis.command("DEL", fence());
            awaitServerClock(last / 1000);
        }
    }

    private void awaitServerClock(long afterMillis) {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        long millis;
        do {
            assertThat(System.nanoTime())
                    .as("the server's clock stood still for 20 s")
                    .isLessThan(deadline);
            List<?> time = (List<?>) redis.command("TIME");
            millis = Long.parseLong((String) time.get(0)) * 1000 + Long.parseLong((String) time.get(1)) / 1000;
        } while (millis <= afterMillis);
    }

    @Test
    void theCounterAloneMakesFencingTokensRise() {
        get(store.tryAcquire("k", newToken()));
        long aheadMillis = 4_500_000_000_000L;
        redis.command("XSETID", fence(), aheadMillis + "-0");
        for (int count = 1; count <= 3; count++) {
            get(store.store().forceRelease("k"));
            Granted granted = (Granted) get(store.tryAcquire("k", newToken()));
            assertThat(granted.fencingToken()).isEqualTo(aheadMillis * 1000 + count);
        }
    }

    @Test
    void aMillisecondThatIsFullIsFollowedByTheNext() {
        get(store.tryAcquire("k", newToken()));
        long aheadMillis = 4_500_000_000_000L;
        redis.command("XSETID", fence(), aheadMillis + "-999");
        get(store.store().forceRelease("k"));
        String holder = newToken();
        assertThat(((Granted) get(store.tryAcquire("k", holder))).fencingToken())
                .isBetween((aheadMillis + 1) * 1000, (aheadMillis + 1) * 1000 + 9);

        // A block that does not fit begins with the next millisecond.
        String waiter = newToken();
        get(store.queue("k", waiter));
        redis.command("XSETID", fence(), (aheadMillis + 1) + "-950");
        get(store.store().release("k", holder, 0));
        Granted granted = (Granted) get(store.queue("k", waiter));
        assertThat(granted.fencingToken()).isEqualTo((aheadMillis + 2) * 1000);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "x",
                "|||",
                "99999999999999",
                "99999999999999|0",
                "99999999999999|0050",
                "99999999999999|999999999999999999999999",
                "99999999999999|60000|",
                "x|60000"
            })
    void aSignOfLifeThatNoneOfUsWroteIsNoneAndTheNextIsGranted(String sign) {
        checkSkipped(spoilt -> {
            String token = newToken();
            get(spoilt.queue("k", token));
            get(spoilt.queue("k", token));
            String waiters = companion(":waiters:lock:k");
            String entry = (String) ((List<?>) redis.command("HKEYS", waiters)).get(0);
            redis.command("HSET", waiters, entry, sign);
        });
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "x",
                "||",
                "AAAAAAAAAAAAAAAAAAAAAA",
                "|CLIENT|label",
                "too short|CLIENT|label",
                "AAAAAAAAAAAAAAAAAAAAAAA|CLIENT|label",
                "AAAAAAAAAAAAAAAAAAAAA!|CLIENT|label"
            })
    void aWaitersEntryThatNoneOfUsWroteIsSkippedAndTheNextIsGranted(String text) {
        checkSkipped(spoilt -> {
            get(spoilt.queue("k", newToken()));
            String key = companion(":queue:lock:k");
            List<?> entry = (List<?>) redis.command("ZPOPMIN", key);
            String client = ((String) entry.get(0)).split("\\|")[1];
            redis.command("ZADD", key, (String) entry.get(1), text.replace("CLIENT", client));
        });
    }

    private void checkSkipped(Consumer<StartedStore> spoil) {
        String token = newToken();
        String next = newToken();
        get(store.tryAcquire("k", token));
        try (StartedStore spoilt = StartedStore.on(redis);
                StartedStore waiter = StartedStore.on(redis)) {
            spoil.accept(spoilt);
            get(waiter.queue("k", next));

            assertThat(get(store.store().release("k", token, 0))).isEqualTo(Ownership.HELD);
            assertThat(waiter.nextGrant()).extracting(StartedStore.Grant::token).isEqualTo(next);
            assertThat((String) redis.command("GET", "lock:k")).startsWith(next + "|");
            assertThat(spoilt.hasGrants()).isFalse();
        }
    }

    /** Redis evicts any key that has an expiry, where its maxmemory-policy says so. */
    @ParameterizedTest
    @ValueSource(strings = {":queue:lock:k", ":waiters:lock:k"})
    void aCompanionThatWasEvictedIsMadeAnewWithAnExpiry(String companion) {
        String token = newToken();
        get(store.tryAcquire("k", newToken()));
        get(store.queue("k", token));
        get(store.queue("k", token));
        String key = companion(companion);
        redis.command("DEL", key);

        get(store.queue("k", token));

        assertThat((Long) redis.command("PTTL", key)).isPositive();
    }

    private String fence() {
        return companion(":fence");
    }

    private String companion(String end) {
        return (String) ((List<?>) redis.command("KEYS", "dmutex:*" + end)).get(0);
    }
}
