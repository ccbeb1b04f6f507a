package io.distributedmutex.lab.demo;

import io.distributedmutex.lab.demo.Event.Kind;
import io.distributedmutex.lab.demo.Hold.Outcome;
import io.distributedmutex.lab.output.Svg;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Draws which worker held what when: a lane for each worker and kind of work, over the whole time; below it the kill and the
 * take-over enlarged.
 */
final class Timeline {

    private static final int WIDTH = 1200;
    private static final int LEFT = 92;
    private static final int RIGHT = 24;
    private static final int LANE = 20;
    private static final int BAR = 14;
    /** What is shown around the kill, on either side. */
    private static final long AROUND_NANOS = 450_000_000L;
    /** Below this a bar's text does not fit. */
    private static final double TEXT_WIDTH = 12;

    private static final String DEFINITIONS = """
            <style>
            text { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 12px; fill: #6e7681; }
            .title { font-size: 17px; font-weight: 600; }
            .heading { font-weight: 600; }
            .small { font-size: 10px; }
            .inside { font-size: 9px; fill: #ffffff; text-anchor: middle; }
            .right { text-anchor: end; }
            .middle { text-anchor: middle; }
            .danger { fill: #d1383d; font-weight: 600; }
            .lane { stroke: #8b949e; stroke-opacity: 0.25; }
            .grid { stroke: #8b949e; stroke-opacity: 0.25; stroke-dasharray: 2 3; }
            .wait { stroke: #8b949e; stroke-width: 1.5; stroke-opacity: 0.7; }
            .axis { stroke: #8b949e; stroke-width: 1.5; }
            .counter { fill: #3b82f6; }
            .job { fill: #0f9d76; }
            .seen { fill: #0f9d76; fill-opacity: 0.35; }
            .lease { fill: url(#hatch); stroke: #d1383d; stroke-width: 0.8; }
            .expired { fill: #d29922; }
            .kill { stroke: #d1383d; stroke-width: 2.5; }
            .mark { stroke: #d1383d; stroke-dasharray: 4 3; }
            .overlap { fill: #d1383d; fill-opacity: 0.6; }
            </style>
            <defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="6" height="6" fill="#d1383d" fill-opacity="0.12"/><rect width="2" height="6" fill="#d1383d" fill-opacity="0.55"/>
            </pattern></defs>
            """;

    private final History history;
    private final long originNanos;
    private final List<Integer> workers;
    private final List<List<Hold>> overlaps;
    private final @Nullable Hold killed;
    private final long killNanos;
    private final Svg svg = new Svg();
    private double y;

    private Timeline(History history, long originNanos) {
        this.history = history;
        this.originNanos = originNanos;
        this.workers =
                history.events().stream().map(Event::worker).distinct().sorted().toList();
        this.overlaps = Checker.overlaps(history);
        this.killed = history.killed();
        this.killNanos =
                history.of(Kind.KILLED).mapToLong(Event::nanos).findFirst().orElse(originNanos);
    }

    /** The picture. */
    static String svg(History history, long originNanos, Settings settings) {
        return new Timeline(history, originNanos).draw(settings);
    }

    private String draw(Settings settings) {
        y = 30;
        svg.text(LEFT, y, "title", "dmutex demo: who held what when");
        y += 20;
        svg.text(LEFT, y, "", subtitle(settings));
        y += 26;
        legend();
        long end = history.holds().stream().mapToLong(Hold::endNanos).max().orElse(originNanos);
        Scale whole = new Scale(originNanos, Math.max(end, originNanos + 1));
        y += 34;
        group("The shared file: one lock, 'counter', and whoever has it adds 1", Timeline::isCounter, whole, false);
        y += 12;
        group(
                "The jobs: a lock for each, 'job:N', offered to all workers at once",
                hold -> !isCounter(hold),
                whole,
                false);
        axis(whole, whole.seconds() > 60 ? 10 : 1);
        if (killed != null && killed.isLeased()) {
            Hold next = history.after(killed);
            long to = (next == null ? killed.endNanos() : Math.max(next.enteredNanos(), killed.endNanos()))
                    + AROUND_NANOS;
            Scale close = new Scale(killNanos - AROUND_NANOS, to);
            y += 56;
            group("Enlarged: the kill and the take-over of 'counter'", Timeline::isCounter, close, true);
            axis(close, 0.25);
        }
        y += 24;
        return svg.document(WIDTH, (int) y, DEFINITIONS);
    }

