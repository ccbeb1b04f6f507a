package io.distributedmutex.verification.redis;

import static io.distributedmutex.verification.redis.StartedStore.failureOf;
import static io.distributedmutex.verification.redis.StartedStore.get;
import static io.distributedmutex.verification.redis.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.spi.AcquireReply.Granted;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.testkit.EmbeddedRedis;
import io.distributedmutex.testkit.RedisExecutable;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** What servers refuse, in the words of each version. */
@ParameterizedClass
@MethodSource("io.distributedmutex.testkit.EmbeddedRedis#executables")
class RedisRefusalsTest {

    private static final String PASSWORD = "s3cret/pass word";

    private final RedisExecutable executable;
    private final EmbeddedRedis redis;

    RedisRefusalsTest(RedisExecutable executable) {
        this.executable = executable;
        redis = EmbeddedRedis.builder()
                .executable(executable.path())
                .password(PASSWORD)
                .start();
    }

    @AfterEach
    void stop() {
        redis.close();
    }

    @Test
    void aWrongPasswordIsAMatterOfAuthenticationAndNeverShown() {
        String wrong = "redis://:wr0ngPassword@127.0.0.1:" + redis.port();

        Throwable refused = catchThrowable(() -> RedisMutex.connect(wrong));

        assertRefused(refused, Reason.AUTHENTICATION);
        assertThat(refused).hasMessageContaining("127.0.0.1:" + redis.port());
        assertThat(everythingIn(refused)).doesNotContain("wr0ngPassword").doesNotContain(PASSWORD);
    }

    @Test
    void noPasswordIsAMatterOfAuthentication() {
        assertRefused(
                catchThrowable(() -> RedisLockStore.connect("redis://127.0.0.1:" + redis.port())),
                Reason.AUTHENTICATION);
    }

    @Test
    void aRightPasswordIsNeverShownEither() {
        try (StartedStore store = StartedStore.on(redis, Duration.ofMillis(50))) {
            redis.pause();
            StoreException failure = failureOf(store.tryAcquire("k", newToken()));
            redis.resume();

            assertThat(everythingIn(failure)).doesNotContain("s3cret");
        }
    }

    @Test
    void aKeyThatIsNoLockIsNamed() {
        redis.command("HSET", "lock:data", "field", "value");
        try (StartedStore store = StartedStore.on(redis)) {
            StoreException failure = failureOf(store.tryAcquire("data", newToken()));

            assertRefused(failure, Reason.WRONG_TYPE);
            assertThat(failure).hasMessageContaining("'data'");
            assertRefused(failureOf(store.store().inspect("data")), Reason.WRONG_TYPE);
            assertRefused(failureOf(store.store().renew("data", newToken(), 1_000, true)), Reason.WRONG_TYPE);
            assertRefused(failureOf(store.store().release("data", newToken(), 0)), Reason.WRONG_TYPE);
            assertRefused(failureOf(store.store().forceRelease("data")), Reason.WRONG_TYPE);
            assertThat(redis.command("HGET", "lock:data", "field")).isEqualTo("value");
        }
    }

    @Test
    void aReplicaIsReadOnly() {
        try (EmbeddedRedis replica = EmbeddedRedis.builder()
                        .executable(executable.path())
                        .password(PASSWORD)
                        .replicaOf(redis)
                        .start();
                StartedStore store = StartedStore.on(replica)) {
            assertRefused(failureOf(store.tryAcquire("k", newToken())), Reason.READ_ONLY);
            assertRefused(failureOf(store.tryAcquire("k", newToken())), Reason.READ_ONLY);
            assertThat(get(store.store().inspect("k"))).isEmpty();
        }
    }

    @Test
    void aServerWithoutMemoryTakesNoMoreWaiters() {
        try (StartedStore holder = StartedStore.on(redis);
                StartedStore store = StartedStore.on(redis)) {
            String token = newToken();
            get(holder.tryAcquire("k", token));
            redis.command("CONFIG", "SET", "maxmemory", "1");

            assertRefused(failureOf(store.queue("k", newToken())), Reason.OUT_OF_MEMORY);
            assertThat(get(holder.store().release("k", token, 0))).isNotNull();
        }
    }

    @Test
    void aServerWithoutMemoryKeepsAKeyForItsMinimumHoldOnly() {
        try (StartedStore holder = StartedStore.on(redis)) {
            String token = newToken();
            get(holder.tryAcquire("k", token));
            redis.command("CONFIG", "SET", "maxmemory", "1");

            assertThat(get(holder.store().release("k", token, 500))).isEqualTo(Ownership.HELD);
            assertThat(get(holder.store().inspect("k")))
                    .hasValueSatisfying(kept -> assertThat(kept.remaining())
                            .hasValueSatisfying(left -> assertThat(left).isLessThanOrEqualTo(Duration.ofMillis(500))));
        }
    }

