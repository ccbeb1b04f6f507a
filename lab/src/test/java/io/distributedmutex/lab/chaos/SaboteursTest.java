package io.distributedmutex.lab.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Topology;
import io.distributedmutex.testing.CommandLineTool;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The chaos can fail: each way to break a promise is found. */
@Tag("deep")
class SaboteursTest {

    private static final String OVERLAPS = "no two leases on a key valid at once";

    @TempDir
    private Path directory;

    @ParameterizedTest
    @EnumSource(
            value = Topology.class,
            names = {"SENTINEL", "CLUSTER"})
    void workersThatTakeKeysWithoutAFailoverAreFound(Topology topology) throws IOException, InterruptedException {
        CommandLineTool.Result result = run(15, 3, "--topology", topology.toString(), "--sabotage", "STEAL");
        assertFailed(result, OVERLAPS);
    }

    @ParameterizedTest
    @EnumSource(
            value = Topology.class,
            names = {"SENTINEL", "CLUSTER"})
    void aRegisterThatDoesNotLookAtTokensIsFoundOnEachTopology(Topology topology)
            throws IOException, InterruptedException {
        CommandLineTool.Result result = run(15, 3, "--topology", topology.toString(), "--sabotage", "UNFENCED");
        assertFailed(result, "no late write accepted, no update lost");
        assertThat(result.out()).contains("ok      " + OVERLAPS);
    }

    /** The old primary takes writes for ten seconds more. */
    @Test
    void aWorkerThatStaysAtTheOldPrimaryIsFound() throws IOException, InterruptedException {
        long seed = ChaosRun.seedThatBeginsWith(Fault.PLANNED_FAILOVER, Topology.SENTINEL, 15);
        CommandLineTool.Result result = run(15, seed, "--topology", "sentinel", "--sabotage", "STAY");
        assertFailed(result, OVERLAPS);
    }

    @Test
    void workersThatDoNotLookForDeadlocksAreFound() throws IOException, InterruptedException {
        CommandLineTool.Result result = run(30, 3, "--deadlocks", "--sabotage", "BLIND");
        assertFailed(result, "deadlocks are told of, each with one victim");
        assertThat(result.out()).contains("ok      " + OVERLAPS);
    }

    @Test
    void workersThatTakeKeysFromTheirHoldersAreFound() throws IOException, InterruptedException {
        CommandLineTool.Result result = run(12, 3, "--sabotage", "STEAL");
        assertFailed(result, OVERLAPS);
    }

    @Test
    void workersThatBelieveInALeaseForTooLongAreFound() throws IOException, InterruptedException {
        CommandLineTool.Result result = run(12, 3, "--sabotage", "OVERSTAY");
        assertFailed(result, OVERLAPS);
    }

    @Test
    void workersThatAreNotToldOfALossAreFound() throws IOException, InterruptedException {
        CommandLineTool.Result result = run(12, 3, "--sabotage", "DEAF");
        assertFailed(result, "holders are told of a loss by its deadline");
        assertThat(result.out()).contains("ok      " + OVERLAPS);
    }

    @Test
    void aRegisterThatDoesNotLookAtTokensIsFound() throws IOException, InterruptedException {
        CommandLineTool.Result result = run(12, 3, "--sabotage", "UNFENCED");
        assertFailed(result, "no late write accepted, no update lost");
        assertThat(result.out()).contains("ok      " + OVERLAPS);
    }

    /** By fewer workers than usual: each is a process, and a saboteur needs but one other. */
    private CommandLineTool.Result run(int seconds, long seed, String... sabotage)
            throws IOException, InterruptedException {
        List<String> more = new ArrayList<>(List.of("--workers", "3"));
        more.addAll(List.of(sabotage));
        return ChaosRun.run(directory, seconds, seed, more.toArray(String[]::new));
    }

    private static void assertFailed(CommandLineTool.Result result, String check) {
        assertThat(result.exitCode()).as(result.out()).isEqualTo(1);
        assertThat(result.out()).contains("FAILED  " + check, "CHECKS FAILED.");
    }
}
