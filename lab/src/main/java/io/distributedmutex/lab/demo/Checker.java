package io.distributedmutex.lab.demo;

import io.distributedmutex.lab.demo.Event.Kind;
import io.distributedmutex.lab.output.Verdict;
import io.distributedmutex.lab.output.Verdict.Finding;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Looks for what must not have happened in a demo. It believes nothing but the workers' reports and the two files they
 * left, knows nothing of locks, and does nothing but compute.
 */
final class Checker {

    /**
     * What stands at the end.
     *
     * @param counter the number in the shared file
     * @param jobsDone the lines of the job log
     * @param jobsOffered the jobs that all workers were offered
     * @param killed whether a worker was to be killed
     */
    record Remains(long counter, List<Integer> jobsDone, List<Integer> jobsOffered, boolean killed) {}

    private final History history;
    private final Remains remains;
    /** Times in messages count from here. */
    private final long originNanos;

    private Checker(History history, Remains remains, long originNanos) {
        this.history = history;
        this.remains = remains;
        this.originNanos = originNanos;
    }

    static Verdict<Check> check(History history, Remains remains, long originNanos) {
        Checker checker = new Checker(history, remains, originNanos);
        return new Verdict<>(List.of(
                checker.exclusion(),
                checker.tokens(),
                checker.updates(),
                checker.jobs(),
                checker.takeOver(),
                checker.workers()));
    }

    /** The pairs of holds of one key that overlap in time; of each hold only the first with an earlier one. */
    static List<List<Hold>> overlaps(History history) {
        List<List<Hold>> overlaps = new ArrayList<>();
        Map<String, Hold> latestEnd = new HashMap<>();
        for (Hold hold : history.holds()) {
            Hold before = latestEnd.get(hold.key());
            if (before != null && hold.enteredNanos() < before.endNanos()) {
                overlaps.add(List.of(before, hold));
            }
            if (before == null || hold.endNanos() > before.endNanos()) {
                latestEnd.put(hold.key(), hold);
            }
        }
        return overlaps;
    }

    private Finding<Check> exclusion() {
        List<String> violations = overlaps(history).stream()
                .map(pair -> {
                    Hold before = pair.get(0);
                    Hold hold = pair.get(1);
                    long overlap = Math.min(before.endNanos(), hold.endNanos()) - hold.enteredNanos();
                    return "at " + time(hold.enteredNanos()) + " worker " + hold.worker() + " got '" + hold.key()
                            + "' while worker " + before.worker() + " held it still, for " + millis(overlap);
                })
                .toList();
        long keys = history.holds().stream().map(Hold::key).distinct().count();
        return new Finding<>(Check.EXCLUSION, history.holds().size() + " holds of " + keys + " keys", violations);
    }

    private Finding<Check> tokens() {
        List<String> violations = new ArrayList<>();
        Map<String, Long> largest = new HashMap<>();
        for (Hold hold : history.holds()) {
            Long before = largest.get(hold.key());
            if (before != null && hold.token() <= before) {
                violations.add("at " + time(hold.enteredNanos()) + " worker " + hold.worker() + " got '" + hold.key()
                        + "' with fencing token " + hold.token() + ", after " + before);
            }
            largest.merge(hold.key(), hold.token(), Math::max);
        }
        List<Hold> ofCounter = history.holdsOf(History.COUNTER);
        String facts = ofCounter.isEmpty()
                ? "no holds"
                : ofCounter.get(0).token() + " to "
                        + ofCounter.get(ofCounter.size() - 1).token();
        return new Finding<>(Check.TOKENS, facts, violations);
    }

    private Finding<Check> updates() {
        List<String> violations = new ArrayList<>();
        List<Event> writes = history.of(Kind.WRITE).toList();
        Map<Long, Event> byValue = new HashMap<>();
        for (Event write : writes) {
            Event first = byValue.putIfAbsent(write.value(), write);
            if (first != null) {
                violations.add("at " + time(write.nanos()) + " worker " + write.worker() + " wrote " + write.value()
                        + ", as worker " + first.worker() + " had: an update is lost");
            }
        }
        if (remains.counter() != writes.size()) {
            violations.add("the file says " + remains.counter() + " after " + writes.size() + " updates");
        }
        long refused = history.of(Kind.REFUSED).count();
        return new Finding<>(
                Check.UPDATES,
                writes.size() + " updates, and the file says " + remains.counter()
                        + (refused == 0 ? "" : "; " + refused + " late ones refused"),
                violations);
    }

    private Finding<Check> jobs() {
        List<String> violations = new ArrayList<>();
        Map<Integer, Long> times =
                remains.jobsDone().stream().collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));
        Set<Integer> offered = new HashSet<>(remains.jobsOffered());
        times.forEach((job, count) -> {
            if (count > 1) {
                violations.add("job " + job + " was done " + count + " times");
            }
            if (!offered.contains(job)) {
                violations.add("job " + job + " was done but never offered");
            }
        });
        for (Integer job : remains.jobsOffered()) {
            if (!times.containsKey(job)) {
                violations.add("job " + job + " was missed");
            }
        }
        return new Finding<>(
                Check.JOBS, times.size() + " of " + offered.size() + " jobs, each offered to all workers", violations);
    }

    private Finding<Check> takeOver() {
        Hold killed = history.killed();
        if (killed == null) {
            return remains.killed()
                    ? new Finding<>(
                            Check.TAKE_OVER,
                            "no kill",
                            List.of("no worker was killed while it held '" + History.COUNTER + "'"))
                    : new Finding<>(Check.TAKE_OVER, "nobody was to be killed", List.of());
        }
        Hold next = history.after(killed);
        String lost = "worker " + killed.worker();
        if (next == null) {
            return new Finding<>(
                    Check.TAKE_OVER, lost + " killed", List.of("nobody got '" + killed.key() + "' after " + lost));
        }
        if (!killed.isLeased()) {
            return new Finding<>(Check.TAKE_OVER, lost + " killed, without a lock to take over", List.of());
        }
        return new Finding<>(
                Check.TAKE_OVER,
                lost + "'s by worker " + next.worker() + ", " + millis(next.enteredNanos() - killed.endNanos())
                        + " after its lease ended",
                List.of());
    }

    private Finding<Check> workers() {
        List<String> violations = history.of(Kind.FAILED)
                .map(event -> "at " + time(event.nanos()) + " worker " + event.worker() + ": " + event.text())
                .toList();
        long workers = history.events().stream().map(Event::worker).distinct().count();
        long killed = history.of(Kind.KILLED).count();
        return new Finding<>(Check.WORKERS, workers + " processes, " + killed + " of them killed", violations);
    }

    private String time(long nanos) {
        return String.format(Locale.ROOT, "%.3f s", (nanos - originNanos) / 1e9);
    }

    private static String millis(long nanos) {
        return String.format(Locale.ROOT, "%.1f ms", nanos / 1e6);
    }
}
