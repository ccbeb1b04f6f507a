package io.distributedmutex.lab.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.lab.Tool;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.CommandLineTool;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The demo with its real processes, and that it can fail. */
@Tag("slow")
class DemoCommandTest {

    @TempDir
    private Path directory;

    @Test
    void aShortDemoPassesAndLeavesNoProcess() throws Exception {
        CommandLineTool.Result result =
                Tool.run("demo", "--seconds", "6", "--workers", "3", "--seed", "5", "--output", directory.toString());
        assertThat(result.out()).contains("All checks passed.").contains("kill -9 ");
        assertThat(result.exitCode()).isZero();
        assertThat(result.err()).isEmpty();
        assertThat(Files.readString(directory.resolve("timeline.svg")))
                .startsWith("<svg")
                .contains("kill -9");
        assertThat(Files.readString(directory.resolve("summary.txt"))).contains("All checks passed.");
        assertThat(Files.readAllLines(directory.resolve("history.tsv"))).hasSizeGreaterThan(50);
        assertThat(Tool.processes(result.out())).hasSizeGreaterThanOrEqualTo(4).noneMatch(CommandLineTool::isRunning);
    }

    @Test
    @Tag("deep")
    void withoutTheLockTheDemoFails() {
        CommandLineTool.Result result = Tool.run(
                "demo",
                "--seconds",
                "5",
                "--workers",
                "3",
                "--seed",
                "5",
                "--without-lock",
                "--output",
                directory.toString());
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out())
                .contains("FAILED  no two holders of a key at once")
                .contains("FAILED  no update of the shared file is lost")
                .contains("FAILED  every job is done exactly once")
                .contains("CHECKS FAILED.");
        assertThat(Tool.processes(result.out())).noneMatch(CommandLineTool::isRunning);
    }

    @Test
    void workersWithoutARedisFailTheDemo() {
        CommandLineTool.Result result = Tool.run(
                "demo",
                "--seconds",
                "5",
                "--workers",
                "2",
                "--redis",
                "redis://:sesame@127.0.0.1:1",
                "--output",
                directory.toString());
        assertThat(result.exitCode()).isEqualTo(69);
        assertThat(result.err())
                .startsWith("dmutex: could not connect to Redis at 127.0.0.1:1")
                .hasLineCount(1);
        assertThat(result.out() + result.err()).doesNotContain("sesame");
    }

    @Test
    void ctrlCEndsAllProcesses() throws Exception {
        try (CommandLineTool.Running running = Tool.start(
                directory, "demo", "--output", directory.resolve("out").toString())) {
            running.awaitOut("s  counter ");
            List<Long> processes = Tool.processes(running.out());
            // One worker is killed by the demo itself, sooner or later than this line.
            assertThat(processes).filteredOn(CommandLineTool::isRunning).hasSizeGreaterThanOrEqualTo(4);
            running.signal("INT");
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isEqualTo(130);
            assertThat(result.err()).isEmpty();
            assertThat(result.out()).doesNotContain("FAILED");
            Await.until("the end of all processes", () -> processes.stream().noneMatch(CommandLineTool::isRunning));
        }
    }

    @Test
    @Tag("deep")
    void workersEndWithTheDemoThatIsKilled() throws Exception {
        try (CommandLineTool.Running running = Tool.start(
                directory, "demo", "--output", directory.resolve("out").toString())) {
            running.awaitOut("Ready");
            List<Long> processes = Tool.processes(running.out());
            running.signal("KILL");
            Await.until("the end of all processes", () -> processes.stream().noneMatch(CommandLineTool::isRunning));
        }
    }
}
