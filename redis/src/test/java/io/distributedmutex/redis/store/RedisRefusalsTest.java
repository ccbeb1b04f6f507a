package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.failureOf;
import static io.distributedmutex.redis.store.StartedStore.get;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.spi.AcquireReply.Granted;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** What servers refuse, in the words of each version. */
@ParameterizedClass
@MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
class RedisRefusalsTest {

    /** What docs/operations.md lists, without what only `dmutex list` needs and what may be missing. */
    private static final String ALL_THAT_IS_NEEDED = "resetkeys ~lock:* ~dmutex:* resetchannels &dmutex:grants:*"
            + " &dmutex:instance:* -@all"
            + " +eval +evalsha +get +set +del +exists +pttl +pexpire +zadd +zscore +zpopmin +zrem +zcard +hget +hset"
            + " +hdel +setrange +getrange +xadd +xsetid +publish +subscribe";

    private static final String PASSWORD = "s3cret/pass word";

    @Parameter
    RedisExecutable executable;

    private static EmbeddedRedis redis;

    @BeforeParameterizedClassInvocation
    static void startServer(RedisExecutable executable) {
        redis = EmbeddedRedis.builder()
                .executable(executable.path())
                .password(PASSWORD)
                .start();
    }

    @AfterParameterizedClassInvocation
    static void stopServer() {
        redis.close();
    }

