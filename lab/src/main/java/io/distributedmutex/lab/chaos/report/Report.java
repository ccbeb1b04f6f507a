package io.distributedmutex.lab.chaos.report;

import io.distributedmutex.lab.chaos.check.Check;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.RunRecord;
import io.distributedmutex.lab.output.Svg;
import io.distributedmutex.lab.output.Verdict;
import io.distributedmutex.lab.output.Verdict.Finding;
import java.util.List;
import java.util.Locale;

/** The page that a chaos run leaves: the verdict, the figures, and what happened when. It needs nothing but itself. */
public final class Report {

    private static final int SHOWN = 50;

    private static final String STYLE = """
            <style>
            :root { color-scheme: light dark; }
            body { font: 14px/1.5 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; margin: 24px auto; max-width: 1280px; padding: 0 16px; }
            h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 28px 0 8px; }
            p { margin: 4px 0 12px; }
            table { border-collapse: collapse; } td, th { text-align: left; padding: 2px 18px 2px 0; vertical-align: top; }
            th { font-weight: 600; } td.number, th.number { text-align: right; }
            .ok { color: #0f9d76; font-weight: 600; } .bad { color: #d1383d; font-weight: 600; }
            .violations { color: #d1383d; } .quiet { color: #6e7681; }
            .columns { display: flex; gap: 48px; } .columns > :first-child { flex: 1 1 0; min-width: 0; }
            svg { display: block; width: 100%; height: auto; margin-bottom: 10px; }
            </style>
            """;

    private Report() {}

    public static String html(History history, RunRecord record, Verdict<Check> verdict) {
        StringBuilder page = new StringBuilder("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n")
                .append("<title>dmutex chaos</title>\n")
                .append(STYLE)
                .append("</head><body>\n");
        page.append("<h1>dmutex chaos: ")
                .append(
                        verdict.passed()
                                ? "<span class=\"ok\">all checks passed</span>"
                                : "<span class=\"bad\">CHECKS FAILED</span>")
                .append("</h1>\n");
        page.append(String.format(
                Locale.ROOT,
                "<p class=\"quiet\">%d faults%s in %.0f s, seed %d</p>\n",
                history.faults().size(),
                history.failovers().isEmpty()
                        ? ""
                        : " and " + history.failovers().size() + " failovers",
                record.settings().duration().toMillis() / 1e3,
                record.settings().seed()));
        verdict(page, verdict);
        page.append("<div class=\"columns\"><div><h2>Figures</h2>\n");
        table(page, Summary.figures(history, record), false);
        page.append("</div><div><h2>Faults</h2>\n");
        table(page, Summary.faults(history, record), true);
        page.append("</div></div>\n<h2>What happened when</h2>\n");
        page.append(
                "<p class=\"quiet\">A lane for each key, in the colour of the worker that holds it; grey beneath: somebody"
                        + " waits. Point at anything to see what it is.</p>\n");
        page.append(new Timeline(history, record).svg());
        return page.append("</body></html>\n").toString();
    }

    private static void verdict(StringBuilder page, Verdict<Check> verdict) {
        page.append("<table>\n");
        for (Finding<Check> finding : verdict.findings()) {
            page.append("<tr><td class=\"")
                    .append(finding.passed() ? "ok\">ok" : "bad\">FAILED")
                    .append("</td><td>")
                    .append(Svg.escaped(finding.check().toString()))
                    .append("</td><td class=\"quiet\">")
                    .append(Svg.escaped(finding.facts()))
                    .append("</td></tr>\n");
        }
        page.append("</table>\n");
        for (Finding<Check> finding : verdict.findings()) {
            if (!finding.passed()) {
                page.append("<h2>")
                        .append(Svg.escaped(finding.check().toString()))
                        .append("</h2><ul class=\"violations\">\n");
                finding.violations().stream()
                        .limit(SHOWN)
                        .forEach(violation -> page.append("<li>")
                                .append(Svg.escaped(violation))
                                .append("</li>\n"));
                page.append("</ul>\n");
                if (finding.violations().size() > SHOWN) {
                    page.append("<p class=\"violations\">... and ")
                            .append(finding.violations().size() - SHOWN)
                            .append(" more</p>\n");
                }
            }
        }
    }

    private static void table(StringBuilder page, List<List<String>> rows, boolean numbers) {
        page.append("<table>\n");
        for (List<String> row : rows) {
            page.append("<tr>");
            for (int column = 0; column < row.size(); column++) {
                page.append(numbers && column > 0 ? "<td class=\"number\">" : "<td>")
                        .append(Svg.escaped(row.get(column)))
                        .append("</td>");
            }
            page.append("</tr>\n");
        }
        page.append("</table>\n");
    }
}
