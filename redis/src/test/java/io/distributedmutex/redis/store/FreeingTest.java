package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.failureOf;
import static io.distributedmutex.redis.store.StartedStore.get;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import java.io.IOException;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/**
 * Servers that can compare and delete by one command, under either name, those that cannot, and those that only say they can.
 * What follows from each answer is in FastPathTest.
 */
class FreeingTest {

    private static final String NOT_KNOWN = "-ERR unknown command\r\n";

    private final Queue<String> asked = new ConcurrentLinkedQueue<>();
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger(RedisLockStore.class);
    private final Level level = logger.getLevel();

    @BeforeEach
    void listen() {
        logger.setLevel(Level.DEBUG);
        log.start();
        logger.addAppender(log);
    }

    @AfterEach
    void listenNoMore() {
        logger.detachAppender(log);
        logger.setLevel(level);
    }

    @Test
    void aServerWithTheCommandOfValkeyRunsAScriptOnce() throws IOException {
        try (FakeRedis server = answering(":1\r\n", NOT_KNOWN, ":0\r\n");
                StartedStore store = started(server)) {
            String token = newToken();
            assertThat(release(store, token)).isEqualTo(Ownership.HELD);
            assertThat(release(store, token)).isEqualTo(Ownership.HELD);

            String command = "DELIFEQ lock:k " + token + "||label";
            assertThat(asked).hasSize(4).startsWith(command).endsWith(command);
            assertThat(commands()).containsExactly("DELIFEQ", "DELEX", "EVAL", "DELIFEQ");
            assertThat(lines()).isEmpty();
        }
    }

