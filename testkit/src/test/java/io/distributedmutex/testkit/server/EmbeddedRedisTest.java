package io.distributedmutex.testkit.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What a server does in its life: start, answer, stop, die, stand still, come back. */
@Tag("slow")
@Timeout(60)
final class EmbeddedRedisTest {

    private static final Duration SHORT = Duration.ofMillis(200);
    private static final Duration LONG = Duration.ofSeconds(10);

    @Test
    void answersAtItsAddress() {
        try (EmbeddedRedis redis = EmbeddedRedis.start()) {
            assertThat(redis.command("PING")).isEqualTo("PONG");
            assertThat(redis.host()).isEqualTo("127.0.0.1");
            assertThat(redis.uri()).isEqualTo("redis://127.0.0.1:" + redis.port());
            assertThat(redis.port()).isBetween(10_000, 19_999);
            assertThat(redis.isAlive()).isTrue();
            assertThat(redis.isPaused()).isFalse();
            assertThat(ProcessHandle.of(redis.pid())).get().matches(ProcessHandle::isAlive);
            assertThat(redis)
                    .hasToString(
                            redis.executable() + " on 127.0.0.1:" + redis.port() + " (process " + redis.pid() + ")");
            assertThat(redis.log()).contains("Ready to accept connections");
        }
    }

