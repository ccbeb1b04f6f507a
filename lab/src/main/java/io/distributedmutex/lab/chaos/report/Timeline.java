package io.distributedmutex.lab.chaos.report;

import io.distributedmutex.lab.chaos.check.LeaseChecks;
import io.distributedmutex.lab.chaos.check.LeaseChecks.Overlap;
import io.distributedmutex.lab.chaos.check.ServiceChecks;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.history.Failover;
import io.distributedmutex.lab.chaos.history.HeldLease;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.RunRecord;
import io.distributedmutex.lab.chaos.history.Span;
import io.distributedmutex.lab.chaos.history.Times;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Topology;
import io.distributedmutex.lab.chaos.worker.Worker;
import io.distributedmutex.lab.output.Svg;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;

/**
 * Draws a chaos run in rows of some seconds: the faults, what became of the workers, and a lane for each key. What is too
 * narrow to be seen is left out where something else of the same worker is drawn already.
 */
final class Timeline {

    private static final int WIDTH = 1240;
    private static final int LEFT = 70;
    private static final int RIGHT = 10;
    private static final int LANE = 20;
    private static final int BAR = 12;
    private static final int BAND = 15;
    private static final double LEAST_WIDTH = 0.8;
    private static final double ROW_SECONDS = 20;
    /** A label of a band needs so much for each letter. */
    private static final double LETTER = 5.6;

    private static final String[] COLOURS = {
        "#3b82f6", "#0f9d76", "#a855f7", "#d97706", "#0891b2", "#be185d", "#65a30d", "#6366f1", "#b45309", "#14b8a6"
    };

    private final History history;
    private final RunRecord record;
    private final List<String> keys;
    private final List<Overlap> overlaps;
    private final Map<String, List<HeldLease>> leases;
    private final List<ServiceChecks.Gap> gaps;
    private final long rowNanos;

    Timeline(History history, RunRecord record) {
        this.history = history;
        this.record = record;
        this.keys = Worker.keys(record.settings().keys());
        Times times = new Times(history, record.originNanos());
        this.overlaps = new LeaseChecks(history, times).overlaps();
        this.leases = history.validLeases();
        this.gaps = new ServiceChecks(history, times, record.originNanos()).gaps();
        this.rowNanos = (long) (ROW_SECONDS * 1e9);
    }

    /** The legend and all rows, each a picture of its own. */
    String svg() {
        StringBuilder all = new StringBuilder(legend());
        long end = record.originNanos() + record.settings().duration().toNanos();
        for (long from = record.originNanos(); from < end; from += rowNanos) {
            all.append(new Row(from).draw());
        }
        return all.toString();
    }

    private static String definitions() {
        StringBuilder style = new StringBuilder("""
                <style>
                text { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 11px; fill: #6e7681; }
                .right { text-anchor: end; } .middle { text-anchor: middle; }
                .grid { stroke: #8b949e; stroke-opacity: 0.22; } .axis { stroke: #8b949e; }
                .WORKER { fill: #a855f7; fill-opacity: 0.22; stroke: #a855f7; stroke-width: 0.6; }
                .SERVER { fill: #d97706; fill-opacity: 0.25; stroke: #d97706; stroke-width: 0.6; }
                .NETWORK { fill: #0891b2; fill-opacity: 0.22; stroke: #0891b2; stroke-width: 0.6; }
                .SENTINEL { fill: #65a30d; fill-opacity: 0.22; stroke: #65a30d; stroke-width: 0.6; }
                .failover { stroke: #be185d; stroke-width: 1.2; }
                .failovers { fill: #be185d; fill-opacity: 0.4; }
                .down { fill: #6e7681; fill-opacity: 0.22; }
                .lost { stroke: #d97706; stroke-width: 1.2; stroke-dasharray: 3 2; }
                .gap { fill: #8b949e; fill-opacity: 0.55; }
                .excused { fill: #facc15; stroke: #a16207; stroke-width: 0.6; }
                .violation { fill: #ff0000; stroke: #990000; stroke-width: 1; }
                .kill { stroke: #d1383d; stroke-width: 2; }
                .refused { stroke: #d1383d; stroke-width: 1; }
                """);
        for (int i = 0; i < COLOURS.length; i++) {
            style.append(".w").append(i).append(" { fill: ").append(COLOURS[i]).append("; }\n");
        }
        return style.append("</style>\n").toString();
    }

