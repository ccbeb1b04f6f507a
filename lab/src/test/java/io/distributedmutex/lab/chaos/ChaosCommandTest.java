package io.distributedmutex.lab.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.lab.Tool;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Topology;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.CommandLineTool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The chaos with its real processes. */
@Tag("slow")
class ChaosCommandTest {

    private static final long SEED = 2026;

    @TempDir
    private Path directory;

    /** The first faults of the minute below. */
    @Test
    void aShortRunBreaksNoPromise() throws IOException, InterruptedException {
        CommandLineTool.Result result = ChaosRun.run(directory, 12, SEED);
        assertThat(result.exitCode()).as("seed %d: %s", SEED, result.out()).isZero();
        assertThat(result.out()).contains("All checks passed.");
        assertThat(occurred()).as("seed %d", SEED).isNotEmpty();
        assertThat(Tool.processes(result.out())).noneMatch(CommandLineTool::isRunning);
    }

    /** The same faults and workloads each time; those of another seed with {@code -Dchaos.seed=N}. */
    @Test
    @Tag("deep")
    void aMinuteOfEveryKindOfFaultBreaksNoPromise() throws IOException, InterruptedException {
        long seed = Long.getLong("chaos.seed", Math.floorMod(Long.getLong("seeds.from", SEED), 1_000_000L));
        System.out.println("chaos seed " + seed);
        CommandLineTool.Result result = ChaosRun.run(directory, 60, seed);
        assertThat(result.exitCode()).as("seed %d: %s", seed, result.out()).isZero();
        assertThat(result.out()).contains("All checks passed.");
        assertThat(occurred()).as("seed %d", seed).containsAll(Fault.mandatory(Topology.STANDALONE));
        assertThat(Tool.processes(result.out())).hasSizeGreaterThan(4).noneMatch(CommandLineTool::isRunning);
        assertThat(Files.readString(out().resolve("report.html"))).contains("all checks passed");
        assertThat(out().resolve("summary.txt")).content().contains("All checks passed.");
    }

    /** A failover is among the first faults. */
    @ParameterizedTest
    @EnumSource(
            value = Topology.class,
            names = {"SENTINEL", "CLUSTER"})
    @Tag("deep")
    void aShortRunOfEachTopologyBreaksNoPromise(Topology topology) throws IOException, InterruptedException {
        long seed = ChaosRun.seedThatBeginsWith(Fault.KILL_PRIMARY, topology, 15);
        CommandLineTool.Result result = ChaosRun.run(directory, 15, seed, "--topology", topology.toString());
        assertThat(result.exitCode()).as("seed %d: %s", seed, result.out()).isZero();
        assertThat(result.out()).contains("All checks passed.").containsPattern("failovers +[1-9]");
        assertThat(occurred()).as("seed %d", seed).contains(Fault.KILL_PRIMARY);
        assertThat(Tool.processes(result.out())).noneMatch(CommandLineTool::isRunning);
        assertThat(out().resolve("report.html")).content().contains("class=\"failovers\"", "took over");
    }

    @Test
    @Tag("deep")
    void circlesAreToldOfAndBrokenByOneEach() throws IOException, InterruptedException {
        CommandLineTool.Result result = ChaosRun.run(directory, 40, SEED, "--deadlocks");
        assertThat(result.exitCode()).as("seed %d: %s", SEED, result.out()).isZero();
        assertThat(result.out())
                .containsPattern("deadlocks are told of.* [1-9]\\d* circles, [1-9]\\d* of them told of");
    }

    @Test
    void aLengthOutOfItsBoundsIsRefused() {
        for (String[] wrong : List.of(
                new String[] {"--minutes", "0.1"},
                new String[] {"--minutes", "61"},
                new String[] {"--seconds", "NaN"},
                new String[] {"--seconds", "20", "--minutes", "1"},
                new String[] {"--workers", "1"},
                new String[] {"--keys", "0"})) {
            String[] arguments = new String[wrong.length + 1];
            arguments[0] = "chaos";
            System.arraycopy(wrong, 0, arguments, 1, wrong.length);
            CommandLineTool.Result result = Tool.run(arguments);
            assertThat(result.exitCode()).as(String.join(" ", wrong)).isEqualTo(64);
            assertThat(result.err()).startsWith("dmutex: ").hasLineCount(1);
        }
    }

    @Test
    @Tag("deep")
    void ctrlCEndsAllProcesses() throws Exception {
        try (CommandLineTool.Running running = Tool.start(directory, "chaos", "--output", out().toString())) {
            running.awaitOut("Ready");
            List<Long> processes = Tool.processes(running.out());
            assertThat(processes).hasSize(5).allMatch(CommandLineTool::isRunning);
            running.signal("INT");
            assertThat(running.end().exitCode()).isEqualTo(130);
            Await.until("the end of all processes", () -> processes.stream().noneMatch(CommandLineTool::isRunning));
        }
    }

    private Path out() {
        return ChaosRun.out(directory);
    }

    private List<Fault> occurred() throws IOException {
        return Files.readAllLines(out().resolve("history.tsv")).stream()
                .map(line -> line.split("\t", -1))
                .filter(fields -> fields[2].equals("FAULT_OVER"))
                .map(fields -> Fault.valueOf(fields[4]))
                .toList();
    }
}
