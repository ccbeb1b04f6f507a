package io.distributedmutex.cli.exec;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Await;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What the system tells of its processes. */
class ProcessTableTest {

    private static final long US = ProcessHandle.current().pid();

    @Test
    void weAreInIt() throws IOException {
        assertThat(ProcessTable.read()).anyMatch(row -> row.pid() == US);
        assertThat(ProcessTable.isRunning(ProcessHandle.current())).isTrue();
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void bothWaysTellTheSame() throws Exception {
        Process child = new ProcessBuilder("sleep", "60").start();
        try {
            List<Long> pids = List.of(US, child.pid());
            assertThat(groups(ProcessTable.ofPs(), pids))
                    .isEqualTo(groups(ProcessTable.ofProc(), pids))
                    .hasSize(2);
        } finally {
            child.destroyForcibly().waitFor();
        }
        assertThat(ProcessTable.read()).noneMatch(row -> row.pid() == child.pid());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aSessionRunsWhileEachOfItsProcessesStartsTheNextAndEnds(@TempDir Path directory) throws Exception {
        Path done = directory.resolve("done");
        String chain = "chain() { sleep 0.02; if [ $1 = 0 ]; then : >\"$0\"; else chain $(($1 - 1)) & fi; }; chain 40";
        Process first = new ProcessBuilder("setsid", "sh", "-c", chain, done.toString()).start();
        assertThat(first.waitFor(30, TimeUnit.SECONDS)).isTrue();
        Await.until("the end of the last", () -> {
            boolean runs = !running(first.pid()).isEmpty();
            assertThat(runs || Files.exists(done)).isTrue();
            return !runs;
        });
    }

    private static List<ProcessTable.Row> running(long session) {
        try {
            return ProcessTable.running(session, pid -> true);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static List<String> groups(List<ProcessTable.Row> rows, List<Long> pids) {
        return rows.stream()
                .filter(row -> pids.contains(row.pid()))
                .map(row -> row.pid() + " in " + row.group())
                .sorted()
                .toList();
    }
}
