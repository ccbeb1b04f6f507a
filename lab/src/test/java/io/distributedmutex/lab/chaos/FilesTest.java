package io.distributedmutex.lab.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.lab.chaos.check.Checker;
import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.RunRecord;
import io.distributedmutex.lab.chaos.plan.Sabotage;
import io.distributedmutex.lab.chaos.plan.Settings;
import io.distributedmutex.lab.chaos.plan.Topology;
import io.distributedmutex.lab.chaos.report.Report;
import io.distributedmutex.lab.process.WorkerLogs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a chaos run's workers tell and log, and the page that is made of it. */
class FilesTest {

    private static final long MS = 1_000_000;

    @TempDir
    private Path directory;

    @Test
    void anEventSurvivesItsWayThroughALine() {
        Event event = new Event(123, 4, Kind.ENTER, 17, "key-1", 1795429187232068L, -5, "1000");
        assertThat(Event.parse(4, event.line())).isEqualTo(event);
        assertThat(Event.parse(4, "12:00 WARN something")).isNull();
        assertThat(Event.parse(4, "@dmutex\t1\tNO_SUCH\t1\tk\t1\t1\t")).isNull();
        assertThat(Event.parse(4, event.line().substring(0, 20))).isNull();
    }

    @Test
    void errorsAndStackTracesInALogAreComplaintsAndWarningsAreNot() throws IOException {
        Files.writeString(
                directory.resolve("worker-1.log"),
                "dmutex: WARN LOST key-1 (EXPIRED)\ndmutex: ERROR a step failed\n\tat io.x.Y.z(Y.java:1)\n");
        Files.writeString(directory.resolve("other.log"), "ERROR\n");
        assertThat(WorkerLogs.complaints(directory))
                .containsExactly("worker-1.log: dmutex: ERROR a step failed", "worker-1.log: \tat io.x.Y.z(Y.java:1)");
    }

    @Test
    void thePageShowsFaultsLeasesAndViolations() {
        List<Event> events = List.of(
                new Event(MS, 1, Kind.READY, 0, "", 0, 1, ""),
                new Event(10 * MS, 1, Kind.ENTER, 1, "key-1", 10, 500 * MS, "500"),
                new Event(20 * MS, 2, Kind.ENTER, 2, "key-1", 11, 500 * MS, "500"),
                new Event(30 * MS, 0, Kind.FAULT, 1, "CUT", 0, 0, "connections cut <all>"),
                new Event(31 * MS, 0, Kind.FAULT_OVER, 1, "CUT", 0, 0, "connections cut <all>"),
                new Event(40 * MS, 0, Kind.SERVER_DOWN, 0, "", 0, 0, ""),
                new Event(60 * MS, 0, Kind.SERVER_UP, 0, "", 0, 0, ""));
        Settings settings = new Settings(Topology.STANDALONE, Duration.ofSeconds(45), 1, 4, 2, false, Sabotage.NONE);
        RunRecord record = new RunRecord(settings, 0, events, List.of(), Map.of(), List.of("<left>"), List.of());
        History history = History.of(events);
        String page = Report.html(history, record, Checker.check(history, record));
        assertThat(page)
                .contains("CHECKS FAILED", "connections cut &lt;all&gt;", "&lt;left&gt;", "class=\"violation\"")
                .contains("worker 2, key-1, fencing token 11: from 0.020 s to 0.520 s, never released")
                .contains("no Redis from 0.040 s to 0.060 s")
                .doesNotContain("<left>", "<all>", "http://localhost", "<script");
        // A legend and 45 s in rows of 20 s.
        assertThat(page.split("<svg ", -1)).hasSize(1 + 4);
    }
}
