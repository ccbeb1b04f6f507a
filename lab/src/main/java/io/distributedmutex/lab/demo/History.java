package io.distributedmutex.lab.demo;

import io.distributedmutex.lab.demo.Event.Kind;
import io.distributedmutex.lab.demo.Hold.Outcome;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** All that happened in a demo, in the order of time. */
final class History {

    /** The shared file's key; all other keys are jobs. */
    static final String COUNTER = "counter";

    private final List<Event> events;
    private final List<Hold> holds;

    private History(List<Event> events, List<Hold> holds) {
        this.events = events;
        this.holds = holds;
    }

    /** Makes holds of events, which may come in any order. */
    static History of(List<Event> unordered) {
        List<Event> events = unordered.stream()
                .sorted(Comparator.comparingLong(Event::nanos))
                .toList();
        Map<String, Open> open = new HashMap<>();
        List<Hold> holds = new ArrayList<>();
        for (Event event : events) {
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
        holds.sort(Comparator.comparingLong(Hold::enteredNanos));
        return new History(events, List.copyOf(holds));
    }

    private static void closeAllOf(Event killed, Map<String, Open> open, List<Hold> holds) {
        open.entrySet().removeIf(entry -> {
            boolean dead = entry.getKey().startsWith(killed.worker() + " ");
            if (dead) {
                entry.getValue().kill();
                entry.getValue().closeInto(holds, killed.nanos(), false);
            }
            return dead;
        });
    }

    List<Event> events() {
        return events;
    }

    Stream<Event> of(Kind kind) {
        return events.stream().filter(event -> event.kind() == kind);
    }

    /** The holds, in the order in which they began. */
    List<Hold> holds() {
        return holds;
    }

    List<Hold> holdsOf(String key) {
        return holds.stream().filter(hold -> hold.key().equals(key)).toList();
    }

    /** The hold of the shared file during which a worker was killed, or null if there was none. */
    @Nullable
    Hold killed() {
        return holdsOf(COUNTER).stream()
                .filter(hold -> hold.outcome() == Outcome.KILLED)
                .findFirst()
                .orElse(null);
    }

    /** The next hold of the same key by anybody, or null if there is none. */
    @Nullable
    Hold after(Hold hold) {
        return holdsOf(hold.key()).stream()
                .filter(next -> next.enteredNanos() > hold.enteredNanos())
                .findFirst()
                .orElse(null);
    }

    /** What is known so far of one worker's way with one key. */
    private static final class Open {

        private @Nullable Event want;
        private @Nullable Event enter;
        private long leaseEndNanos;
        private boolean leased;
        private Outcome outcome = Outcome.UNKNOWN;

        void add(Event event) {
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

        void closeInto(List<Hold> holds, long nanos, boolean left) {
            Event entered = enter;
            if (entered == null) {
                return; // It only waited.
            }
            // A worker that dies with a lease keeps others out until the lease ends; without one, or after its end, it
            // keeps nobody out.
            boolean untilLeaseEnd = leased && !left;
            long end = untilLeaseEnd ? leaseEndNanos : leased ? Math.min(nanos, leaseEndNanos) : nanos;
            holds.add(new Hold(
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
