package io.distributedmutex.lab.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.lab.Tool;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Plan;
import io.distributedmutex.lab.chaos.plan.Sabotage;
import io.distributedmutex.lab.chaos.plan.Settings;
import io.distributedmutex.lab.chaos.plan.Topology;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.CommandLineTool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The chaos with its real processes, and that it can fail. */
@Tag("slow")
class ChaosCommandTest {

    private static final long SEED = 2026;

    @TempDir
    private Path directory;

    /** The first faults of the minute below. */
    @Test
    void aShortRunBreaksNoPromise() throws IOException, InterruptedException {
        CommandLineTool.Result result = chaos(12, SEED);
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
        CommandLineTool.Result result = chaos(60, seed);
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
        long seed = seedThatBeginsWith(Fault.KILL_PRIMARY, topology, 15);
        CommandLineTool.Result result = chaos(15, seed, "--topology", topology.toString());
        assertThat(result.exitCode()).as("seed %d: %s", seed, result.out()).isZero();
        assertThat(result.out()).contains("All checks passed.").containsPattern("failovers +[1-9]");
        assertThat(occurred()).as("seed %d", seed).contains(Fault.KILL_PRIMARY);
        assertThat(Tool.processes(result.out())).noneMatch(CommandLineTool::isRunning);
        assertThat(out().resolve("report.html")).content().contains("class=\"failovers\"", "took over");
    }

    @ParameterizedTest
    @EnumSource(
            value = Topology.class,
            names = {"SENTINEL", "CLUSTER"})
    @Tag("deep")
    void workersThatTakeKeysWithoutAFailoverFailIt(Topology topology) throws IOException, InterruptedException {
        CommandLineTool.Result result = chaos(15, 3, "--topology", topology.toString(), "--sabotage", "STEAL");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out()).contains("FAILED  no two leases on a key valid at once", "CHECKS FAILED.");
    }

    @ParameterizedTest
    @EnumSource(
            value = Topology.class,
            names = {"SENTINEL", "CLUSTER"})
    @Tag("deep")
    void aRegisterThatDoesNotLookAtTokensFailsThemToo(Topology topology) throws IOException, InterruptedException {
        CommandLineTool.Result result = chaos(15, 3, "--topology", topology.toString(), "--sabotage", "UNFENCED");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out())
                .contains("FAILED  no late write accepted, no update lost")
                .contains("ok      no two leases on a key valid at once");
    }

    /** The old primary takes writes for ten seconds more. */
    @Test
    @Tag("deep")
    void aWorkerThatStaysAtTheOldPrimaryFailsIt() throws IOException, InterruptedException {
        long seed = seedThatBeginsWith(Fault.PLANNED_FAILOVER, Topology.SENTINEL, 15);
        CommandLineTool.Result result = chaos(15, seed, "--topology", "sentinel", "--sabotage", "STAY");
        assertThat(result.exitCode()).as("seed %d: %s", seed, result.out()).isEqualTo(1);
        assertThat(result.out()).contains("FAILED  no two leases on a key valid at once", "CHECKS FAILED.");
    }

    /** The first seed whose first fault that is. */
    private static long seedThatBeginsWith(Fault fault, Topology topology, int seconds) {
        return LongStream.rangeClosed(1, 1_000)
                .filter(seed -> {
                    List<Plan.Step> steps = Plan.of(new Settings(
                                    topology, Duration.ofSeconds(seconds), seed, 4, 4, false, Sabotage.NONE))
                            .steps();
                    return !steps.isEmpty() && steps.get(0).fault() == fault;
                })
                .findFirst()
                .orElseThrow();
    }

    @Test
    @Tag("deep")
    void circlesAreToldOfAndBrokenByOneEach() throws IOException, InterruptedException {
        CommandLineTool.Result result = chaos(60, SEED, "--deadlocks");
        assertThat(result.exitCode()).as("seed %d: %s", SEED, result.out()).isZero();
        assertThat(result.out())
                .containsPattern("deadlocks are told of.* [1-9]\\d* circles, [1-9]\\d* of them told of");
    }

    @Test
    @Tag("deep")
    void workersThatDoNotLookForDeadlocksFailIt() throws IOException, InterruptedException {
        CommandLineTool.Result result = chaos(45, 3, "--deadlocks", "--sabotage", "BLIND");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out())
                .contains("FAILED  deadlocks are told of, each with one victim")
                .contains("ok      no two leases on a key valid at once");
    }

    @Test
    @Tag("deep")
    void workersThatTakeKeysFromTheirHoldersFailIt() throws IOException, InterruptedException {
        CommandLineTool.Result result = chaos(12, 3, "--sabotage", "STEAL");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out()).contains("FAILED  no two leases on a key valid at once", "CHECKS FAILED.");
    }

    @Test
    @Tag("deep")
    void workersThatBelieveInALeaseForTooLongFailIt() throws IOException, InterruptedException {
        CommandLineTool.Result result = chaos(12, 3, "--sabotage", "OVERSTAY");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out()).contains("FAILED  no two leases on a key valid at once", "CHECKS FAILED.");
    }

    @Test
    @Tag("deep")
    void workersThatAreNotToldOfALossFailIt() throws IOException, InterruptedException {
        CommandLineTool.Result result = chaos(12, 3, "--sabotage", "DEAF");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out())
                .contains("FAILED  holders are told of a loss by its deadline")
                .contains("ok      no two leases on a key valid at once")
                .contains("CHECKS FAILED.");
    }

    @Test
    @Tag("deep")
    void aRegisterThatDoesNotLookAtTokensFailsIt() throws IOException, InterruptedException {
        CommandLineTool.Result result = chaos(12, 3, "--sabotage", "UNFENCED");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out())
                .contains("FAILED  no late write accepted, no update lost")
                .contains("ok      no two leases on a key valid at once");
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

    /** As users start it: what it and its workers log is then what they would see, and is looked at. */
    private CommandLineTool.Result chaos(int seconds, long seed, String... more)
            throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>(List.of("chaos", "--seconds", Integer.toString(seconds)));
        arguments.addAll(List.of("--seed", Long.toString(seed), "--output", out().toString()));
        arguments.addAll(Arrays.asList(more));
        try (CommandLineTool.Running running = Tool.start(directory, arguments.toArray(String[]::new))) {
            return running.end(seconds + 120L);
        }
    }

    private Path out() {
        return directory.resolve("out");
    }

    private List<Fault> occurred() throws IOException {
        return Files.readAllLines(out().resolve("history.tsv")).stream()
                .map(line -> line.split("\t", -1))
                .filter(fields -> fields[2].equals("FAULT_OVER"))
                .map(fields -> Fault.valueOf(fields[4]))
                .toList();
    }
}