    private String subtitle(Settings settings) {
        String text = settings.workers() + " workers for " + settings.seconds() + " s, seed " + settings.seed();
        Hold dead = killed;
        if (settings.withoutLock()) {
            text += ", without a lock: " + overlaps.size() + " times two at once";
        } else if (dead != null) {
            Hold next = history.after(dead);
            text += String.format(
                    Locale.ROOT,
                    "; worker %d is killed (-9) at %.2f s, its lease ends at %.2f s, ",
                    dead.worker(),
                    seconds(killNanos),
                    seconds(dead.endNanos()));
            text += next == null
                    ? "nobody takes over"
                    : String.format(
                            Locale.ROOT,
                            "worker %d has the lock %.1f ms later",
                            next.worker(),
                            (next.enteredNanos() - dead.endNanos()) / 1e6);
        }
        return text;
    }

    private void legend() {
        double x = LEFT;
        x = legend(x, "counter", "holds the file's lock");
        x = legend(x, "job", "does job N");
        x = legend(x, "seen", "finds job N done");
        svg.line(x, y - 4, x + 16, y - 4, "wait").text(x + 22, y, "", "waits");
        x += 70;
        svg.cross(x + 6, y - 4, 5, "kill").text(x + 18, y, "", "kill -9");
        x += 76;
        x = legend(x, "lease", "dead, but its lease keeps others out");
        legend(x, "overlap", overlaps.isEmpty() ? "two at once (there is none)" : "TWO AT ONCE");
    }

    private double legend(double x, String classes, String text) {
        svg.rectangle(x, y - 10, 16, 12, classes, "").text(x + 22, y, "", text);
        return x + 22 + text.length() * 6.3 + 22;
    }

    private static boolean isCounter(Hold hold) {
        return hold.key().equals(History.COUNTER);
    }

    private void group(String heading, Predicate<Hold> which, Scale scale, boolean enlarged) {
        svg.text(LEFT, y, "heading", heading);
        y += enlarged ? 26 : 10;
        double top = y;
        for (int worker : workers) {
            double middle = y + LANE / 2.0;
            svg.text(LEFT - 10, middle + 4, "right", "worker " + worker);
            svg.line(scale.x(born(worker)), middle, scale.x(died(worker, scale.to)), middle, "lane");
            history.holds().stream()
                    .filter(hold -> hold.worker() == worker && which.test(hold))
                    .filter(hold -> hold.endNanos() > scale.from && hold.wantedNanos() < scale.to)
                    .forEach(hold -> hold(hold, scale, middle));
            y += LANE;
        }
        overlaps.stream()
                .filter(pair -> which.test(pair.get(1)))
                .forEach(pair -> overlap(pair.get(0), pair.get(1), scale, top));
        if (killed != null) {
            svg.line(scale.x(killNanos), top, scale.x(killNanos), y, "mark");
            if (enlarged) {
                moments(killed, scale, top);
            }
        }
    }

    private long born(int worker) {
        return history.of(Kind.READY)
                .filter(event -> event.worker() == worker)
                .mapToLong(Event::nanos)
                .findFirst()
                .orElse(originNanos);
    }

    private long died(int worker, long otherwise) {
        return history.of(Kind.KILLED)
                .filter(event -> event.worker() == worker)
                .mapToLong(Event::nanos)
                .findFirst()
                .orElse(otherwise);
    }

