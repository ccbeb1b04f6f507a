package io.distributedmutex.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

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

    private static List<String> groups(List<ProcessTable.Row> rows, List<Long> pids) {
        return rows.stream()
                .filter(row -> pids.contains(row.pid()))
                .map(row -> row.pid() + " in " + row.group())
                .sorted()
                .toList();
    }
}
