package io.distributedmutex.testkit.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.testkit.internal.Loopback;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a server can be told to be, and what is said when it cannot be that. */
@Tag("slow")
@Timeout(60)
final class EmbeddedRedisBuilderTest {

    private static final Duration LONG = Duration.ofSeconds(10);

    @ParameterizedTest
    @MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
    void runsEveryExecutableOfThisMachine(RedisExecutable executable) {
        try (EmbeddedRedis redis =
                EmbeddedRedis.builder().executable(executable.path()).start()) {
            assertThat(redis.executable()).isEqualTo(executable);
            assertThat(redis.command("INFO", "server"))
                    .asString()
                    .contains(executable.product() + "_version:" + redis.version());
            assertThat(redis.command("DEBUG", "SLEEP", "0")).isEqualTo("OK");
        }
    }

    @Test
    void listsTheEmbeddedExecutableFirstAndEachOnce() throws IOException {
        List<RedisExecutable> executables = EmbeddedRedis.executables();

        assertThat(executables.get(0)).isEqualTo(RedisExecutable.embedded());
        assertThat(executables.get(0)).hasToString("redis 6.2.11");
        assertThat(realPaths(executables)).doesNotHaveDuplicates();
        assertThat(EmbeddedRedis.installed())
                .isEqualTo(
                        executables.stream().skip(1).map(RedisExecutable::path).findFirst());
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    @ResourceLock(Resources.SYSTEM_PROPERTIES)
    void takesItsExecutableFromTheSystemProperty(@TempDir Path folder) throws IOException {
        Path wrapper = script(
                folder.resolve("my-server"),
                "exec " + RedisExecutable.embedded().path() + " \"$@\"");
        String property = "dmutex.redis.executable";
        String before = System.getProperty(property);
        try {
            System.setProperty(property, wrapper.toString());
            try (EmbeddedRedis redis = EmbeddedRedis.start()) {
                assertThat(redis.executable().path()).isEqualTo(wrapper);
            }
            System.setProperty(property, "embedded");
            try (EmbeddedRedis redis = EmbeddedRedis.start()) {
                assertThat(redis.executable()).isEqualTo(RedisExecutable.embedded());
            }
            System.setProperty(property, "no-such-server");
            assertThatThrownBy(EmbeddedRedis::start)
                    .hasMessageContaining("system property dmutex.redis.executable is 'no-such-server'")
                    .hasMessageContaining("/usr/bin");
        } finally {
            if (before == null) {
                System.clearProperty(property);
            } else {
                System.setProperty(property, before);
            }
        }
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void saysWhatIsWrongWithAnExecutable(@TempDir Path folder) throws IOException {
        Path absent = folder.resolve("absent");
        Path text = Files.writeString(folder.resolve("text"), "no program");
        Path impostor = script(folder.resolve("impostor"), "echo I am a teapot");

        assertThatThrownBy(() -> EmbeddedRedis.builder().executable(absent).start())
                .isInstanceOf(EmbeddedRedisException.class)
                .hasMessage(absent + " is not an executable file");
        assertThatThrownBy(() -> EmbeddedRedis.builder().executable(text).start())
                .hasMessage(text + " is not an executable file");
        assertThatThrownBy(() -> EmbeddedRedis.builder().executable(folder).start())
                .hasMessage(folder + " is not an executable file");
        assertThatThrownBy(() -> EmbeddedRedis.builder().executable(impostor).start())
                .isInstanceOf(EmbeddedRedisException.class)
                .hasMessageContaining("does not answer like a Redis or Valkey server but with: I am a teapot");
    }

    @Test
    void asksForItsPasswordAndTellsItInTheUriOnly() {
        String password = "p@ss \"wörd\" \\%/:";
        try (EmbeddedRedis redis = EmbeddedRedis.builder().password(password).start()) {
            assertThatThrownBy(() -> RespConnection.ask(redis.port(), null, LONG, List.of("PING")))
                    .hasMessageContaining("NOAUTH");
            assertThat(redis.command("PING")).isEqualTo("PONG");
            assertThat(redis.uri())
                    .isEqualTo("redis://:p%40ss%20%22w%C3%B6rd%22%20%5C%25%2F%3A@127.0.0.1:" + redis.port());
            assertThat(redis.toString() + redis.log()).doesNotContain(password);
            assertThat(ProcessHandle.of(redis.pid())
                            .flatMap(handle -> handle.info().commandLine()))
                    .hasValueSatisfying(line -> assertThat(line).doesNotContain("p@ss"));
        }
    }

    @Test
    void takesAnyDirective() {
        try (EmbeddedRedis redis = EmbeddedRedis.builder()
                .config("notify-keyspace-events", "Ex")
                .config("client-output-buffer-limit", "pubsub", "1mb", "1mb", "7")
                .config("rename-command", "FLUSHDB", "")
                .start()) {
            assertThat(redis.command("CONFIG", "GET", "notify-keyspace-events"))
                    .asInstanceOf(InstanceOfAssertFactories.list(Object.class))
                    .last()
                    .asString()
                    .contains("x");
            assertThat(redis.command("CONFIG", "GET", "client-output-buffer-limit"))
                    .asString()
                    .contains("pubsub 1048576 1048576 7");
            assertThatThrownBy(() -> redis.command("FLUSHDB")).hasMessageContaining("unknown command");
        }
    }

    @Test
    void persistsNothingUnlessAsked() {
        try (EmbeddedRedis redis = EmbeddedRedis.start()) {
            assertThat(redis.command("CONFIG", "GET", "save")).isEqualTo(List.of("save", ""));
            assertThat(redis.command("CONFIG", "GET", "appendonly")).isEqualTo(List.of("appendonly", "no"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"port", "requirepass", "appendonly", "replicaof", "bind", "dir", "logfile", "DAEMONIZE"})
    void refusesADirectiveThatAnotherOptionSets(String name) {
        EmbeddedRedisBuilder builder = EmbeddedRedis.builder();

        assertThatThrownBy(() -> builder.config(name, "1"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'" + name.toLowerCase(Locale.ROOT) + "' cannot be set: ");
    }

    @Test
    void refusesOptionsOutOfBounds() {
        EmbeddedRedisBuilder builder = EmbeddedRedis.builder();

        assertThatThrownBy(() -> builder.port(65_536)).hasMessage("port 65536 is not within 1 to 65535");
        assertThatThrownBy(() -> builder.port(0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> builder.password("")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> builder.config("maxmemory")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> builder.config("max memory", "1")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> builder.line("maxmemory 1\nport 1")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void saysWhyItDidNotStartWithoutThePassword() {
        EmbeddedRedisBuilder builder =
                EmbeddedRedis.builder().password("hunter22").config("no-such-directive", "hunter22");

        assertThatThrownBy(builder::start)
                .isInstanceOf(EmbeddedRedisException.class)
                .hasMessageContaining("could not be started: it ended with exit code 1")
                .hasMessageContaining("Bad directive or wrong number of arguments")
                .hasMessageContaining("command: ")
                .hasMessageContaining("redis.conf")
                .hasMessageNotContaining("hunter22");
    }

    @Test
    void saysThatItsPortIsInUse() throws IOException {
        try (ServerSocket taken = new ServerSocket()) {
            taken.bind(Loopback.address(0));
            EmbeddedRedisBuilder builder = EmbeddedRedis.builder().port(taken.getLocalPort());

            assertThatThrownBy(builder::start)
                    .isInstanceOf(EmbeddedRedisException.class)
                    .hasMessageContaining(
                            "127.0.0.1:" + taken.getLocalPort() + " could not be started: the port is already in use")
                    .hasMessageContaining("Address already in use");
        }
    }

    @Test
    void doesNotMistakeAnotherServerOnItsPortForItself() {
        try (EmbeddedRedis first = EmbeddedRedis.start()) {
            EmbeddedRedisBuilder second = EmbeddedRedis.builder().port(first.port());

            assertThatThrownBy(second::start).hasMessageContaining("the port is already in use");
            assertThat(first.command("PING")).isEqualTo("PONG");
        }
    }

    private static List<Path> realPaths(List<RedisExecutable> executables) throws IOException {
        List<Path> paths = new ArrayList<>();
        for (RedisExecutable executable : executables) {
            paths.add(executable.path().toRealPath());
        }
        return paths;
    }

    private static Path script(Path path, String command) throws IOException {
        Files.writeString(path, "#!/bin/sh\n" + command + "\n");
        assertThat(path.toFile().setExecutable(true)).isTrue();
        return path;
    }
}