    private void hold(Hold hold, Scale scale, double middle) {
        double top = middle - BAR / 2.0;
        double entered = scale.x(hold.enteredNanos());
        svg.line(scale.x(hold.wantedNanos()), middle, entered, middle, "wait");
        boolean dead = hold.outcome() == Outcome.KILLED;
        long workedUntil = dead ? Math.min(killNanos, hold.endNanos()) : hold.endNanos();
        double width = Math.max(0.7, scale.x(workedUntil) - entered);
        svg.rectangle(entered, top, width, BAR, classOf(hold), tip(hold));
        if (dead) {
            double killedAt = scale.x(killNanos);
            svg.rectangle(killedAt, top, scale.x(hold.endNanos()) - killedAt, BAR, "lease", tip(hold));
            svg.cross(killedAt, middle, 6, "kill");
        }
        String number = hold.key().substring(hold.key().indexOf(':') + 1);
        if (width > TEXT_WIDTH && !isCounter(hold)) {
            svg.text(entered + width / 2, middle + 3.5, "inside", number);
        }
    }

    private static String classOf(Hold hold) {
        if (hold.outcome() == Outcome.EXPIRED) {
            return "expired";
        }
        if (isCounter(hold)) {
            return "counter";
        }
        return hold.outcome() == Outcome.IDLE ? "seen" : "job";
    }

    private String tip(Hold hold) {
        return String.format(
                Locale.ROOT,
                "worker %d, %s, fencing token %d: waited %.1f ms, held %.3f s to %.3f s (%s)",
                hold.worker(),
                hold.key(),
                hold.token(),
                (hold.enteredNanos() - hold.wantedNanos()) / 1e6,
                seconds(hold.enteredNanos()),
                seconds(hold.endNanos()),
                hold.outcome().name().toLowerCase(Locale.ROOT));
    }

    /** Two at once are shown in both lanes. */
    private void overlap(Hold before, Hold hold, Scale scale, double top) {
        long to = Math.min(before.endNanos(), hold.endNanos());
        if (to <= scale.from || hold.enteredNanos() >= scale.to) {
            return;
        }
        double x = scale.x(hold.enteredNanos());
        double width = Math.max(1, scale.x(to) - x);
        for (Hold each : List.of(before, hold)) {
            double lane = top + workers.indexOf(each.worker()) * LANE;
            svg.rectangle(
                    x,
                    lane + 1,
                    width,
                    LANE - 2,
                    "overlap",
                    "worker " + before.worker() + " and worker " + hold.worker() + " hold " + hold.key() + " at once");
        }
    }

    private void moments(Hold dead, Scale scale, double top) {
        double killX = scale.x(killNanos);
        double endX = scale.x(dead.endNanos());
        svg.line(endX, top, endX, y, "mark");
        svg.text(killX, top - 6, "danger middle", "kill -9");
        Hold next = history.after(dead);
        String delay = next == null
                ? "nobody follows"
                : String.format(
                        Locale.ROOT,
                        "lease ends; %.1f ms later: worker %d",
                        (next.enteredNanos() - dead.endNanos()) / 1e6,
                        next.worker());
        svg.text(endX, top - 6, "danger middle", delay);
        double lane = top + workers.indexOf(dead.worker()) * LANE + LANE / 2.0;
        svg.text(
                (killX + endX) / 2,
                lane - BAR / 2.0 - 2,
                "small danger middle",
                String.format(Locale.ROOT, "%.2f s in which nobody enters", (dead.endNanos() - killNanos) / 1e9));
    }

    private void axis(Scale scale, double step) {
        double first = Math.ceil(seconds(scale.from) / step) * step;
        for (double second = first; second <= seconds(scale.to) + 1e-9; second += step) {
            double x = scale.x(originNanos + (long) (second * 1e9));
            svg.line(x, y, x, y + 5, "axis");
            String label = step < 1
                    ? String.format(Locale.ROOT, "%.2f s", second)
                    : String.format(Locale.ROOT, "%.0f s", second);
            svg.text(x, y + 18, "middle", label);
        }
        svg.line(scale.x(scale.from), y, scale.x(scale.to), y, "axis");
        y += 18;
    }

    private double seconds(long nanos) {
        return (nanos - originNanos) / 1e9;
    }

    /** Where a time is on the page; what is outside is drawn at the edge. */
    private record Scale(long from, long to) {

        double x(long nanos) {
            long inside = Math.max(from, Math.min(to, nanos));
            return LEFT + (double) (inside - from) / (to - from) * (WIDTH - LEFT - RIGHT);
        }

        double seconds() {
            return (to - from) / 1e9;
        }
    }
}
