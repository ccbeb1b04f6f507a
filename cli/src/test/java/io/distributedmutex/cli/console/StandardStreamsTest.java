package io.distributedmutex.cli.console;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.cli.Tool;
import io.distributedmutex.testing.CommandLineTool;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where we read from and write to is full, or closed. */
@WithRedis
@EnabledOnOs(OS.LINUX)
class StandardStreamsTest {

    @TempDir
    private Path directory;

    private final EmbeddedRedis redis;

    StandardStreamsTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    private CommandLineTool.Result inShell(String script, String... arguments) throws Exception {
        try (CommandLineTool.Running running = Tool.startInShell(directory, script, arguments)) {
            return running.end();
        }
    }

    @ParameterizedTest
    @Tag("deep")
    @ValueSource(strings = {"list", "list --json", "inspect k", "inspect --json k", "release --force --json k"})
    void whatCannotBeWrittenIsTold(String command) throws Exception {
        String[] words = command.split(" ", 2);
        String[] arguments = Tool.on(redis.uri(), words[0], words.length == 1 ? new String[0] : words[1].split(" "));
        for (String output : new String[] {">/dev/full", ">&-"}) {
            CommandLineTool.Result result = inShell("exec \"$@\" " + output, arguments);
            assertThat(result.exitCode()).as(output).isEqualTo(74);
            assertThat(result.err())
                    .startsWith("dmutex: standard output cannot be written: ")
                    .hasLineCount(1);
        }
    }

    @Test
    void aReaderThatHasSeenEnoughIsNoError() throws Exception {
        assertThat(inShell("{ \"$@\"; echo $? >&2; } | true", "completion").err())
                .isEqualTo("141\n");
    }

    @Test
    void aClosedInputIsAnEmptyOne() throws Exception {
        CommandLineTool.Result result =
                inShell("exec \"$@\" <&-", Tool.on(redis.uri(), "exec", "k", "--", "sh", "-c", "wc -c; echo $?"));
        assertThat(result.out()).isEqualTo("0\n0\n");
        assertThat(result.exitCode()).isZero();
    }

    @Test
    void aClosedStreamIsNeverAConnection() throws Exception {
        Path seen = directory.resolve("seen");
        CommandLineTool.Result result = inShell(
                "exec \"$@\" <&- >&- 2>&-",
                Tool.on(
                        redis.uri(),
                        "exec",
                        "k",
                        "--",
                        "sh",
                        "-c",
                        "for i in 0 1 2; do readlink /proc/$$/fd/$i; done 9>&1 >" + seen));
        assertThat(result.exitCode()).isZero();
        assertThat(Files.readString(seen))
                .startsWith("/dev/null\n")
                .doesNotContain("socket:")
                .doesNotContain("anon_inode:")
                .doesNotContain("pipe:");
    }
}
