package io.distributedmutex.testkit.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What ends a server, and leaves nothing behind: close, an interrupt, the end of the JVM; not the end of a thread. */
@Tag("slow")
@Timeout(60)
final class EmbeddedRedisEndTest {

    private static final Duration SHORT = Duration.ofMillis(200);
    private static final Duration LONG = Duration.ofSeconds(10);

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void leavesNothingBehindWhenClosedEvenIfPaused() {
        EmbeddedRedis redis = EmbeddedRedis.builder().dataKept(true).start();
        assertThat(redis.folder()).isDirectory();
        redis.pause();

        redis.close();
        redis.close();

        assertThat(redis.isAlive()).isFalse();
        assertThat(ProcessHandle.of(redis.pid())).isEmpty();
        assertThat(redis.folder()).doesNotExist();
        assertThat(redis.log()).isEmpty();
        assertThatThrownBy(redis::restart).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(redis::restartEmpty).hasMessageContaining("is closed");
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void obeysAnInterruptedThreadAndKeepsItsFlag() {
        EmbeddedRedis redis = EmbeddedRedis.start();
        Thread.currentThread().interrupt();

        redis.pause();
        assertThat(redis.isPaused()).isTrue();
        redis.resume();
        assertThat(redis.log()).contains("Ready to accept connections");
        redis.close();

        assertThat(Thread.interrupted()).isTrue();
        assertThat(redis.isAlive()).isFalse();
        assertThat(redis.folder()).doesNotExist();
    }

    @Test
    void leavesNothingBehindWhenItsStartIsInterrupted() {
        EmbeddedRedisBuilder builder = EmbeddedRedis.builder();
        long before = childServers();
        Thread.currentThread().interrupt();

        assertThatThrownBy(builder::start)
                .isInstanceOf(EmbeddedRedisException.class)
                .hasCauseInstanceOf(InterruptedException.class);

        assertThat(Thread.interrupted()).isTrue();
        assertThat(childServers()).isEqualTo(before);
    }

    /** The kernel's parent death signal is tied to the thread that started a process; see RedisProcess. */
    @Test
    void outlivesTheThreadThatStartedIt() throws Exception {
        CompletableFuture<EmbeddedRedis> started = new CompletableFuture<>();
        Thread starter = new Thread(() -> started.complete(EmbeddedRedis.start()), "starter");
        starter.start();
        try (EmbeddedRedis redis = started.get(30, TimeUnit.SECONDS)) {
            starter.join(LONG.toMillis());
            ProcessHandle process = ProcessHandle.of(redis.pid()).orElseThrow();

            assertThatThrownBy(() -> process.onExit().get(SHORT.toMillis(), TimeUnit.MILLISECONDS))
                    .isInstanceOf(TimeoutException.class);
            assertThat(redis.command("PING")).isEqualTo("PONG");
        }
    }

    @Test
    void endsWithItsJvm() throws Exception {
        Process jvm = ServerOwner.start("exit");
        ServerOwner.Report report = ServerOwner.report(jvm);

        assertThat(jvm.waitFor(30, TimeUnit.SECONDS)).isTrue();

        assertThat(endsSoon(report.pid())).isTrue();
        assertThat(report.folder()).doesNotExist();
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void endsWithAJvmThatIsKilled() throws Exception {
        Process jvm = ServerOwner.start("stay");
        ServerOwner.Report report = ServerOwner.report(jvm);
        assertThat(ProcessHandle.of(report.pid())).isPresent();

        jvm.destroyForcibly();

        assertThat(jvm.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(endsSoon(report.pid())).isTrue();
        new ServerFolder(report.folder()).delete(); // Nobody was left to do it.
    }

    private static boolean endsSoon(long pid) throws Exception {
        Optional<ProcessHandle> process = ProcessHandle.of(pid);
        if (process.isEmpty()) {
            return true;
        }
        try {
            return process.get().onExit().get(LONG.toMillis(), TimeUnit.MILLISECONDS) != null;
        } catch (TimeoutException late) {
            return !process.get().destroyForcibly(); // Not left behind by the test either.
        }
    }

    private static long childServers() {
        try (Stream<ProcessHandle> children = ProcessHandle.current().children()) {
            return children.filter(child -> child.info().command().orElse("").contains("redis-server"))
                    .count();
        }
    }
}
