package io.distributedmutex.verification.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LossReason;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.CommandLineTool;
import io.distributedmutex.testing.Fuzz;
import io.distributedmutex.testing.LoggedLines;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import io.lettuce.core.SetArgs;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever somebody else wrote at a lock's key: it is respected, shown harmlessly, and left as it is. */
@ParameterizedClass
@MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
class LockValueFuzzTest {

    private static final long TWO_TO_53 = 1L << 53;
    private static final byte[] LOCK = RawRedis.utf8("lock:k");

    @Parameter
    RedisExecutable executable;

    private static EmbeddedRedis redis;
    private static RawRedis raw;
    private final LoggedLines log = new LoggedLines();
    private DistributedMutex mutex;

    @BeforeParameterizedClassInvocation
    static void startServer(RedisExecutable executable) {
        redis = EmbeddedRedis.builder().executable(executable.path()).start();
        raw = new RawRedis(redis);
    }

    @AfterParameterizedClassInvocation
    static void stopServer() {
        raw.close();
        redis.close();
    }

    @BeforeEach
    void start() {
        redis.command("FLUSHALL");
        // A value of megabytes may take a busy machine longer than the usual 2 s.
        mutex = RedisMutex.builder()
                .uri(redis.uri())
                .commandTimeout(Duration.ofSeconds(20))
                .connect();
    }

    @AfterEach
    void stop() {
        mutex.close();
        log.close();
    }

    @Test
    void aValueOfOthersIsRespectedAndLeftAsItIs() throws Exception {
        Fuzz.rounds(300, input -> {
            byte[] value = input.value();
            raw.commands().set(LOCK, value);

            assertThat(mutex.tryAcquire("k")).isEmpty();
            if (input.oneIn(20)) {
                // Zero would not queue.
                DistributedMutex waiting = mutex.with(options -> options.waitTime(Duration.ofMillis(20)));
                Throwable timedOut = catchThrowable(() -> waiting.acquire("k"));
                assertThat(timedOut).isInstanceOf(LockNotAcquiredException.class);
                assertThat(timedOut.getMessage()).matches(LoggedLines::isOneLine, "one line");
            }
            checkInfo(mutex.inspect("k").orElseThrow());
            assertThat(raw.commands().get(LOCK)).isEqualTo(value);
            assertThat(raw.commands().pttl(LOCK)).isEqualTo(-1);

            if (input.oneIn(2)) {
                checkInfo(mutex.forceRelease("k").orElseThrow());
            } else {
                raw.commands().del(LOCK);
            }
            try (Lease lease = mutex.acquire("k")) {
                assertThat(lease.isValid()).isTrue();
            }
        });
        log.check();
    }

    private static void checkInfo(LockInfo info) {
        info.holder().ifPresent(holder -> assertThat(holder).hasSizeLessThanOrEqualTo(128));
        info.fencingToken().ifPresent(token -> assertThat(token).isPositive().isLessThan(TWO_TO_53));
        assertThat(info.fencingToken().isEmpty() || info.holder().isPresent()).isTrue();
    }

    @Test
    void aLeaseThatIsOverwrittenIsLostAndTheNewValueStays() throws Exception {
        Fuzz.rounds(200, input -> {
            byte[] value = input.value();
            Lease lease = mutex.acquire("k");
            raw.commands().set(LOCK, value, new SetArgs().px(50_000));

            if (input.oneIn(2)) {
                assertThat(catchThrowable(() -> lease.extend(Duration.ofMinutes(2))))
                        .isInstanceOf(LeaseLostException.class);
            } else {
                assertThat(lease.release()).isFalse();
            }
            assertThat(lease.state()).isEqualTo(LeaseState.LOST);
            assertThat(lease.lossReason()).contains(LossReason.TAKEN);
            assertThat(raw.commands().get(LOCK)).isEqualTo(value);
            assertThat(raw.commands().pttl(LOCK)).isBetween(20_000L, 50_000L);
            raw.commands().del(LOCK);
        });
        log.check();
    }

    @Test
    void theToolShowsAnyValueAsCleanTextAndAsJson() throws Exception {
        Fuzz.rounds(12, input -> {
            raw.commands().flushall();
            for (int i = 0; i < 20; i++) {
                raw.commands().set(RawRedis.utf8("lock:" + input.text(1, 40) + i), input.value());
            }
            for (List<String> arguments :
                    List.of(List.of("list"), List.of("inspect", "k"), List.of("release", "--force", "k"))) {
                for (boolean json : List.of(false, true)) {
                    raw.commands().set(LOCK, input.value());
                    CommandLineTool.Result result = Tool.run(command(arguments, json));
                    assertThat(result.err()).isEmpty();
                    assertThat(result.exitCode()).isZero();
                    assertThat(result.out()).endsWith("\n");
                    assertThat(result.out().lines()).allMatch(LoggedLines::isOneLine);
                    assertThat(result.out().lines().count()).isEqualTo(linesOf(arguments.get(0), json, result.out()));
                    if (json) {
                        assertThat(result.out().strip()).matches(StrictJson::isJson, "JSON");
                    }
                }
            }
        });
    }

    private static int linesOf(String command, boolean json, String out) {
        if (json || command.equals("release")) {
            return 1;
        }
        // A heading and the locks; or a line for each thing that is known of one.
        if (command.equals("list")) {
            return 1 + 20 + 1;
        }
        // Since when a lock is held is known where its fencing token is a time.
        return out.lines().anyMatch(line -> line.startsWith("since")) ? 9 : 8;
    }

    private String[] command(List<String> arguments, boolean json) {
        return java.util.stream.Stream.concat(
                        arguments.stream(),
                        java.util.stream.Stream.of("--redis=" + redis.uri(), json ? "--json" : "--timeout=2s"))
                .toArray(String[]::new);
    }

    @Test
    void aHugeValueIsNotSentToThoseWhoWaitForIt() {
        // The server may take 100 ms to look at it; the wait is long enough for many looks.
        int size = 20_000_000;
        raw.commands().set(LOCK, new byte[size]);
        long sentBefore = bytesSent();
        DistributedMutex waiting =
                mutex.with(options -> options.waitTime(Duration.ofSeconds(2)).retryInterval(Duration.ofMillis(20)));

        assertThat(catchThrowable(() -> waiting.acquire("k"))).isInstanceOf(LockNotAcquiredException.class);
        assertThat(mutex.inspect("k").orElseThrow().holder()).isEmpty();
        assertThat(mutex.forceRelease("k").orElseThrow().holder()).isEmpty();

        assertThat(bytesSent() - sentBefore).isLessThan(size);
    }

    private static long bytesSent() {
        String sent = String.valueOf(redis.command("INFO", "stats"))
                .lines()
                .filter(line -> line.startsWith("total_net_output_bytes:"))
                .findFirst()
                .orElseThrow();
        return Long.parseLong(sent.substring(sent.indexOf(':') + 1));
    }
}
