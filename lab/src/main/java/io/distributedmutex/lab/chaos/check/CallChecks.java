package io.distributedmutex.lab.chaos.check;

import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.lab.chaos.history.Call;
import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.RunRecord;
import io.distributedmutex.lab.chaos.history.Span;
import io.distributedmutex.lab.chaos.history.Times;
import io.distributedmutex.lab.chaos.plan.Topology;
import io.distributedmutex.lab.output.Verdict.Finding;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Every call needs a documented outcome, in time, and every process an end in good order. */
final class CallChecks {

    /**
     * How much longer than its bound a call may take on a busy machine, where its caller has to wake up and to report. The
     * time in which its whole process stood still is added.
     */
    static final long CALL_NANOS = 500_000_000L;

    /** How long a worker may take to end: its calls have wait times of at most 3 s, close() takes 4 s at most. */
    static final long END_NANOS = 15_000_000_000L;

    private static final Set<String> OF_THE_STORE =
            Set.of("StoreUnreachableException", "StoreRefusedException OUT_OF_MEMORY", "StoreRefusedException BUSY");
    /** What a primary answers that has become a replica. */
    private static final String READ_ONLY = "StoreRefusedException READ_ONLY";

    private final History history;
    private final Times times;
    private final RunRecord record;

    CallChecks(History history, Times times, RunRecord record) {
        this.history = history;
        this.times = times;
        this.record = record;
    }

    Finding<Check> outcomes() {
        List<String> violations = new ArrayList<>();
        Map<Integer, Long> closing = new HashMap<>();
        history.of(Kind.CLOSING).forEach(event -> closing.put(event.worker(), event.nanos()));
        long latest = 0;
        for (Call call : history.calls()) {
            long end = Math.min(call.endNanos(), history.killedNanos(call.worker()));
            long stood = Span.within(history.standstills(call.worker()), call.askedNanos(), end);
            long late = end == Long.MAX_VALUE ? 0 : end - call.askedNanos() - call.boundNanos() - stood;
            if (end == Long.MAX_VALUE) {
                violations.add("at " + times.at(call.askedNanos()) + " " + call.describe() + " has no outcome");
            } else if (late > CALL_NANOS) {
                violations.add("at " + times.at(end) + " " + call.describe() + " ended " + Times.millis(late)
                        + " later than it may");
            } else if (call.endNanos() != Long.MAX_VALUE && !isDocumented(call, closing)) {
                violations.add("at " + times.at(end) + " " + call.describe() + " ended with " + call.outcome());
            }
            latest = Math.max(latest, late);
        }
        history.of(Kind.FAILED)
                .forEach(event -> violations.add("at " + times.at(event.nanos()) + " "
                        + (event.worker() == 0 ? "the controller" : "worker " + event.worker()) + " failed: "
                        + event.text()));
        violations.addAll(record.complaints());
        return new Finding<>(
                Check.OUTCOMES,
                history.calls().size() + " calls, at most " + Times.millis(Math.max(0, latest))
                        + " later than their bound",
                violations);
    }

    private boolean isDocumented(Call call, Map<Integer, Long> closing) {
        String outcome = call.outcome();
        boolean replaced = record.settings().topology() != Topology.STANDALONE && outcome.equals(READ_ONLY);
        if (outcome.equals(Call.OK) || OF_THE_STORE.contains(outcome) || replaced) {
            return true;
        }
        return switch (outcome) {
            case "MutexClosedException" ->
                call.kind() == Kind.CALL && closing.getOrDefault(call.worker(), Long.MAX_VALUE) < call.endNanos();
            case "LockNotAcquiredException" -> call.waits();
            case Call.VICTIM -> call.how().equals(Call.CIRCLE);
            case "LockInterruptedException" -> call.how().equals("interrupt");
            case Call.CANCELLED -> call.how().equals("cancel");
            case Call.TAKEN -> call.how().equals("try");
            case "LeaseLostException" -> call.kind() == Kind.EXTEND;
            case "lost" -> call.kind() == Kind.RELEASING;
            default -> false;
        };
    }

    Finding<Check> end() {
        List<String> violations = new ArrayList<>();
        long stopping = history.stoppingNanos();
        Set<Integer> alive = new HashSet<>();
        history.of(Kind.READY).forEach(event -> alive.add(event.worker()));
        history.of(Kind.KILLED).forEach(event -> alive.remove(event.worker()));
        int workers = alive.size();
        history.of(Kind.ENDED).forEach(event -> {
            alive.remove(event.worker());
            if (event.value() != ExitCodes.OK) {
                violations.add("worker " + event.worker()
                        + (event.value() < 0 ? " did not end" : " ended with exit code " + event.value()));
            }
        });
        alive.forEach(worker -> violations.add("nothing is known of worker " + worker + "'s end"));
        long slowest = 0;
        for (Event bye : history.of(Kind.BYE).toList()) {
            long took = bye.nanos() - stopping - Span.within(history.standstills(bye.worker()), stopping, bye.nanos());
            slowest = Math.max(slowest, took);
            if (took > END_NANOS) {
                violations.add("worker " + bye.worker() + " took " + Times.millis(took) + " to end");
            }
        }
        record.leftovers().forEach(key -> violations.add("'" + key + "' is left in Redis"));
        return new Finding<>(
                Check.END,
                workers + " workers ended within " + Times.millis(slowest) + ", "
                        + record.leftovers().size() + " keys left",
                violations);
    }
}