    /** What tests here change. */
    @BeforeEach
    void undo() {
        redis.command("CONFIG", "SET", "maxmemory", "0");
        redis.command("CONFIG", "SET", "min-replicas-to-write", "0");
        redis.command("CONFIG", "SET", "lua-time-limit", "5000");
        redis.command("ACL", "DELUSER", "bob");
        redis.command("FLUSHALL");
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
            assertRefused(failureOf(store.store().renew("data", newToken(), 1_000)), Reason.WRONG_TYPE);
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

            assertThat(get(holder.store().release("k", token, 5_000))).isEqualTo(Ownership.HELD);
            assertThat(get(holder.store().inspect("k")))
                    .hasValueSatisfying(kept -> assertThat(kept.remaining())
                            .hasValueSatisfying(left -> assertThat(left).isLessThanOrEqualTo(Duration.ofSeconds(5))));
        }
    }

    @Test
    void aServerThatRunsAScriptIsBusy() {
        redis.command("CONFIG", "SET", "lua-time-limit", "10");
        try (StartedStore store = StartedStore.on(redis)) {
            CompletableFuture<Object> script = CompletableFuture.supplyAsync(
                    () -> {
                        try {
                            return redis.command("EVAL", "while true do end", "0");
                        } catch (RuntimeException killed) {
                            return killed;
                        }
                    },
                    OwnThread.EACH);
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
            StoreException failure = failureOf(store.tryAcquire("k", newToken()));
            assertRefused(failure, Reason.BUSY);
            assertThat(failure)
                    .hasMessageContaining("fewer replicas are connected than its min-replicas-to-write")
                    .hasMessageNotContaining("passes by itself");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "get",
                "set",
                "del",
                "exists",
                "pttl",
                "pexpire",
                "zadd",
                "zscore",
                "zpopmin",
                "zrem",
                "zcard",
                "hget",
                "hset",
                "hdel",
                "eval",
                "evalsha",
                "subscribe"
            })
    void aCommandThatTheUserLacksIsNamedAtTheStart(String command) {
        user(ALL_THAT_IS_NEEDED);
        redis.command("ACL", "SETUSER", "bob", "-" + command);

        Throwable refused = catchThrowable(() -> as("bob"));

        assertRefused(refused, Reason.PERMISSION);
        assertThat(refused).hasMessageContaining("the user lacks +" + command + " (docs/operations.md");
    }

    @Test
    void allThatTheUserLacksIsNamedAtOnce() {
        user(ALL_THAT_IS_NEEDED);
        redis.command("ACL", "SETUSER", "bob", "-get", "-zadd", "-hset", "-subscribe", "resetkeys", "~unlock:*");

        Throwable refused = catchThrowable(() -> as("bob"));

        assertRefused(refused, Reason.PERMISSION);
        assertThat(refused.getMessage()
                        .substring(refused.getMessage().indexOf("lacks"))
                        .split(" "))
                .contains("+get", "+zadd", "+hset", "+subscribe", "~lock:*", "~dmutex:*");
    }

    @ParameterizedTest
    @CsvSource({"~dmutex:*, ~lock:*", "~lock:*, ~dmutex:*"})
    void theKeysThatTheUserLacksAreNamed(String given, String missing) {
        user(ALL_THAT_IS_NEEDED);
        redis.command("ACL", "SETUSER", "bob", "resetkeys", given);

        Throwable refused = catchThrowable(() -> as("bob"));

        assertRefused(refused, Reason.PERMISSION);
        assertThat(refused).hasMessageContaining("the user lacks " + missing + " (");
    }

    @Test
    void keysThatTheUserMayOnlyReadAreNamed() {
        user(ALL_THAT_IS_NEEDED);
        redis.command("ACL", "SETUSER", "bob", "resetkeys", "~lock:*", "~dmutex:*:queue:*", "~dmutex:*:waiters:*");
        if (!redis.version().startsWith("6.")) {
            // 6.2 does not tell reading from writing: there the user may do neither.
            redis.command("ACL", "SETUSER", "bob", "%R~dmutex:*:fence");
        }

        Throwable refused = catchThrowable(() -> as("bob"));

        assertRefused(refused, Reason.PERMISSION);
        assertThat(refused).hasMessageContaining("the user lacks ~dmutex:* (");
    }

    @Test
    void theChannelsThatTheUserLacksAreNamed() {
        user(ALL_THAT_IS_NEEDED);
        redis.command("ACL", "SETUSER", "bob", "resetchannels");

        Throwable refused = catchThrowable(() -> as("bob"));

        assertRefused(refused, Reason.PERMISSION);
        assertThat(refused).hasMessageContaining("the user lacks &dmutex:grants:* (");
    }

    /** Locks do without: deadlocks with other instances are not found, which one line says. */
    @Test
    void aUserWithoutTheChannelsOfMessagesIsWarnedOnceAndLocks() {
        user(ALL_THAT_IS_NEEDED);
        redis.command("ACL", "SETUSER", "bob", "resetchannels", "&dmutex:grants:*");
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        Logger logger = (Logger) LoggerFactory.getLogger(RedisLockStore.class);
        log.start();
        logger.addAppender(log);
        try (StartedStore store = as("bob");
                StartedStore waiter = as("bob")) {
            String token = newToken();
            String next = newToken();
            assertThat(get(store.tryAcquire("k", token))).isInstanceOf(Granted.class);
            get(waiter.queue("k", next));
            get(store.store().release("k", token, 0));
            assertThat(waiter.nextGrant().token()).isEqualTo(next);
            assertRefused(failureOf(store.store().send(waiter.instance, "text")), Reason.PERMISSION);
            get(waiter.store().release("k", next, 0));
        } finally {
            logger.detachAppender(log);
        }
        assertThat(log.list.stream().map(ILoggingEvent::getFormattedMessage))
                .hasSize(2)
                .allMatch(line ->
                        line.contains("does not let this user subscribe to channels dmutex:instance:*, so deadlocks"
                                + " with other instances are not found; the user needs &dmutex:instance:*"));
    }

    @Test
    void withoutAPrefixTheUserMayBeAllowedSomeKeysOnly() {
        user(ALL_THAT_IS_NEEDED);
        redis.command("ACL", "SETUSER", "bob", "resetkeys", "~app:*", "~dmutex:*");
        try (StartedStore store = new StartedStore(builder("bob").keyPrefix("").connect(), "label")) {
            assertThat(get(store.tryAcquire("app:k", newToken()))).isInstanceOf(Granted.class);
        }
        redis.command("ACL", "SETUSER", "bob", "-zadd");
        assertThat(catchThrowable(
                        () -> new StartedStore(builder("bob").keyPrefix("").connect(), "label")))
                .hasMessageContaining("the user lacks +zadd (");
    }

    @Test
    void withoutTheCheckARefusalComesWithTheOperation() {
        user(ALL_THAT_IS_NEEDED);
        redis.command("ACL", "SETUSER", "bob", "-set");
        try (StartedStore store =
                new StartedStore(builder("bob").startCheck(false).connect(), "label")) {
            assertRefused(failureOf(store.tryAcquire("k", newToken())), Reason.PERMISSION);
            redis.command("ACL", "SETUSER", "bob", "-eval", "-evalsha");
            assertRefused(failureOf(store.tryAcquire("k", newToken())), Reason.PERMISSION);
            redis.command("ACL", "SETUSER", "bob", "+@all", "resetkeys");
            assertRefused(failureOf(store.tryAcquire("k", newToken())), Reason.PERMISSION);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"-publish", "+publish"})
    void aUserWhoMayNotPublishIsWarnedOnceAndWaitersPoll(String right) {
        user(ALL_THAT_IS_NEEDED);
        redis.command("ACL", "SETUSER", "bob", right);
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        Logger logger = (Logger) LoggerFactory.getLogger(RedisLockStore.class);
        log.start();
        logger.addAppender(log);
        try (StartedStore store = as("bob");
                StartedStore other = as("bob")) {
            String token = newToken();
            get(store.tryAcquire("k", token));
            String waiting = newToken();
            get(other.queue("k", waiting));
            get(store.store().release("k", token, 0));
            assertThat(get(other.queue("k", waiting))).isInstanceOf(Granted.class);
        } finally {
            logger.detachAppender(log);
        }
        assertThat(log.list.stream()
                        .filter(event -> event.getLevel() == Level.WARN)
                        .filter(event -> event.getFormattedMessage().contains("needs +publish &dmutex:grants:*")))
                .as("once for each of two instances")
                .hasSize(right.startsWith("-") ? 2 : 0);
    }

    @Test
    void aUserWhoMayDoNoMoreThanNeededIsEnough() {
        user(ALL_THAT_IS_NEEDED);
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
    void theCheckLeavesNothingBehind() {
        redis.command("ACL", "SETUSER", "bob", "on", ">pw", "~*", "&*", "+@all", "-del", "-hdel", "-pexpire");

        StartedStore.on(redis).close();
        assertRefused(catchThrowable(() -> as("bob")), Reason.PERMISSION);

        assertThat((List<?>) redis.command("KEYS", "*")).isEmpty();
    }

    @Test
    void whatPassesDoesNotKeepAStoreFromStarting() {
        redis.command("CONFIG", "SET", "maxmemory", "1");
        redis.command("CONFIG", "SET", "min-replicas-to-write", "1");
        StartedStore.on(redis).close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"EVALSHA", "EVAL", "ZPOPMIN", "HSET"})
    void aCommandThatTheServerDoesNotHaveIsNamedAtTheStart(String command) {
        try (EmbeddedRedis renamed = EmbeddedRedis.builder()
                .executable(executable.path())
                .config("rename-command", command, "hidden-" + command)
                .start()) {
            Throwable refused = catchThrowable(() -> RedisMutex.connect(renamed.uri()));

            assertRefused(refused, Reason.OTHER);
            assertThat(refused).hasMessageContaining("the server has no " + command + " (renamed");
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

    private void user(String rights) {
        List<String> command = new ArrayList<>(List.of("ACL", "SETUSER", "bob", "on", ">pw"));
        command.addAll(List.of(rights.split(" ")));
        redis.command(command.toArray(String[]::new));
    }

    private RedisLockStore.Builder builder(String user) {
        return RedisLockStore.builder().uri("redis://" + user + ":pw@127.0.0.1:" + redis.port());
    }

    private StartedStore as(String user) {
        return new StartedStore(builder(user).connect(), "label of " + user);
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
