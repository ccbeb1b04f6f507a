package io.distributedmutex.cli;

import io.distributedmutex.cli.DemoEvent.Kind;
import io.distributedmutex.cli.DemoHold.Outcome;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** All that happened in a demo, in the order of time. */
final class DemoHistory {

    /** The shared file's key; all other keys are jobs. */
    static final String COUNTER = "counter";

    private final List<DemoEvent> events;
    private final List<DemoHold> holds;

    private DemoHistory(List<DemoEvent> events, List<DemoHold> holds) {
        this.events = events;
        this.holds = holds;
    }

    /** Makes holds of events, which may come in any order. */
    static DemoHistory of(List<DemoEvent> unordered) {
        List<DemoEvent> events = unordered.stream()
                .sorted(Comparator.comparingLong(DemoEvent::nanos))
                .toList();
        Map<String, Open> open = new HashMap<>();
        List<DemoHold> holds = new ArrayList<>();
        for (DemoEvent event : events) {
            if (event.kind() == Kind.KILLED) {
                closeAllOf(event, open, holds);
            } else if (!event.key().isEmpty()) {
                String thread = event.worker() + " " + event.key();
                open.computeIfAbsent(thread, ignored -> new Open()).add(event);
                if (event.kind() == Kind.LEAVE) {
                    open.remove(thread).closeInto(holds, event.nanos(), true);
                }
            }
        }
        long last = events.isEmpty() ? 0 : events.get(events.size() - 1).nanos();
        open.values().forEach(hold -> hold.closeInto(holds, last, false));
        holds.sort(Comparator.comparingLong(DemoHold::enteredNanos));
        return new DemoHistory(events, List.copyOf(holds));
    }

    private static void closeAllOf(DemoEvent killed, Map<String, Open> open, List<DemoHold> holds) {
        open.entrySet().removeIf(entry -> {
            boolean dead = entry.getKey().startsWith(killed.worker() + " ");
            if (dead) {
                entry.getValue().kill();
                entry.getValue().closeInto(holds, killed.nanos(), false);
            }
            return dead;
        });
    }

    List<DemoEvent> events() {
        return events;
    }

    Stream<DemoEvent> of(Kind kind) {
        return events.stream().filter(event -> event.kind() == kind);
    }

    /** The holds, in the order in which they began. */
    List<DemoHold> holds() {
        return holds;
    }

    List<DemoHold> holdsOf(String key) {
        return holds.stream().filter(hold -> hold.key().equals(key)).toList();
    }

    /** The hold of the shared file during which a worker was killed, or null if there was none. */
    @Nullable
    DemoHold killed() {
        return holdsOf(COUNTER).stream()
                .filter(hold -> hold.outcome() == Outcome.KILLED)
                .findFirst()
                .orElse(null);
    }

    /** The next hold of the same key by anybody, or null if there is none. */
    @Nullable
    DemoHold after(DemoHold hold) {
        return holdsOf(hold.key()).stream()
                .filter(next -> next.enteredNanos() > hold.enteredNanos())
                .findFirst()
                .orElse(null);
    }

    /** What is known so far of one worker's way with one key. */
    private static final class Open {

        private @Nullable DemoEvent want;
        private @Nullable DemoEvent enter;
        private long leaseEndNanos;
        private boolean leased;
        private Outcome outcome = Outcome.UNKNOWN;

        void add(DemoEvent event) {
            switch (event.kind()) {
                case WANT -> want = event;
                case ENTER -> {
                    enter = event;
                    leased = event.value() > 0;
                    leaseEndNanos = event.nanos() + event.value();
                }
                case STALLED -> leaseEndNanos = event.nanos() + event.value();
                case WRITE, DONE -> outcome = Outcome.WORKED;
                case SEEN -> outcome = Outcome.IDLE;
                case REFUSED -> outcome = Outcome.EXPIRED;
                default -> {
                    // The others do not change what is known of a hold.
                }
            }
        }

        void kill() {
            outcome = Outcome.KILLED;
        }

        void closeInto(List<DemoHold> holds, long nanos, boolean left) {
            DemoEvent entered = enter;
            if (entered == null) {
                return; // It only waited.
            }
            // Who dies holding a lease keeps others out until its end. After it, nobody who lives claims to hold
            // anything.
            boolean untilLeaseEnd = leased && !left;
            long end = untilLeaseEnd ? leaseEndNanos : leased ? Math.min(nanos, leaseEndNanos) : nanos;
            holds.add(new DemoHold(
                    entered.worker(),
                    entered.key(),
                    entered.token(),
                    want == null ? entered.nanos() : want.nanos(),
                    entered.nanos(),
                    end,
                    outcome));
        }
    }
}
