package io.distributedmutex.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultsTest {

    @Test
    void whatIsWrittenIsReadAgain(@TempDir Path folder) throws Exception {
        Results results = new Results();
        results.add("contended-1x2", Subject.OURS, 1, "hand-offs/s", 1000);
        results.add("contended-1x2", Subject.OURS, 2, "hand-offs/s", 3000);
        results.add("contended-1x2", Subject.JEDIS, 1, "commands/s, one held", 0.125);
        Path file = folder.resolve("results.csv");
        results.write(file);

        Results read = Results.read(file);

        assertThat(read.cases()).containsExactly("contended-1x2");
        assertThat(read.of("contended-1x2")).isEqualTo(results.of("contended-1x2"));
        assertThat(read.of("contended-1x2").get(Subject.OURS).get("hand-offs/s"))
                .isEqualTo(new Results.Sample(2000, 1000, 3000));
    }

    @Test
    void aReportShowsEachSubjectInATableAndAChart(@TempDir Path folder) throws Exception {
        Results results = new Results();
        results.add("contended-1x2", Subject.OURS, 1, "acquisitions/s", 1234567);
        results.add("contended-1x2", Subject.OURS, 1, "hand-offs/s", 1234.5);
        results.add("contended-1x2", Subject.OURS, 2, "hand-offs/s", 1234.5);
        results.add("contended-1x2", Subject.LETTUCE, 2, "hand-offs/s", 493.8);
        results.add("contended-1x2", Subject.LETTUCE, 3, "hand-offs/s", 493.8);
        results.add("contended-1x2", Subject.SPRING_SPIN, 1, "acquisitions/s", 5);

        Report report = new Report(results);
        report.charts(folder);

        assertThat(report.tables())
                .contains("| ours | 1,235 (1,235 to 1,235) | 2.50 | 1,234,567 |")
                .contains("| spring-spin |  |  | 5 |");
        assertThat(Files.readString(folder.resolve("contended-1x2.svg")))
                .contains(">ours<", ">1,235<")
                .endsWith("</svg>\n");
    }

    @Test
    void numbersHaveThreeSignificantDigits() {
        assertThat(Results.number(0.01234)).isEqualTo("0.012");
        assertThat(Results.number(1.2345)).isEqualTo("1.23");
        assertThat(Results.number(12.345)).isEqualTo("12.3");
        assertThat(Results.number(12345.6)).isEqualTo("12,346");
    }
}
