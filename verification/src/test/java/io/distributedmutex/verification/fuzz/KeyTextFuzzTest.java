package io.distributedmutex.verification.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Fuzz;
import io.distributedmutex.testing.LoggedLines;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any text as a key, a prefix or a label: accepted and a lock of its own, or refused before anything is sent. The server is
 * a node of a cluster, which refuses scripts whose keys are not all in one slot.
 */
@ParameterizedClass
@MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
class KeyTextFuzzTest {

    @Parameter
    RedisExecutable executable;

    private static EmbeddedRedis redis;
    private final LoggedLines log = new LoggedLines();

    /** One for all tests: a node of a cluster needs two seconds until it serves. */
    @BeforeParameterizedClassInvocation
    static void startServer(RedisExecutable executable) {
        redis = EmbeddedRedis.builder()
                .executable(executable.path())
                .config("cluster-enabled", "yes")
                .start();
        redis.command(Stream.concat(
                        Stream.of("CLUSTER", "ADDSLOTS"),
                        IntStream.range(0, 16_384).mapToObj(Integer::toString))
                .toArray(String[]::new));
        Await.until(
                "the cluster is up", () -> ((String) redis.command("CLUSTER", "INFO")).contains("cluster_state:ok"));
    }

    @AfterParameterizedClassInvocation
    static void stopServer() {
        redis.close();
    }

    @BeforeEach
    void emptyServer() {
        redis.command("FLUSHALL");
    }

    @AfterEach
    void stop() {
        log.close();
    }

    private DistributedMutex connect(String prefix, String label) {
        return RedisMutex.builder()
                .uri(redis.uri())
                .keyPrefix(prefix)
                .holderLabel(label)
                .connect();
    }

    @Test
    void anyTextIsALockOfItsOwnInRedisAndInMemory() throws Exception {
        Fuzz.rounds(25, input -> {
            redis.command("FLUSHALL");
            String label = input.text(1, 128);
            // An empty prefix leaves the counters' own names to users.
            String prefix = "p" + input.text(0, 127);
            try (DistributedMutex one = connect(prefix, label);
                    DistributedMutex other = connect(prefix, "other");
                    DistributedMutex inMemory = DistributedMutex.builder(new InMemoryLockStore())
                            .holderLabel(label)
                            .build()) {
                Map<String, Lease> held = new HashMap<>();
                for (int i = 0; i < 12; i++) {
                    String key = input.text(1, 512);
                    Lease lease = one.tryAcquire(key).orElse(null);
                    // Free for the one exactly if free for the other: no two keys are the same in one of them alone.
                    assertThat(inMemory.tryAcquire(key).isPresent()).isEqualTo(lease != null);
                    assertThat(held.containsKey(key)).isEqualTo(lease == null);
                    if (lease != null) {
                        held.put(key, lease);
                    }
                    assertThat(redis.command("EXISTS", prefix + key)).isEqualTo(1L);
                    checkRefusal(other, key, label);
                }
                for (Map.Entry<String, Lease> each : held.entrySet()) {
                    CompletableFuture<Lease> next = other.acquireAsync(each.getKey());
                    if (input.oneIn(2)) {
                        Await.until(
                                "the next to queue",
                                () -> one.inspect(each.getKey()).orElseThrow().waiters() == 1);
                    }
                    assertThat(each.getValue().release()).isTrue();
                    assertThat(next.get(5, TimeUnit.SECONDS).release()).isTrue();
                }
                assertThat((List<?>) redis.command("KEYS", "*"))
                        .allMatch(name -> ((String) name).matches("dmutex:\\{\\w+}:fence"));
            }
        });
        log.check();
    }

    private static void checkRefusal(DistributedMutex other, String key, String label) {
        assertThat(other.inspect(key).orElseThrow()).satisfies(info -> {
            assertThat(info.key()).isEqualTo(key);
            assertThat(info.holder()).contains(label);
        });
        Throwable refused = catchThrowable(
                () -> other.with(options -> options.waitTime(Duration.ZERO)).acquire(key));
        assertThat(refused)
                .isInstanceOfSatisfying(
                        LockNotAcquiredException.class,
                        e -> assertThat(e.holder()).contains(label));
        assertThat(refused.getMessage()).matches(LoggedLines::isOneLine, "one line");
    }

    @Test
    void whateverGoesWrongWithAnyKeyIsToldInOneLine() throws Exception {
        try (DistributedMutex mutex = connect("lock:", "label\n\u001b[2J")) {
            MutexAdapter adapter = new MutexAdapter(mutex);
            Fuzz.rounds(60, input -> {
                String key = input.text(1, 512);
                redis.command("DEL", "lock:" + key);
                redis.command("RPUSH", "lock:" + key, "x");
                Throwable refused = catchThrowable(() -> mutex.acquire(key));
                assertThat(refused).isInstanceOf(StoreRefusedException.class);
                for (Throwable each = refused; each != null; each = each.getCause()) {
                    assertThat(each.getMessage()).matches(LoggedLines::isOneLine, "one line");
                }
                assertThat(adapter.acquire(key)).isFalse();
                assertThat(adapter.release(key)).isFalse();
                redis.command("DEL", "lock:" + key);

                Lease lease = mutex.acquire(key);
                mutex.forceRelease(key);
                assertThat(lease.release()).isFalse();
            });
        }
        assertThat(log.count()).isPositive();
        log.check();
    }

    @Test
    void whatIsNoKeyPrefixOrLabelIsRefusedBeforeAnythingIsSent() throws Exception {
        try (DistributedMutex mutex = connect("lock:", "label");
                DistributedMutex inMemory =
                        DistributedMutex.builder(new InMemoryLockStore()).build()) {
            long before = commandsProcessed();
            Fuzz.rounds(200, input -> {
                String tooLong = input.text(513, 600);
                String broken = input.brokenText(512);
                for (DistributedMutex each : List.of(mutex, inMemory)) {
                    MutexAdapter adapter = new MutexAdapter(each);
                    for (Consumer<String> method : List.<Consumer<String>>of(
                            each::acquire,
                            each::tryAcquire,
                            each::acquireAsync,
                            each::asLock,
                            each::inspect,
                            each::forceRelease,
                            adapter::acquire,
                            adapter::release)) {
                        checkRefused(method, tooLong, "at most 512 characters, but has " + tooLong.length());
                        checkRefused(method, broken, "not well-formed Unicode");
                    }
                }
                checkRefused(RedisMutex.builder()::keyPrefix, tooLong, "128 characters");
                checkRefused(RedisMutex.builder()::keyPrefix, input.brokenText(128), "well-formed Unicode");
                for (Consumer<String> label : List.<Consumer<String>>of(
                        RedisMutex.builder()::holderLabel,
                        DistributedMutex.builder(new InMemoryLockStore())::holderLabel)) {
                    checkRefused(label, input.text(129, 140), "128 characters");
                    checkRefused(label, input.brokenText(128), "well-formed Unicode");
                }
            });
            // The question itself is the one command more.
            assertThat(commandsProcessed()).isEqualTo(before + 1);
        }
        log.check();
    }

    private long commandsProcessed() {
        Matcher line = Pattern.compile("total_commands_processed:(\\d+)")
                .matcher(String.valueOf(redis.command("INFO", "stats")));
        assertThat(line.find()).isTrue();
        return Long.parseLong(line.group(1));
    }

    private static void checkRefused(Consumer<String> method, String text, String why) {
        Throwable refused = catchThrowable(() -> method.accept(text));
        assertThat(refused).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(why);
        assertThat(refused.getMessage()).matches(LoggedLines::isOneLine, "one line");
    }
}
