package io.distributedmutex.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** All that was measured, in the order in which it was; as CSV with the columns case, subject, round, metric, value. */
final class Results {

    private static final String HEADER = "case,subject,round,metric,value";

    private final List<Row> rows = new ArrayList<>();

    private record Row(String situation, Subject subject, int round, String metric, double value) {}

    /** The rounds' values of one metric. */
    record Sample(double median, double least, double most) {}

    void add(String situation, Subject subject, int round, String metric, double value) {
        rows.add(new Row(situation, subject, round, metric, value));
    }

    Set<String> cases() {
        Set<String> names = new LinkedHashSet<>();
        rows.forEach(row -> names.add(row.situation()));
        return names;
    }

    /** What was measured of each subject in a case, metric by metric. */
    Map<Subject, Map<String, Sample>> of(String situation) {
        Map<Subject, Map<String, List<Double>>> values = new LinkedHashMap<>();
        for (Subject subject : Subject.values()) {
            for (Row row : rows) {
                if (row.situation().equals(situation) && row.subject() == subject) {
                    values.computeIfAbsent(subject, s -> new LinkedHashMap<>())
                            .computeIfAbsent(row.metric(), m -> new ArrayList<>())
                            .add(row.value());
                }
            }
        }
        Map<Subject, Map<String, Sample>> samples = new LinkedHashMap<>();
        values.forEach((subject, metrics) -> {
            Map<String, Sample> summed = new LinkedHashMap<>();
            metrics.forEach((metric, all) -> summed.put(
                    metric,
                    new Sample(
                            Statistics.median(all),
                            all.stream().mapToDouble(v -> v).min().orElse(Double.NaN),
                            all.stream().mapToDouble(v -> v).max().orElse(Double.NaN))));
            samples.put(subject, summed);
        });
        return samples;
    }

    /** The median of what a subject had of another's value in the same round; NaN if they have no round in common. */
    double ratio(String situation, String metric, Subject subject, Subject other) {
        Map<Integer, Double> others = rounds(situation, metric, other);
        List<Double> ratios = new ArrayList<>();
        rounds(situation, metric, subject).forEach((round, value) -> {
            Double its = others.get(round);
            if (its != null) {
                ratios.add(value / its);
            }
        });
        return Statistics.median(ratios);
    }

    private Map<Integer, Double> rounds(String situation, String metric, Subject subject) {
        Map<Integer, Double> values = new HashMap<>();
        for (Row row : rows) {
            if (row.situation().equals(situation) && row.metric().equals(metric) && row.subject() == subject) {
                values.put(row.round(), row.value());
            }
        }
        return values;
    }

    void write(Path file) throws IOException {
        List<String> lines = new ArrayList<>();
        lines.add(HEADER);
        for (Row row : rows) {
            lines.add(String.join(
                    ",",
                    row.situation(),
                    row.subject().label(),
                    Integer.toString(row.round()),
                    '"' + row.metric() + '"',
                    Double.toString(row.value())));
        }
        Files.write(file, lines);
    }

    /** Reads what {@link #write} wrote. */
    static Results read(Path file) throws IOException {
        Results results = new Results();
        for (String line : Files.readAllLines(file)) {
            if (!line.equals(HEADER) && !line.isBlank()) {
                String[] head = line.split(",", 4);
                int quote = head[3].lastIndexOf('"');
                results.add(
                        head[0],
                        Subject.of(head[1]),
                        Integer.parseInt(head[2]),
                        head[3].substring(1, quote),
                        Double.parseDouble(head[3].substring(quote + 2)));
            }
        }
        return results;
    }

    /** A number as people read it: three significant digits, or all before the point. */
    static String number(double value) {
        double size = Math.abs(value);
        if (size == Math.rint(size) && size < 1e15) {
            return String.format(Locale.ROOT, "%,d", (long) value);
        }
        if (size >= 100) {
            return String.format(Locale.ROOT, "%,.0f", value);
        }
        return String.format(Locale.ROOT, size >= 10 ? "%.1f" : size >= 1 ? "%.2f" : "%.3f", value);
    }
}