    @Test
    void aServerWithTheCommandOfRedisIsAskedForTheOtherOnce() throws IOException {
        try (FakeRedis server = answering(NOT_KNOWN, ":1\r\n", ":0\r\n");
                StartedStore store = started(server)) {
            String token = newToken();
            assertThat(release(store, token)).isEqualTo(Ownership.HELD);
            assertThat(release(store, token)).isEqualTo(Ownership.HELD);

            assertThat(asked).endsWith("DELEX lock:k IFEQ " + token + "||label");
            assertThat(commands()).containsExactly("DELIFEQ", "DELEX", "EVAL", "DELEX");
            assertThat(lines()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-ERR unknown command 'DELIFEQ', with args beginning with:\r\n",
                "-ERR wrong number of arguments for 'delex' command\r\n",
                "-ERR syntax error\r\n",
                "-ERR it does not work\r\n",
                "-NOPERM this user has no permissions to run the 'delifeq' command\r\n",
                "+OK\r\n",
                ":0\r\n",
                ":1\r\n",
                ":7\r\n",
                ":-1\r\n",
                "$-1\r\n",
                "$1\r\n1\r\n"
            })
    void aServerThatCannotOrDoesNotIsLeftAtThatAndTheScriptFrees(String reply) throws IOException {
        try (FakeRedis server = answering(reply, reply, ":1\r\n");
                StartedStore store = started(server)) {
            assertThat(release(store, newToken())).isEqualTo(Ownership.HELD);
            assertThat(release(store, newToken())).isEqualTo(Ownership.HELD);

            assertThat(commands()).containsExactly("DELIFEQ", "DELEX", "EVAL", "EVALSHA");
            assertThat(lines()).hasSize(1).first().asString().contains("released by scripts alone from now on");
        }
    }

    /** Another server has taken its place, or it has got a fault. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "-ERR unknown command\r\n",
                "-ERR it does not work\r\n",
                "-NOPERM this user has no permissions\r\n",
                "+OK\r\n",
                ":7\r\n",
                "$-1\r\n",
                "*0\r\n",
                "*2\r\n:1\r\n:1\r\n"
            })
    void aServerThatCanNoLongerIsLeftAtThatAndTheScriptFrees(String reply) throws IOException {
        Queue<String> replies = new ConcurrentLinkedQueue<>(List.of(":1\r\n", reply));
        Queue<String> scripts = new ConcurrentLinkedQueue<>(List.of(":0\r\n", ":1\r\n", ":1\r\n"));
        try (FakeRedis server = answering(replies::remove, () -> NOT_KNOWN, scripts::remove);
                StartedStore store = started(server)) {
            assertThat(release(store, newToken())).isEqualTo(Ownership.HELD);
            assertThat(release(store, newToken())).isEqualTo(Ownership.HELD);
            assertThat(release(store, newToken())).isEqualTo(Ownership.HELD);

            assertThat(commands()).containsExactly("DELIFEQ", "DELEX", "EVAL", "DELIFEQ", "EVALSHA", "EVALSHA");
            assertThat(lines()).hasSize(1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {":0\r\n", "-ERR Key should be of string type if conditions are specified\r\n"})
    void whatItDoesNotFreeIsLeftToTheScriptThatKnowsMore(String reply) throws IOException {
        Queue<String> replies = new ConcurrentLinkedQueue<>(List.of(":1\r\n", reply, ":1\r\n"));
        Queue<String> scripts = new ConcurrentLinkedQueue<>(List.of(":0\r\n", ":2\r\n"));
        try (FakeRedis server = answering(replies::remove, () -> NOT_KNOWN, scripts::remove);
                StartedStore store = started(server)) {
            assertThat(release(store, newToken())).isEqualTo(Ownership.HELD);
            assertThat(release(store, newToken())).isEqualTo(Ownership.TAKEN);
            assertThat(release(store, newToken())).isEqualTo(Ownership.HELD);

            assertThat(commands()).containsExactly("DELIFEQ", "DELEX", "EVAL", "DELIFEQ", "EVALSHA", "DELIFEQ");
            assertThat(lines()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-LOADING Redis is loading the dataset in memory\r\n",
                "-READONLY You can't write against a read only replica.\r\n"
            })
    void aRefusalThatPassesIsToldAndNothingFollowsFromIt(String reply) throws IOException {
        Queue<String> replies = new ConcurrentLinkedQueue<>(List.of(reply, ":1\r\n", reply, ":1\r\n"));
        Queue<String> scripts = new ConcurrentLinkedQueue<>(List.of(reply, ":0\r\n"));
        try (FakeRedis server = answering(replies::remove, () -> NOT_KNOWN, scripts::remove);
                StartedStore store = started(server)) {
            for (int i = 0; i < 2; i++) {
                StoreException failure = failureOf(store.store().release("k", newToken(), 0));
                assertThat(failure.isTransient()).isTrue();
                assertThat(release(store, newToken())).isEqualTo(Ownership.HELD);
            }
            assertThat(commands())
                    .containsExactly("DELIFEQ", "DELEX", "EVAL", "DELIFEQ", "DELEX", "EVAL", "DELIFEQ", "DELIFEQ");
            assertThat(lines()).isEmpty();
        }
    }

    static List<RedisExecutable> executables() {
        return EmbeddedRedis.executables();
    }

    /** By its own command, if it has one. */
    @ParameterizedTest
    @MethodSource("executables")
    void aRealServerFreesWhatNobodyElseWants(RedisExecutable executable) {
        try (EmbeddedRedis redis =
                        EmbeddedRedis.builder().executable(executable.path()).start();
                StartedStore store = StartedStore.on(redis);
                StartedStore waiter = StartedStore.on(redis)) {
            boolean isNative = knows(redis, "DELIFEQ") || knows(redis, "DELEX");
            String token = newToken();
            get(store.tryAcquire("k", token));
            assertThat(get(store.store().release("k", newToken(), 0))).isEqualTo(Ownership.TAKEN);
            assertThat(get(store.store().release("k", token, 0))).isEqualTo(Ownership.HELD);
            assertThat(get(store.store().release("k", token, 0))).isEqualTo(Ownership.GONE);
            redis.command("CONFIG", "RESETSTAT");
            String second = newToken();
            get(store.tryAcquire("k", second));
            assertThat(get(store.store().release("k", second, 0))).isEqualTo(Ownership.HELD);
            assertThat(((String) redis.command("INFO", "commandstats")).contains("cmdstat_evalsha"))
                    .as("whether %s needs a script", executable)
                    .isEqualTo(!isNative);

            // A waiter's mark makes the comparison fail.
            String third = newToken();
            String next = newToken();
            get(store.tryAcquire("k", third));
            get(waiter.queue("k", next));
            assertThat(get(store.store().release("k", third, 0))).isEqualTo(Ownership.HELD);
            assertThat(waiter.nextGrant().token()).isEqualTo(next);
            get(waiter.store().release("k", next, 0));
            redis.command("HSET", "lock:k", "field", "value");
            assertThat(failureOf(store.store().release("k", third, 0)))
                    .isInstanceOfSatisfying(
                            StoreRefusedException.class,
                            refused -> assertThat(refused.reason()).isEqualTo(Reason.WRONG_TYPE));
        }
    }

    private static boolean knows(EmbeddedRedis redis, String command) {
        return ((List<?>) redis.command("COMMAND", "INFO", command)).get(0) != null;
    }

    private FakeRedis answering(String delifeq, String delex, String script) {
        return answering(() -> delifeq, () -> delex, () -> script);
    }

    private FakeRedis answering(Supplier<String> delifeq, Supplier<String> delex, Supplier<String> script) {
        return new FakeRedis(command -> {
                    boolean isCheckAtStart = command.get(0).startsWith("EVAL")
                            && (command.get(2).equals("0") || command.get(1).contains("refused"));
                    if (isCheckAtStart) {
                        return command.get(0).equals("EVAL") ? "*0\r\n" : "-NOSCRIPT none\r\n";
                    }
                    asked.add(String.join(" ", command));
                    return switch (command.get(0)) {
                        case "DELIFEQ" -> delifeq.get();
                        case "DELEX" -> delex.get();
                        default -> script.get();
                    };
                })
                .natives(true);
    }

    private List<String> commands() {
        return asked.stream().map(command -> command.split(" ")[0]).toList();
    }

    private static StartedStore started(FakeRedis server) {
        return new StartedStore(RedisLockStore.connect(server.uri()), "label");
    }

    private static Ownership release(StartedStore store, String token) {
        return get(store.store().release("k", token, 0));
    }

    private List<String> lines() {
        return log.list.stream()
                .map(ILoggingEvent::getFormattedMessage)
                .filter(line -> line.contains("scripts alone"))
                .collect(Collectors.toList());
    }
}
