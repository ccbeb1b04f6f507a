package io.distributedmutex.lab;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.CommandLineTool.Result;
import io.distributedmutex.testing.CommandLineTool.Running;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the {@code ./dmutex} of a checkout offers besides the tool. */
class CommandLineTest {

    @Test
    void helpTeachesTheCommandsOfTheToolAndTheLab() {
        Result result = Tool.run("--help");
        assertThat(result.exitCode()).isZero();
        assertThat(result.out())
                .contains("demo", "chaos", "exec", "inspect", "list", "release", "completion", "dmutex demo  ")
                .doesNotContain("worker");
    }

    @ParameterizedTest
    @ValueSource(strings = {"demo", "exec", "inspect", "list", "release"})
    void everyCommandsHelpHasExamplesAndExitCodes(String command) {
        Result result = Tool.run(command, "--help");
        assertThat(result.exitCode()).isZero();
        assertThat(result.out()).contains("Examples:", "Exit codes:", "REDIS_URL", "--embedded");
        assertThat(Tool.run("help", command).out()).isEqualTo(result.out());
    }

    @Test
    void chaosSaysWhatItAttacks() {
        assertThat(Tool.run("chaos", "--help").out())
                .contains("--topology=TOPOLOGY", "Default: standalone", "standalone:", "sentinel:", "cluster:");
    }

    @Test
    void completionKnowsTheLabToo() {
        assertThat(Tool.run("completion").out())
                .contains("demo", "chaos", "(\"standalone\" \"sentinel\" \"cluster\")")
                .doesNotContain("demo-worker");
    }

    private static Stream<Arguments> mistakes() {
        return Stream.of(
                Arguments.of(List.of("inspect", "k", "--embedded", "--redis=redis://h"), "exclude each other"),
                Arguments.of(List.of("demo", "--workers", "1"), "--workers must be from 2 to 16, but is 1"),
                Arguments.of(
                        List.of("chaos", "--topology", "ring"),
                        "Invalid value for option '--topology': 'ring' is none of standalone, sentinel, cluster"),
                Arguments.of(List.of("chaos", "--topology"), "--topology"),
                Arguments.of(
                        List.of("chaos", "--topology", "cluster", "--keys", "1"),
                        "--keys must be from 2 to 32 with --topology cluster"),
                Arguments.of(
                        List.of("chaos", "--sabotage", "STAY"),
                        "--sabotage STAY makes no difference with --topology standalone"),
                Arguments.of(
                        List.of("chaos", "--topology", "cluster", "--sabotage", "STAY"),
                        "--sabotage STAY makes no difference with --topology cluster"),
                Arguments.of(List.of("demo", "--seconds", "4"), "--seconds must be from 5 to 600, but is 4"));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void aMistakeIsToldInOneLine(List<String> arguments, String message) {
        Result result = Tool.run(arguments.toArray(String[]::new));
        assertThat(result.exitCode()).isEqualTo(64);
        assertThat(result.err())
                .startsWith("dmutex: ")
                .contains(message)
                .contains("--help')")
                .hasLineCount(1);
        assertThat(result.out()).isEmpty();
    }

    @Test
    void anUnreachableRedisIsToldInOneLineWithoutThePassword() {
        Result result = Tool.run("demo", "--redis=redis://user:sesame@127.0.0.1:1");
        assertThat(result.exitCode()).isEqualTo(69);
        assertThat(result.err())
                .startsWith("dmutex: could not connect to Redis at 127.0.0.1:1")
                .hasLineCount(1);
        assertThat(result.out() + result.err()).doesNotContain("sesame");
    }

    @Test
    void anEmbeddedServerLivesAsLongAsTheCommand() {
        long before = redisChildren();
        Result result = Tool.run("list", "--embedded");
        assertThat(result.out()).as(result.err()).isEqualTo("no locks are held\n");
        assertThat(redisChildren()).isEqualTo(before);
    }

    @Test
    void aCommandUnderALockFindsTheEmbeddedServer(@TempDir Path directory) throws Exception {
        try (Running running = Tool.start(directory, "exec", "--embedded", "k", "--", "sh", "-c", "echo $REDIS_URL")) {
            Result result = running.end();
            assertThat(result.exitCode()).as(result.err()).isZero();
            assertThat(result.out()).startsWith("redis://127.0.0.1:");
        }
    }

    private static long redisChildren() {
        return ProcessHandle.current()
                .descendants()
                .filter(process -> process.info().command().orElse("").contains("redis"))
                .count();
    }
}