    private String legend() {
        Svg svg = new Svg();
        double x = LEFT;
        TreeSet<Integer> workers = new TreeSet<>();
        history.of(Kind.READY).forEach(event -> workers.add(event.worker()));
        for (int worker : workers.headSet(COLOURS.length + 1)) {
            svg.rectangle(x, 4, 14, 10, colour(worker), "").text(x + 18, 13, "", "worker " + worker);
            x += 78;
        }
        if (workers.size() > COLOURS.length) {
            svg.text(x, 13, "", "... (colours come again)");
        }
        x = LEFT;
        x = mark(svg, x, "gap", "free, though somebody waits");
        svg.line(x + 7, 22, x + 7, 34, "refused").text(x + 18, 32, "", "late write refused");
        x += 130;
        svg.cross(x + 7, 28, 4, "kill").text(x + 18, 32, "", "kill -9");
        x += 76;
        x = mark(svg, x, "down", "no Redis");
        svg.line(x + 7, 22, x + 7, 34, "lost").text(x + 18, 32, "", "data lost");
        x += 86;
        if (record.settings().topology() != Topology.STANDALONE) {
            x = mark(svg, x, "failovers", "failover, until all know of it");
        }
        x = mark(svg, x, "excused", "two at once, with an excuse");
        mark(
                svg,
                x,
                "violation",
                overlaps.stream().allMatch(Overlap::excused) ? "TWO AT ONCE (there is none)" : "TWO AT ONCE");
        return svg.document(WIDTH, 40, definitions());
    }

    private static double mark(Svg svg, double x, String classes, String text) {
        svg.rectangle(x, 23, 14, 10, classes, "").text(x + 18, 32, "", text);
        return x + 18 + text.length() * LETTER + 20;
    }

    private static String colour(int worker) {
        return "w" + (worker - 1) % COLOURS.length;
    }

    private String at(long nanos) {
        return String.format(Locale.ROOT, "%.3f s", (nanos - record.originNanos()) / 1e9);
    }

    /** Some seconds. */
    private final class Row {

        private final long from;
        private final long to;
        private final Svg svg = new Svg();
        private double y = 4;

        Row(long from) {
            this.from = from;
            this.to = from + rowNanos;
        }

        String draw() {
            int bands = bands();
            double top = y;
            y += bands * BAND + 4;
            double lanes = y;
            double bottom = lanes + keys.size() * LANE;
            history.outages().stream()
                    .filter(this::isHere)
                    .forEach(outage -> svg.rectangle(
                            x(outage.fromNanos()),
                            top,
                            width(outage.fromNanos(), outage.toNanos()),
                            bottom - top,
                            "down",
                            "no Redis from " + at(outage.fromNanos()) + " to " + at(outage.toNanos())));
            grid(top, bottom);
            for (String key : keys) {
                lane(key);
                y += LANE;
            }
            history.losses().stream()
                    .filter(this::isHere)
                    .forEach(loss -> svg.line(x(loss.toNanos()), lanes, x(loss.toNanos()), bottom, "lost"));
            history.failovers().stream()
                    .map(Failover::span)
                    .filter(this::isHere)
                    .forEach(failover -> failover(failover, lanes));
            // The legend's styles are the page's.
            return svg.document(WIDTH, (int) y + 20, "");
        }

        /** In the lanes of the keys that the new server has. */
        private void failover(Span failover, double lanes) {
            for (int lane = 0; lane < keys.size(); lane++) {
                if (failover.concerns(keys.get(lane))) {
                    double top = lanes + lane * LANE;
                    double x = x(failover.fromNanos());
                    if (failover.fromNanos() >= from) {
                        svg.line(x, top, x, top + LANE, "failover");
                    }
                    svg.rectangle(
                            x,
                            top,
                            Math.max(1, width(failover.fromNanos(), failover.toNanos())),
                            3,
                            "failovers",
                            failover.text() + ", from " + at(failover.fromNanos()) + " to " + at(failover.toNanos()));
                }
            }
        }

        private boolean isHere(Span span) {
            return span.toNanos() >= from && span.fromNanos() < to;
        }

        /** Draws the faults, so that none covers another one or its label; returns how many lines that took. */
        private int bands() {
            List<Double> free = new ArrayList<>();
            for (Span fault : history.faults()) {
                if (!isHere(fault)) {
                    continue;
                }
                double x = x(fault.fromNanos());
                double width = Math.max(3, width(fault.fromNanos(), fault.toNanos()));
                Fault kind = Fault.valueOf(fault.name());
                String all = kind.domain() == Fault.Domain.NETWORK ? " (all)" : "";
                String label = fault.text() + (fault.worker() == 0 ? all : " (" + fault.worker() + ")");
                double labelWidth = 8 + label.length() * LETTER;
                boolean before = x + width + labelWidth > WIDTH;
                double left = before ? x - labelWidth : x;
                int line = 0;
                while (line < free.size() && free.get(line) > left) {
                    line++;
                }
                if (line == free.size()) {
                    free.add(0.0);
                }
                free.set(line, before ? x + width : x + width + labelWidth);
                double bandY = y + line * BAND;
                svg.rectangle(
                        x,
                        bandY + 1,
                        width,
                        BAND - 3,
                        kind.domain().name(),
                        label + ", from " + at(fault.fromNanos()) + " to " + at(fault.toNanos()));
                svg.text(before ? x - 4 : x + width + 4, bandY + 11, before ? "right" : "", label);
            }
            return Math.max(1, free.size());
        }