    @Test
    void translatesEveryKindOfReply() {
        try (EmbeddedRedis redis = EmbeddedRedis.start()) {
            String text = "é\r\n".repeat(10_000);

            assertThat(redis.command("SET", "text", text)).isEqualTo("OK");
            assertThat(redis.command("GET", "text")).isEqualTo(text);
            assertThat(redis.command("GET", "absent")).isNull();
            assertThat(redis.command("STRLEN", "text")).isEqualTo(40_000L);
            assertThat(redis.command("MGET", "absent", "text"))
                    .asInstanceOf(InstanceOfAssertFactories.list(Object.class))
                    .containsExactly(null, text);
            assertThat(redis.command("EVAL", "return {1,{'a',{}}}", "0"))
                    .isEqualTo(List.of(1L, List.of("a", List.of())));
            assertThatThrownBy(() -> redis.command("INCR", "text"))
                    .isInstanceOf(EmbeddedRedisException.class)
                    .hasMessage("INCR on " + redis + ": ERR value is not an integer or out of range");
            assertThatThrownBy(redis::command).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void endsWhenStopped() {
        try (EmbeddedRedis redis = EmbeddedRedis.start()) {
            redis.stop();

            assertThat(redis.isAlive()).isFalse();
            assertThat(redis.log()).contains("User requested shutdown");
            assertThat(ProcessHandle.of(redis.pid())).isEmpty();
            assertThatThrownBy(() -> redis.command("PING"))
                    .isInstanceOf(EmbeddedRedisException.class)
                    .hasMessageContaining("did not answer PING");
            redis.stop();
        }
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void endsInGoodOrderWhenStoppedWhilePaused() {
        try (EmbeddedRedis redis = EmbeddedRedis.start()) {
            redis.pause();

            redis.stop();

            assertThat(redis.isAlive()).isFalse();
            assertThat(redis.isPaused()).isFalse();
            assertThat(redis.log()).contains("User requested shutdown");
        }
    }

    @Test
    void diesWithoutGoodbyeWhenKilled() {
        try (EmbeddedRedis redis = EmbeddedRedis.start()) {
            redis.kill();

            assertThat(redis.isAlive()).isFalse();
            assertThat(ProcessHandle.of(redis.pid())).isEmpty();
            assertThat(redis.log()).doesNotContain("User requested shutdown");
            redis.kill();
        }
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void answersNothingWhilePausedAndEverythingAfterwards() throws IOException {
        try (EmbeddedRedis redis = EmbeddedRedis.start();
                RespConnection patient = RespConnection.open(redis.port(), LONG)) {
            redis.pause();
            redis.pause();

            assertThat(redis.isPaused()).isTrue();
            assertThat(redis.isAlive()).isTrue();
            assertThatThrownBy(() -> RespConnection.ask(redis.port(), null, SHORT, List.of("PING")))
                    .isInstanceOf(IOException.class);

            redis.resume();
            redis.resume();

            assertThat(redis.isPaused()).isFalse();
            assertThat(patient.call(List.of("PING"))).isEqualTo("PONG");
            assertThat(redis.command("PING")).isEqualTo("PONG");
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void standsStillAsSoonAsPauseReturns() throws IOException {
        try (EmbeddedRedis redis = EmbeddedRedis.start()) {
            Path stat = Path.of("/proc", Long.toString(redis.pid()), "stat");
            for (int round = 0; round < 20; round++) {
                redis.pause();
                assertThat(Files.readString(stat)).contains(") T ");
                redis.resume();
                assertThat(Files.readString(stat)).doesNotContain(") T ");
            }
        }
    }

    @Test
    void refusesToPauseWhatIsNotAlive() {
        try (EmbeddedRedis redis = EmbeddedRedis.start()) {
            redis.kill();

            assertThatThrownBy(redis::pause)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("it is not alive");
            redis.resume();
        }
    }

    @Test
    void keepsItsDataOverKillAndRestartIfAsked() {
        try (EmbeddedRedis redis = EmbeddedRedis.builder().dataKept(true).start()) {
            int port = redis.port();
            long pid = redis.pid();
            for (int index = 0; index < 1_000; index++) {
                assertThat(redis.command("INCR", "counter")).isEqualTo(index + 1L);
            }

            redis.kill();
            redis.restart();

            assertThat(redis.command("GET", "counter")).isEqualTo("1000");
            assertThat(redis.port()).isEqualTo(port);
            assertThat(redis.pid()).isNotEqualTo(pid);
            redis.restart();
            assertThat(redis.command("GET", "counter")).isEqualTo("1000");
        }
    }

    @Test
    void forgetsItsDataAtARestartByDefault() {
        try (EmbeddedRedis redis = EmbeddedRedis.start()) {
            assertThat(redis.command("SET", "key", "value")).isEqualTo("OK");

            redis.restart();

            assertThat(redis.command("GET", "key")).isNull();
        }
    }

    /** What the chaos run builds on: it excuses no two holders for a restart with data. */
    @Test
    void keepsWhateverItHasConfirmedWhenItIsKilledInTheMiddleOfIt() {
        try (EmbeddedRedis redis = EmbeddedRedis.builder().dataKept(true).start()) {
            for (int round = 1; round <= 3; round++) {
                AtomicLong confirmed = new AtomicLong();
                CompletableFuture<Void> writer =
                        CompletableFuture.runAsync(() -> count(redis.port(), confirmed), OwnThread.EACH);
                long least = 500L * round;
                Await.until("writes to be confirmed", () -> confirmed.get() >= least);
                redis.kill();
                assertThat(writer).failsWithin(LONG);

                redis.restart();

                assertThat(Long.parseLong(String.valueOf(redis.command("GET", "counter"))))
                        .isGreaterThanOrEqualTo(confirmed.get());
            }
        }
    }

    private static void count(int port, AtomicLong confirmed) {
        try (RespConnection connection = RespConnection.open(port, LONG)) {
            while (true) {
                confirmed.set(Long.parseLong(String.valueOf(connection.call(List.of("INCR", "counter")))));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void losesEverythingAtAnEmptyRestart() {
        try (EmbeddedRedis redis = EmbeddedRedis.builder().dataKept(true).start()) {
            int port = redis.port();
            assertThat(redis.command("SET", "key", "value")).isEqualTo("OK");

            redis.restartEmpty();

            assertThat(redis.command("DBSIZE")).isEqualTo(0L);
            assertThat(redis.port()).isEqualTo(port);
            assertThat(redis.isAlive()).isTrue();
        }
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void restartsFromAPause() {
        try (EmbeddedRedis redis = EmbeddedRedis.start()) {
            redis.pause();
            redis.restart();
            assertThat(redis.command("PING")).isEqualTo("PONG");

            redis.pause();
            redis.restartEmpty();
            assertThat(redis.isPaused()).isFalse();
            assertThat(redis.command("PING")).isEqualTo("PONG");
        }
    }

    @Test
    void restartsOnItsPortThoughClientsKeepReconnecting() {
        try (EmbeddedRedis redis = EmbeddedRedis.start()) {
            AtomicBoolean over = new AtomicBoolean();
            CompletableFuture<Void> storm =
                    CompletableFuture.runAsync(() -> reconnect(redis.port(), over), OwnThread.EACH);
            for (int round = 0; round < 5; round++) {
                redis.kill();
                redis.restart();
                assertThat(redis.command("PING")).isEqualTo("PONG");
            }
            assertThat(storm).isNotDone();
            over.set(true);
            assertThat(storm).succeedsWithin(LONG);
        }
    }

    @Test
    void followsItsPrimary() {
        try (EmbeddedRedis primary = EmbeddedRedis.builder().password("s3cret").start()) {
            assertThat(primary.command("SET", "key", "value")).isEqualTo("OK");
            try (EmbeddedRedis replica =
                    EmbeddedRedis.builder().replicaOf(primary).start()) {
                assertThat(replica.command("GET", "key")).isEqualTo("value");
                assertThat(replica.command("INFO", "replication")).asString().contains("role:slave");

                primary.kill();
                replica.restart();

                assertThat(replica.command("PING")).isEqualTo("PONG");
            }
        }
    }

    @Test
    void startsManyAtATimeOnPortsOfTheirOwn() {
        List<CompletableFuture<EmbeddedRedis>> starts = IntStream.range(0, 8)
                .mapToObj(index -> CompletableFuture.supplyAsync(EmbeddedRedis::start, OwnThread.EACH))
                .toList();
        List<EmbeddedRedis> servers =
                starts.stream().map(CompletableFuture::join).toList();
        try {
            assertThat(servers).extracting(EmbeddedRedis::port).doesNotHaveDuplicates();
            assertThat(servers).extracting(EmbeddedRedis::folder).doesNotHaveDuplicates();
            assertThat(servers)
                    .allSatisfy(redis -> assertThat(redis.command("PING")).isEqualTo("PONG"));
        } finally {
            servers.forEach(EmbeddedRedis::close);
        }
    }

    /** Does what a client does while its server is down, as fast as it can, for a minute at most. */
    private static void reconnect(int port, AtomicBoolean over) {
        long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
        while (!over.get() && System.nanoTime() - deadline < 0) {
            try {
                assertThat(RespConnection.ask(port, null, SHORT, List.of("PING")))
                        .isEqualTo("PONG");
            } catch (IOException | EmbeddedRedisException down) {
                // Tried again at once.
            }
        }
    }
}
