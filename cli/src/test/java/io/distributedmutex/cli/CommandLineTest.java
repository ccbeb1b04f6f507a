package io.distributedmutex.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.CommandLineTool;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the tool says of itself, and to those who mistype. */
class CommandLineTest {

    /** A port on which nothing can listen. */
    private static final String NOWHERE = "127.0.0.1:1";

    @Test
    void withoutACommandTheToolExplainsItself() {
        CommandLineTool.Result result = Tool.run();
        assertThat(result.exitCode()).isEqualTo(64);
        assertThat(result.err()).startsWith("Usage: dmutex").contains("Examples:");
        assertThat(result.out()).isEmpty();
    }

    @Test
    void helpTeachesTheCommands() {
        CommandLineTool.Result result = Tool.run("--help");
        assertThat(result.exitCode()).isZero();
        assertThat(result.out())
                .contains("exec", "inspect", "list", "release", "completion")
                .doesNotContain("demo", "chaos");
    }

    @ParameterizedTest
    @ValueSource(strings = {"exec", "inspect", "list", "release"})
    void everyCommandsHelpHasExamplesAndExitCodes(String command) {
        CommandLineTool.Result result = Tool.run(command, "--help");
        assertThat(result.exitCode()).isZero();
        assertThat(result.out()).contains("Examples:", "Exit codes:", "REDIS_URL");
        assertThat(Tool.run("help", command).out()).isEqualTo(result.out());
    }

    @Test
    void theVersionIsOneLine() {
        assertThat(Tool.run("--version").out()).matches("dmutex .*, Java .*\n");
    }

    @Test
    void completionIsAScriptOfAllCommands() {
        CommandLineTool.Result result = Tool.run("completion");
        assertThat(result.exitCode()).isZero();
        assertThat(result.out())
                .startsWith("#!/usr/bin/env bash")
                .contains("complete -F _complete_dmutex")
                .contains("--no-wait");
    }

