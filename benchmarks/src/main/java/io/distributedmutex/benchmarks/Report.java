package io.distributedmutex.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Results for people: a table in Markdown and a chart in SVG for each case. */
final class Report {

    private static final int WIDTH = 720;
    private static final int LABELS = 130;
    private static final int BAR = 18;
    private static final int STEP = 26;
    private static final int TOP = 40;

    private final Results results;

    Report(Results results) {
        this.results = results;
    }

    /** The medians of all cases, and the least and most of each case's first metric. */
    String tables() {
        StringBuilder text = new StringBuilder();
        for (String situation : results.cases()) {
            Map<Subject, Map<String, Results.Sample>> samples = results.of(situation);
            Set<String> metrics = new LinkedHashSet<>();
            samples.values().forEach(sample -> metrics.addAll(sample.keySet()));
            String first = headline(metrics);
            text.append("### ")
                    .append(situation)
                    .append("\n\n| subject | ")
                    .append(first)
                    .append(" (least to most) | × lettuce in the same round |");
            metrics.stream()
                    .filter(metric -> !metric.equals(first))
                    .forEach(metric -> text.append(' ').append(metric).append(" |"));
            text.append("\n|").append(" --- |".repeat(metrics.size() + 2)).append('\n');
            samples.forEach((subject, sample) -> {
                text.append("| ").append(subject).append(" | ");
                Results.Sample main = sample.get(first);
                if (main != null) {
                    text.append(Results.number(main.median()))
                            .append(" (")
                            .append(Results.number(main.least()))
                            .append(" to ")
                            .append(Results.number(main.most()))
                            .append(')');
                }
                double ratio = results.ratio(situation, first, subject, Subject.LETTUCE);
                text.append(" | ")
                        .append(Double.isNaN(ratio) ? "" : Results.number(ratio))
                        .append(" |");
                metrics.stream().filter(metric -> !metric.equals(first)).forEach(metric -> {
                    Results.Sample other = sample.get(metric);
                    text.append(' ')
                            .append(other == null ? "" : Results.number(other.median()))
                            .append(" |");
                });
                text.append('\n');
            });
            text.append('\n');
        }
        return text.toString();
    }

    /** Writes a chart for each case into a folder, as CASE.svg. */
    void charts(Path folder) throws IOException {
        for (String situation : results.cases()) {
            Files.writeString(folder.resolve(situation + ".svg"), chart(situation));
        }
    }

    /** What a case is about: hand-offs where there are any, else what it measures first. */
    private static String headline(Set<String> metrics) {
        return metrics.contains("hand-offs/s")
                ? "hand-offs/s"
                : metrics.iterator().next();
    }

    private String chart(String situation) {
        Map<Subject, Map<String, Results.Sample>> samples = results.of(situation);
        String metric = headline(samples.values().iterator().next().keySet());
        double most = samples.values().stream()
                .mapToDouble(sample ->
                        sample.get(metric) == null ? 0 : sample.get(metric).most())
                .max()
                .orElse(1);
        double scale = (WIDTH - LABELS - 90) / Math.max(most, Double.MIN_NORMAL);
        List<String> lines = new ArrayList<>();
        int height = TOP + samples.size() * STEP + 10;
        lines.add("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + WIDTH + "\" height=\"" + height
                + "\" font-family=\"sans-serif\" font-size=\"12\">");
        lines.add("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>");
        lines.add("<text x=\"10\" y=\"22\" font-size=\"14\">" + situation + ": " + metric
                + " (median; line from least to most)</text>");
        int y = TOP;
        for (Map.Entry<Subject, Map<String, Results.Sample>> entry : samples.entrySet()) {
            Results.Sample sample = entry.getValue().get(metric);
            if (sample != null) {
                int middle = y + BAR / 2;
                lines.add("<text x=\"" + (LABELS - 6) + "\" y=\"" + (middle + 4) + "\" text-anchor=\"end\">"
                        + entry.getKey() + "</text>");
                lines.add("<rect x=\"" + LABELS + "\" y=\"" + y + "\" height=\"" + BAR + "\" width=\""
                        + Math.round(sample.median() * scale) + "\" fill=\""
                        + (entry.getKey().isOurs() ? "#1f77b4" : "#b0b0b0") + "\"/>");
                lines.add("<path d=\"M" + at(sample.least(), scale) + " " + middle + "H" + at(sample.most(), scale)
                        + "\" stroke=\"#333333\"/>");
                lines.add("<text x=\"" + (at(Math.max(sample.median(), sample.most()), scale) + 6) + "\" y=\""
                        + (middle + 4) + "\">" + Results.number(sample.median()) + "</text>");
            }
            y += STEP;
        }
        lines.add("</svg>");
        return String.join("\n", lines) + "\n";
    }

    private static long at(double value, double scale) {
        return LABELS + Math.round(value * scale);
    }
}
