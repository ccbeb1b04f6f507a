package io.distributedmutex.lab.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import io.distributedmutex.lab.demo.Event.Kind;
import io.distributedmutex.lab.output.OutputFolder;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

/** What the demo's workers share, tell and leave. */
class FilesTest {

    @TempDir
    private Path directory;

    @Test
    void theFileRefusesASmallerTokenThanItHasSeenEvenIfThatOnlyRead() throws IOException {
        FencedFile file = new FencedFile(directory.resolve("counter"), 1);
        assertThat(file.read(10)).isEqualTo(OptionalLong.of(0));
        assertThat(file.write(1, 10)).isTrue();
        assertThat(file.read(12)).isEqualTo(OptionalLong.of(1));

        assertThat(file.write(99, 11)).isFalse();
        assertThat(file.read(11)).isEmpty();
        assertThat(file.value()).isEqualTo(1);

        assertThat(file.write(2, 12)).isTrue();
        assertThat(new FencedFile(directory.resolve("counter"), 2).value()).isEqualTo(2);
        assertThat(directory.toFile().list()).containsExactly("counter");
    }

    @Test
    void theJobLogRemembersWhatIsDone() throws IOException {
        JobLog log = new JobLog(directory.resolve("jobs"));
        assertThat(log.contains(1)).isFalse();
        log.add(1, 3);
        log.add(12, 4);
        assertThat(log.jobs()).containsExactly(1, 12);
        assertThat(log.contains(12)).isTrue();
        assertThat(log.contains(2)).isFalse();
    }

    @Test
    void anEventSurvivesItsWayThroughALine() {
        Event event = new Event(123, 4, Kind.ENTER, "job:7", 1795429187232068L, -5, "");
        assertThat(Event.parse(4, event.line())).isEqualTo(event);
        Event failed = new Event(123, 4, Kind.FAILED, "", 0, 0, "a\tb\nc");
        assertThat(Event.parse(4, failed.line()))
                .isEqualTo(new Event(123, 4, Kind.FAILED, "", 0, 0, "a\\u0009b\\u000Ac"));
    }

    @Test
    void aFolderServesOneDemoAtATimeAndKeepsWhatIsNotOurs() throws IOException {
        Files.writeString(directory.resolve("counter"), "99 99");
        Files.writeString(directory.resolve("worker-1.log"), "old");
        Files.writeString(directory.resolve("mine.txt"), "mine");
        try (OutputFolder folder = OutputFolder.open(directory, DemoCommand.FOLDER, DemoCommand.FILES)) {
            assertThat(new FencedFile(folder.path().resolve("counter"), 1).value())
                    .isZero();
            Files.createFile(folder.path().resolve("worker-1.log"));
            Files.writeString(folder.path().resolve("worker-2.log"), "trouble");
            assertThatIOException()
                    .isThrownBy(() -> OutputFolder.open(directory, DemoCommand.FOLDER, DemoCommand.FILES))
                    .withMessage("another run is writing to " + directory);
        }
        assertThat(directory.toFile().list()).containsExactlyInAnyOrder("mine.txt", "worker-2.log");
    }

    @Test
    void otherOutputIsNoEvent() {
        assertThat(Event.parse(1, "")).isNull();
        assertThat(Event.parse(1, "12:00 WARN something")).isNull();
        assertThat(Event.parse(1, "@dmutex\tx\tENTER\tk\t1\t1\t")).isNull();
        assertThat(Event.parse(1, "@dmutex\t1\tNO_SUCH\tk\t1\t1\t")).isNull();
    }

    @Test
    void theTimelineIsWellFormedAndShowsTheKillAndTheTakeOver() throws Exception {
        long ms = 1_000_000;
        History history = History.of(List.of(
                new Event(0, 1, Kind.WANT, "counter", 0, 0, ""),
                new Event(10 * ms, 1, Kind.ENTER, "counter", 5, 2_000 * ms, ""),
                new Event(50 * ms, 1, Kind.KILLED, "", 0, 1, ""),
                new Event(20 * ms, 2, Kind.WANT, "counter", 0, 0, ""),
                new Event(2_013 * ms, 2, Kind.ENTER, "counter", 6, 2_000 * ms, ""),
                new Event(2_050 * ms, 2, Kind.WRITE, "counter", 6, 1, ""),
                new Event(2_050 * ms, 2, Kind.LEAVE, "counter", 6, 0, "")));
        String svg = Timeline.svg(history, 0, new Settings(3, 2, 1, false));

        Document document =
                DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new InputSource(new StringReader(svg)));
        assertThat(document.getDocumentElement().getTagName()).isEqualTo("svg");
        assertThat(svg)
                .contains("kill -9")
                .contains("class=\"kill\"")
                .contains("class=\"lease\"")
                .contains("lease ends; 3.0 ms later: worker 2")
                .contains("two at once (there is none)");
    }

    @Test
    void theTimelineShowsAnOverlap() {
        History history = History.of(List.of(
                new Event(10, 1, Kind.ENTER, "counter", 0, 0, ""),
                new Event(20, 2, Kind.ENTER, "counter", 0, 0, ""),
                new Event(30, 1, Kind.LEAVE, "counter", 0, 0, ""),
                new Event(40, 2, Kind.LEAVE, "counter", 0, 0, "")));
        assertThat(Timeline.svg(history, 0, new Settings(3, 2, 1, true)))
                .contains("worker 1 and worker 2 hold counter at once")
                .contains("TWO AT ONCE");
    }
}