        private void grid(double top, double bottom) {
            for (int second = 0; second <= ROW_SECONDS; second++) {
                long nanos = from + second * 1_000_000_000L;
                svg.line(x(nanos), top, x(nanos), bottom, "grid");
                if (second % 2 == 0 && second < ROW_SECONDS) {
                    svg.text(
                            x(nanos),
                            bottom + 13,
                            second == 0 ? "" : "middle",
                            String.format(Locale.ROOT, "%.0f s", (nanos - record.originNanos()) / 1e9));
                }
            }
            svg.line(LEFT, bottom, WIDTH - RIGHT, bottom, "axis");
        }

        private void lane(String key) {
            double middle = y + LANE / 2.0;
            svg.text(LEFT - 8, middle + 4, "right", key);
            gaps.stream()
                    .filter(gap -> gap.key().equals(key) && gap.toNanos() >= from && gap.fromNanos() < to)
                    .filter(gap -> width(gap.fromNanos(), gap.toNanos()) > LEAST_WIDTH)
                    .forEach(gap -> svg.rectangle(
                            x(gap.fromNanos()),
                            middle - 1.5,
                            width(gap.fromNanos(), gap.toNanos()),
                            3,
                            "gap",
                            key + " free from " + at(gap.fromNanos()) + " to " + at(gap.toNanos())
                                    + ", though somebody waits"));
            double drawn = 0;
            int by = 0;
            for (HeldLease lease : leases.getOrDefault(key, List.of())) {
                double x = x(lease.enteredNanos());
                double width = width(lease.enteredNanos(), lease.endNanos());
                boolean here = lease.endNanos() >= from && lease.enteredNanos() < to;
                boolean seen = width > LEAST_WIDTH || x > drawn || by != lease.worker();
                if (here && seen) {
                    svg.rectangle(
                            x,
                            middle - BAR / 2.0,
                            Math.max(LEAST_WIDTH, width),
                            BAR,
                            colour(lease.worker()),
                            tip(lease));
                    drawn = x + Math.max(LEAST_WIDTH, width);
                    by = lease.worker();
                }
            }
            marks(key, middle);
        }

        private void marks(String key, double middle) {
            for (Overlap overlap : overlaps) {
                if (overlap.first().key().equals(key) && overlap.toNanos() >= from && overlap.fromNanos() < to) {
                    double width = width(overlap.fromNanos(), overlap.toNanos());
                    svg.rectangle(
                            x(overlap.fromNanos()),
                            overlap.excused() ? middle - 3 : y + 1,
                            Math.max(overlap.excused() ? 1 : 3, width),
                            overlap.excused() ? 6 : LANE - 2,
                            overlap.excused() ? "excused" : "violation",
                            overlap.first().describe() + " and "
                                    + overlap.second().describe() + " at once, from "
                                    + at(overlap.fromNanos()) + " to " + at(overlap.toNanos())
                                    + (overlap.excused() ? ", " + overlap.excuse() : ""));
                }
            }
            record.register().stream()
                    .filter(entry ->
                            entry.write() && !entry.accepted() && entry.key().equals(key))
                    .filter(entry -> entry.nanos() >= from && entry.nanos() < to)
                    .forEach(entry -> svg.line(
                            x(entry.nanos()),
                            middle - BAR / 2.0 - 3,
                            x(entry.nanos()),
                            middle + BAR / 2.0 + 3,
                            "refused"));
            leases.getOrDefault(key, List.of()).stream()
                    .filter(lease -> {
                        long killed = history.killedNanos(lease.worker());
                        return killed >= Math.max(from, lease.enteredNanos())
                                && killed < Math.min(to, lease.endNanos());
                    })
                    .forEach(lease -> svg.cross(x(history.killedNanos(lease.worker())), middle, 4, "kill"));
        }

        private String tip(HeldLease lease) {
            return String.format(
                    Locale.ROOT,
                    "worker %d, %s, fencing token %d: from %s to %s, %s",
                    lease.worker(),
                    lease.key(),
                    lease.token(),
                    at(lease.enteredNanos()),
                    at(lease.endNanos()),
                    lease.endNanos() == lease.releasingNanos()
                            ? "released"
                            : lease.lostNanos() != Long.MAX_VALUE ? "lost" : "never released");
        }

        private double x(long nanos) {
            long inside = Math.max(from, Math.min(to, nanos));
            return LEFT + (double) (inside - from) / rowNanos * (WIDTH - LEFT - RIGHT);
        }

        private double width(long fromNanos, long toNanos) {
            return x(toNanos) - x(fromNanos);
        }
    }
}