    private static Stream<Arguments> mistakes() {
        return Stream.of(
                Arguments.of(List.of("frob"), "there is no command 'frob'"),
                Arguments.of(List.of("--frob"), "Unknown option: '--frob'"),
                Arguments.of(List.of("inspect"), "Missing required parameter: 'KEY'"),
                Arguments.of(List.of("inspect", ""), "the key must not be empty"),
                Arguments.of(List.of("inspect", "k".repeat(513)), "at most 512 characters, but has 513"),
                Arguments.of(List.of("inspect", "\uFFFD"), "set LC_ALL=C.UTF-8"),
                Arguments.of(List.of("inspect", "k", "--redi", "x"), "did you mean --redis?"),
                Arguments.of(
                        List.of("inspect", "k", "--timeout", "1ms"), "--timeout must be from 10ms to 1m, but is 1ms"),
                Arguments.of(
                        List.of("inspect", "k", "--timeout", "2"),
                        "Invalid value for option '--timeout': '2' has no unit"),
                Arguments.of(List.of("inspect", "k", "--embedded"), "Unknown option: '--embedded'"),
                Arguments.of(List.of("list", "--limit", "0"), "--limit must be from 1 to 1000000, but is 0"),
                Arguments.of(List.of("exec", "k"), "COMMAND"),
                Arguments.of(List.of("exec", "k", "ls"), "put -- between the key and the command"),
                Arguments.of(List.of("exec", "--", "k", "ls"), "put -- between the key and the command"),
                Arguments.of(List.of("exec", "k", "ls", "--", "-l"), "put -- between the key and the command"),
                Arguments.of(List.of("exec", "", "--", "ls"), "the key must not be empty"),
                Arguments.of(List.of("exec", "k", "--lease", "5ms", "--", "ls"), "--lease must be from 10ms to 365d"),
                Arguments.of(List.of("exec", "k", "--lease", "9999d", "--", "ls"), "--lease must be from 10ms to 365d"),
                Arguments.of(
                        List.of("exec", "k", "--lease", "200ms", "--", "ls"),
                        "--lease 200ms is too short to be renewed"),
                Arguments.of(
                        List.of("exec", "k", "--lease", "2m", "--renew", "1m", "--", "ls"),
                        "--renew 1m is shorter than --lease 2m"),
                Arguments.of(
                        List.of("exec", "k", "--minimum-hold", "2m", "--", "ls"),
                        "--minimum-hold 2m is longer than --lease 1m"),
                Arguments.of(
                        List.of("exec", "k", "--minimum-hold", "9999d", "--", "ls"),
                        "--minimum-hold must be from 0ms to 365d"),
                Arguments.of(
                        List.of("exec", "k", "--wait", "soon", "--", "ls"),
                        "Invalid value for option '--wait': 'soon'"),
                Arguments.of(List.of("exec", "k", "--grace=-1s", "--", "ls"), "'-1s' is not a duration"));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void aMistakeIsToldInOneLine(List<String> arguments, String message) {
        CommandLineTool.Result result = Tool.run(arguments.toArray(String[]::new));
        assertThat(result.exitCode()).isEqualTo(64);
        assertThat(result.err())
                .startsWith("dmutex: ")
                .contains(message)
                .contains("--help')")
                .hasLineCount(1);
        assertThat(result.out()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"inspect k", "release --force k", "list", "exec k -- true"})
    void anUnreachableRedisIsToldInOneLineWithoutThePassword(String command) {
        List<String> arguments = new ArrayList<>(List.of(command.split(" ")));
        arguments.add(1, "--redis=redis://user:sesame@" + NOWHERE);
        CommandLineTool.Result result = Tool.run(arguments.toArray(String[]::new));
        assertThat(result.exitCode()).isEqualTo(69);
        assertThat(result.err())
                .startsWith("dmutex: could not connect to Redis at " + NOWHERE)
                .hasLineCount(1);
        assertThat(result.out() + result.err()).doesNotContain("sesame");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "redis://user:sesame word@h",
                "user:sesame@h",
                "http://user:sesame@h",
                "redis://user:sesame@h:port",
                "redis://:sesame@[h",
                "sesame"
            })
    void aBadUriIsNotShown(String uri) {
        CommandLineTool.Result result = Tool.run("inspect", "--redis", uri, "k");
        assertThat(result.exitCode()).isIn(64, 69);
        assertThat(result.err()).startsWith("dmutex: ").hasLineCount(1).doesNotContain("sesame");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--redsi=redis://u:sesame@h", "--uri=u:sesame@h"})
    void aUriBehindAMistypedOptionIsNotShown(String option) {
        assertThat(Tool.run("inspect", "k", option).err())
                .contains("Unknown option")
                .doesNotContain("sesame");
        String[] two = option.split("=", 2);
        assertThat(Tool.run("inspect", "k", two[0], two[1]).err())
                .contains("Unknown option")
                .doesNotContain("sesame");
        assertThat(Tool.run("list", two[1], two[1]).err())
                .startsWith("dmutex: ")
                .doesNotContain("sesame");
    }

    @Test
    void aPasswordWithBlanksBehindAMistypedOptionIsNotShown() {
        assertThat(Tool.run("inspect", "k", "--redsi=redis://u:open 'sesame@h").err())
                .contains("Unknown option")
                .doesNotContain("sesame");
    }

    @Test
    void whatIsMistypedWithControlCharactersIsToldInOneLineAndHarmlesslyToTerminals() {
        assertThat(Tool.run("inspect", "k", "a\nb\u001b[2J").err())
                .hasLineCount(1)
                .contains("a\\u000Ab\\u001B[2J");
    }

    @Test
    void aWrongPasswordIsRefusedAndNotShown() {
        try (EmbeddedRedis redis = EmbeddedRedis.builder().password("right").start()) {
            String wrong = "redis://:sesame@127.0.0.1:" + redis.port();
            CommandLineTool.Result result = Tool.run("inspect", "--redis", wrong, "k");
            assertThat(result.exitCode()).isEqualTo(77);
            assertThat(result.err()).contains("WRONGPASS").hasLineCount(1).doesNotContain("sesame");
            CommandLineTool.Result verbose = Tool.run("inspect", "-v", "--redis", wrong, "k");
            assertThat(verbose.err()).contains("\tat ").doesNotContain("sesame");
            assertThat(Tool.run("inspect", "--redis", redis.uri(), "k").exitCode())
                    .isEqualTo(1);
        }
    }
}