    @Test
    void aServerThatRunsAScriptIsBusy() {
        redis.command("CONFIG", "SET", "lua-time-limit", "10");
        try (StartedStore store = StartedStore.on(redis)) {
            CompletableFuture<Object> script = CompletableFuture.supplyAsync(() -> {
                try {
                    return redis.command("EVAL", "while true do end", "0");
                } catch (RuntimeException killed) {
                    return killed;
                }
            });
            try {
                Supplier<StoreException> next = () -> {
                    CompletableFuture<?> inspected = store.store().inspect("k").toCompletableFuture();
                    Throwable outcome =
                            inspected.handle((value, error) -> error).join();
                    return (StoreException) outcome;
                };
                Await.until(
                        "BUSY",
                        () -> next.get() instanceof StoreRefusedException refused && refused.reason() == Reason.BUSY);
            } finally {
                redis.command("SCRIPT", "KILL");
                script.join();
            }
            Await.until(
                    "no longer busy",
                    () -> store.store()
                            .inspect("k")
                            .toCompletableFuture()
                            .handle((value, error) -> error == null)
                            .join());
        }
    }

    @Test
    void aServerWithoutEnoughReplicasIsBusy() {
        redis.command("CONFIG", "SET", "min-replicas-to-write", "1");
        try (StartedStore store = StartedStore.on(redis)) {
            assertRefused(failureOf(store.tryAcquire("k", newToken())), Reason.BUSY);
        }
    }

    @Test
    void aUserWithoutTheCommandIsAMatterOfPermission() {
        redis.command("ACL", "SETUSER", "bob", "on", ">pw", "~*", "&*", "+@all", "-evalsha", "-eval");
        try (StartedStore store = as("bob")) {
            assertRefused(failureOf(store.tryAcquire("k", newToken())), Reason.PERMISSION);
        }
    }

    @Test
    void aUserWithoutTheKeyIsAMatterOfPermission() {
        redis.command("ACL", "SETUSER", "bob", "on", ">pw", "~other:*", "&*", "+@all");
        try (StartedStore store = as("bob")) {
            assertRefused(failureOf(store.tryAcquire("k", newToken())), Reason.PERMISSION);
        }
    }

    @Test
    void aUserWithoutACommandInsideTheScriptIsAMatterOfPermission() {
        redis.command("ACL", "SETUSER", "bob", "on", ">pw", "~*", "&*", "+@all", "-set");
        try (StartedStore store = as("bob")) {
            assertRefused(failureOf(store.tryAcquire("k", newToken())), Reason.PERMISSION);
        }
    }

    @Test
    void aUserWithoutTheChannelIsRefusedAtTheStart() {
        redis.command("ACL", "SETUSER", "bob", "on", ">pw", "~*", "resetchannels", "+@all");

        assertRefused(catchThrowable(() -> as("bob")), Reason.PERMISSION);
    }

    @Test
    void aUserWhoMayDoNoMoreThanNeededIsEnough() {
        redis.command(
                "ACL",
                "SETUSER",
                "bob",
                "on",
                ">pw",
                "resetchannels",
                "&dmutex:grants:*",
                "~lock:*",
                "~dmutex:*",
                "+evalsha",
                "+eval",
                "+subscribe",
                "+publish",
                "+get",
                "+set",
                "+del",
                "+exists",
                "+time",
                "+pttl",
                "+pexpire",
                "+zadd",
                "+zscore",
                "+zpopmin",
                "+zrem",
                "+zcard",
                "+hset",
                "+hget",
                "+hdel");
        try (StartedStore store = as("bob");
                StartedStore other = as("bob")) {
            String token = newToken();
            assertThat(get(store.tryAcquire("k", token))).isInstanceOf(Granted.class);
            get(other.queue("k", newToken()));
            get(store.store().release("k", token, 0));
            assertThat(other.nextGrant()).isNotNull();
        }
    }

    @Test
    void anUnusableKeyOfAnotherInstanceHarmsNoOther() {
        redis.command("HSET", "lock:data", "field", "value");
        try (StartedStore store = StartedStore.on(redis)) {
            failureOf(store.tryAcquire("data", newToken()));
            assertThat(get(store.tryAcquire("k", newToken()))).isInstanceOf(Granted.class);
        }
    }

    private StartedStore as(String user) {
        return new StartedStore(
                RedisLockStore.connect("redis://" + user + ":pw@127.0.0.1:" + redis.port()), "label of " + user);
    }

    private static void assertRefused(Throwable refused, Reason reason) {
        assertThat(refused).isInstanceOf(StoreRefusedException.class);
        assertThat(((StoreRefusedException) refused).reason()).as("%s", refused).isEqualTo(reason);
    }

    private static String everythingIn(Throwable error) {
        StringWriter everything = new StringWriter();
        error.printStackTrace(new PrintWriter(everything, true));
        return everything.toString();
    }
}
