package io.distributedmutex.lab.chaos.check;

import io.distributedmutex.lab.chaos.history.Call;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.history.Failover;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.Span;
import io.distributedmutex.lab.chaos.history.Times;
import io.distributedmutex.lab.output.Verdict.Finding;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Finds the waiters that were overtaken.
 *
 * <p>A worker's threads share one place in a key's queue, and get a new one after each grant. So a worker is overtaken if it
 * certainly had its place before another worker certainly took its own, and yet the other one was granted first. A worker
 * certainly has its place when it waits and its last grant is over. It takes its place at its last grant at the earliest, or
 * when its first thread began to wait if that is later; a try takes none. A lease that was passed on within a process overtakes
 * nobody: that is the documented favour (64 passes or 2 ms).
 *
 * <p>A waiter whose connections are down loses its place, as documented; so only what happens in calm is a violation. While a
 * worker is new, it is not calm either. Its first requests have to load their classes, so nobody knows when they reach Redis:
 * up to half a second after they are made, where several JVMs start on busy cores.
 */
final class OrderCheck {

    /** After a fault, dead connections are still being found and made anew. After its start, a worker is slow. */
    private static final long SETTLE_NANOS = 4_000_000_000L;
    /** How far the time of a report may be from the time at which Redis saw the request, on a busy machine. */
    private static final long MARGIN_NANOS = 200_000_000L;
    /**
     * How many tokens one grant brings: a lease that is nearer to an earlier one of its worker was passed on in the process.
     */
    private static final long BLOCK = 64;

    /** What is known of one worker's place in one key's queue. */
    private static final class Place {
        private final List<Call> waiting = new ArrayList<>();
        /** Since when at least one of its threads has been waiting. */
        private long waitingSince = Long.MIN_VALUE;
        /** The last lease. */
        private @Nullable Call granted;

        void asked(Call call) {
            if (call.waits()) {
                waitingSince = waiting.isEmpty() ? call.askedNanos() : waitingSince;
                waiting.add(call);
            }
        }

        /** The earliest time at which the worker can have taken the place in which the call was granted. */
        long takenAfter(Call call) {
            if (!call.waits()) {
                return call.askedNanos();
            }
            Call last = granted;
            return last == null ? waitingSince : Math.max(waitingSince, last.endNanos() - MARGIN_NANOS);
        }

        /** The time by which the worker had certainly taken the place in which the call waits. */
        long takenBy(Call call) {
            Call last = granted;
            return MARGIN_NANOS + (last == null ? call.askedNanos() : Math.max(call.askedNanos(), last.endNanos()));
        }

        boolean passedOn(Call call) {
            Call last = granted;
            return last != null && call.token() > last.token() && call.token() - last.token() < BLOCK;
        }
    }

    /** A call's beginning or end. */
    private record Moment(long nanos, boolean end, Call call) {}

    private final History history;
    private final Times times;
    private final long originNanos;
    private final Map<String, List<Span>> unrest = new HashMap<>();
    private final Map<String, Map<Integer, Place>> keys = new HashMap<>();
    private final List<String> violations = new ArrayList<>();
    private long grants;
    private long overtaken;

    OrderCheck(History history, Times times, long originNanos) {
        this.history = history;
        this.times = times;
        this.originNanos = originNanos;
    }

    Finding<Check> order() {
        for (Moment moment : moments()) {
            Call call = moment.call();
            Place place = keys.computeIfAbsent(call.key(), key -> new HashMap<>())
                    .computeIfAbsent(call.worker(), worker -> new Place());
            if (moment.end()) {
                place.waiting.remove(call);
                if (call.isGranted()) {
                    granted(call, place);
                }
            } else {
                place.asked(call);
            }
        }
        return new Finding<>(
                Check.ORDER,
                overtaken + " of " + grants + " grants overtook somebody, " + violations.size() + " of them in calm",
                violations);
    }

    private void granted(Call call, Place place) {
        if (!place.passedOn(call)) {
            grants++;
            Call passedOver = passedOver(call, place.takenAfter(call));
            if (passedOver != null) {
                overtaken++;
                if (Span.within(unrest(call.key()), passedOver.askedNanos() - 1, call.endNanos()) == 0) {
                    violations.add("at " + times.at(call.endNanos()) + " " + call.describe() + " was granted before "
                            + passedOver.describe() + ", which waited since " + times.at(passedOver.askedNanos()));
                }
            }
        }
        place.granted = call;
    }

    private @Nullable Call passedOver(Call granted, long takenAfter) {
        for (Map.Entry<Integer, Place> other :
                keys.getOrDefault(granted.key(), Map.of()).entrySet()) {
            for (Call waiting : other.getValue().waiting) {
                if (other.getKey() != granted.worker()
                        && other.getValue().takenBy(waiting) < takenAfter
                        && waiting.endNanos() > granted.endNanos() + MARGIN_NANOS) {
                    return waiting;
                }
            }
        }
        return null;
    }

    private List<Moment> moments() {
        List<Moment> moments = new ArrayList<>();
        for (Call call : history.calls()) {
            if (call.kind() == Kind.CALL) {
                moments.add(new Moment(call.askedNanos(), false, call));
                long end = Math.min(call.endNanos(), history.killedNanos(call.worker()));
                if (end != Long.MAX_VALUE) {
                    moments.add(new Moment(end, true, call));
                }
            }
        }
        moments.sort(Comparator.comparingLong(Moment::nanos));
        return moments;
    }

    private List<Span> unrest(String key) {
        return unrest.computeIfAbsent(
                key,
                one -> unrest(history, originNanos).stream()
                        .filter(span -> span.concerns(one))
                        .toList());
    }

    /** The times that were not calm, each with the keys for which it was not. */
    static List<Span> unrest(History history, long originNanos) {
        List<Span> unrest = new ArrayList<>();
        Stream.concat(history.faults().stream(), history.failovers().stream().map(Failover::span))
                .forEach(fault -> unrest.add(
                        new Span(fault.fromNanos(), fault.toNanos() + SETTLE_NANOS, 0, "", "", fault.keys())));
        history.standstills()
                .forEach(stall -> unrest.add(new Span(stall.fromNanos(), stall.toNanos() + MARGIN_NANOS, 0, "", "")));
        history.of(Kind.READY)
                .forEach(start ->
                        unrest.add(new Span(start.nanos(), start.nanos() + SETTLE_NANOS, start.worker(), "", "")));
        unrest.add(new Span(history.stoppingNanos(), Long.MAX_VALUE / 2, 0, "", ""));
        unrest.add(new Span(Long.MIN_VALUE / 2, originNanos, 0, "", ""));
        return unrest;
    }
}
