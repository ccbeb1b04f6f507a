package io.distributedmutex.lab.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Topology;
import io.distributedmutex.testing.CommandLineTool;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The chaos can fail: each way to break a promise is found. */
@Tag("deep")
class SaboteursTest {

    @TempDir
    private Path directory;

    @ParameterizedTest
    @EnumSource(
            value = Topology.class,
            names = {"SENTINEL", "CLUSTER"})
    void workersThatTakeKeysWithoutAFailoverAreFound(Topology topology) throws IOException, InterruptedException {
        CommandLineTool.Result result =
                ChaosRun.run(directory, 15, 3, "--topology", topology.toString(), "--sabotage", "STEAL");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out()).contains("FAILED  no two leases on a key valid at once", "CHECKS FAILED.");
    }

    @ParameterizedTest
    @EnumSource(
            value = Topology.class,
            names = {"SENTINEL", "CLUSTER"})
    void aRegisterThatDoesNotLookAtTokensIsFoundOnEachTopology(Topology topology)
            throws IOException, InterruptedException {
        CommandLineTool.Result result =
                ChaosRun.run(directory, 15, 3, "--topology", topology.toString(), "--sabotage", "UNFENCED");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out())
                .contains("FAILED  no late write accepted, no update lost")
                .contains("ok      no two leases on a key valid at once");
    }

    /** The old primary takes writes for ten seconds more. */
    @Test
    void aWorkerThatStaysAtTheOldPrimaryIsFound() throws IOException, InterruptedException {
        long seed = ChaosRun.seedThatBeginsWith(Fault.PLANNED_FAILOVER, Topology.SENTINEL, 15);
        CommandLineTool.Result result =
                ChaosRun.run(directory, 15, seed, "--topology", "sentinel", "--sabotage", "STAY");
        assertThat(result.exitCode()).as("seed %d: %s", seed, result.out()).isEqualTo(1);
        assertThat(result.out()).contains("FAILED  no two leases on a key valid at once", "CHECKS FAILED.");
    }

    @Test
    void workersThatDoNotLookForDeadlocksAreFound() throws IOException, InterruptedException {
        CommandLineTool.Result result = ChaosRun.run(directory, 30, 3, "--deadlocks", "--sabotage", "BLIND");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out())
                .contains("FAILED  deadlocks are told of, each with one victim")
                .contains("ok      no two leases on a key valid at once");
    }

    @Test
    void workersThatTakeKeysFromTheirHoldersAreFound() throws IOException, InterruptedException {
        CommandLineTool.Result result = ChaosRun.run(directory, 12, 3, "--sabotage", "STEAL");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out()).contains("FAILED  no two leases on a key valid at once", "CHECKS FAILED.");
    }

    @Test
    void workersThatBelieveInALeaseForTooLongAreFound() throws IOException, InterruptedException {
        CommandLineTool.Result result = ChaosRun.run(directory, 12, 3, "--sabotage", "OVERSTAY");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out()).contains("FAILED  no two leases on a key valid at once", "CHECKS FAILED.");
    }

    @Test
    void workersThatAreNotToldOfALossAreFound() throws IOException, InterruptedException {
        CommandLineTool.Result result = ChaosRun.run(directory, 12, 3, "--sabotage", "DEAF");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out())
                .contains("FAILED  holders are told of a loss by its deadline")
                .contains("ok      no two leases on a key valid at once")
                .contains("CHECKS FAILED.");
    }

    @Test
    void aRegisterThatDoesNotLookAtTokensIsFound() throws IOException, InterruptedException {
        CommandLineTool.Result result = ChaosRun.run(directory, 12, 3, "--sabotage", "UNFENCED");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out())
                .contains("FAILED  no late write accepted, no update lost")
                .contains("ok      no two leases on a key valid at once");
    }
}
