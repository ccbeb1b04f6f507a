package io.distributedmutex.cli;

import io.distributedmutex.cli.ChaosEvent.Kind;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** All that happened in a chaos run, in the order of time, and what it amounts to: calls, leases, faults. */
final class ChaosHistory {

    private static final long NEVER = Long.MAX_VALUE;

    private final List<ChaosEvent> events;
    private final List<ChaosCall> calls;
    private final List<ChaosLease> leases;
    private final List<ChaosSpan> faults;
    private final List<ChaosSpan> losses;
    private final List<ChaosSpan> outages;
    private final Map<Integer, List<ChaosSpan>> standstills;
    private final Map<Integer, Long> deaths = new HashMap<>();
    private final long endNanos;

    private ChaosHistory(List<ChaosEvent> events) {
        this.events = events;
        this.endNanos = events.isEmpty() ? 0 : events.get(events.size() - 1).nanos();
        of(Kind.KILLED).forEach(event -> deaths.put(event.worker(), event.nanos()));
        this.calls = readCalls();
        this.leases = readLeases();
        this.faults = spans(Kind.FAULT, Kind.FAULT_OVER);
        this.outages = spans(Kind.SERVER_DOWN, Kind.SERVER_UP);
        this.losses = of(Kind.DATA_LOST)
                .map(event -> new ChaosSpan(event.nanos() - event.value(), event.nanos(), 0, event.key(), event.text()))
                .toList();
        this.standstills = readStandstills();
    }

    /** Makes a history of events, which may come in any order. */
    static ChaosHistory of(List<ChaosEvent> unordered) {
        return new ChaosHistory(unordered.stream()
                .sorted(Comparator.comparingLong(ChaosEvent::nanos))
                .toList());
    }

    List<ChaosEvent> events() {
        return events;
    }

    Stream<ChaosEvent> of(Kind kind) {
        return events.stream().filter(event -> event.kind() == kind);
    }

    /** The calls, in the order in which they were made. */
    List<ChaosCall> calls() {
        return calls;
    }

    /** The leases, in the order in which they were entered. */
    List<ChaosLease> leases() {
        return leases;
    }

    /** The leases that were ever believed in, by key, in the order in which they were entered. */
    Map<String, List<ChaosLease>> validLeases() {
        Map<String, List<ChaosLease>> byKey = new LinkedHashMap<>();
        leases.stream()
                .filter(ChaosLease::wasValid)
                .forEach(lease -> byKey.computeIfAbsent(lease.key(), key -> new ArrayList<>())
                        .add(lease));
        return byKey;
    }

    /** The faults, each with the name of its kind. */
    List<ChaosSpan> faults() {
        return faults;
    }

    /** The times within which Redis lost a key, or all (then the name is empty). */
    List<ChaosSpan> losses() {
        return losses;
    }

    /** The times in which there was no Redis. */
    List<ChaosSpan> outages() {
        return outages;
    }

    /** The times in which a process stood still, whatever the cause; 0 is the controller. */
    List<ChaosSpan> standstills(int worker) {
        return standstills.getOrDefault(worker, List.of());
    }

    /** The same, of all processes. */
    List<ChaosSpan> standstills() {
        return standstills.values().stream().flatMap(List::stream).toList();
    }

    /** When a worker was killed, or never. */
    long killedNanos(int worker) {
        return deaths.getOrDefault(worker, NEVER);
    }

    /** When the last fault was over. */
    long lastFaultNanos(long otherwise) {
        return faults.stream().mapToLong(ChaosSpan::toNanos).max().orElse(otherwise);
    }

    /** When the workers were told to end. */
    long stoppingNanos() {
        return of(Kind.STOPPING).mapToLong(ChaosEvent::nanos).findFirst().orElse(endNanos);
    }

    private List<ChaosCall> readCalls() {
        Map<String, ChaosEvent> open = new LinkedHashMap<>();
        List<ChaosCall> read = new ArrayList<>();
        for (ChaosEvent event : events) {
            String id = event.worker() + " " + event.call();
            switch (event.kind()) {
                case CALL, EXTEND, RELEASING -> open.put(id, event);
                case ENTER, NOT_ACQUIRED, EXTENDED, RELEASED -> {
                    ChaosEvent asked = open.remove(id);
                    if (asked != null) {
                        String outcome = event.kind() == Kind.ENTER ? ChaosClient.OK : event.text();
                        read.add(call(asked, event.nanos(), outcome, event.token()));
                    }
                }
                default -> {
                    // Not about a call.
                }
            }
        }
        open.values().forEach(asked -> read.add(call(asked, NEVER, "", asked.token())));
        read.sort(Comparator.comparingLong(ChaosCall::askedNanos));
        return List.copyOf(read);
    }

    private static ChaosCall call(ChaosEvent asked, long end, String outcome, long token) {
        return new ChaosCall(
                asked.worker(),
                asked.call(),
                asked.kind(),
                asked.text(),
                asked.key(),
                asked.nanos(),
                asked.value(),
                end,
                outcome,
                token);
    }

    private List<ChaosLease> readLeases() {
        Map<String, Open> open = new LinkedHashMap<>();
        Map<Integer, Long> closing = new HashMap<>();
        of(Kind.CLOSING).forEach(event -> closing.put(event.worker(), event.nanos()));
        for (ChaosEvent event : events) {
            String id = event.worker() + " " + event.key() + " " + event.token();
            if (event.kind() == Kind.ENTER) {
                // A token that was given twice is two leases, which the checks will find.
                open.put(open.containsKey(id) ? id + " " + event.call() : id, new Open(event));
            } else if (open.containsKey(id)) {
                open.get(id).add(event);
            }
        }
        return open.values().stream()
                .map(lease -> lease.close(closing.getOrDefault(lease.enter.worker(), NEVER)))
                .sorted(Comparator.comparingLong(ChaosLease::enteredNanos))
                .toList();
    }

    private List<ChaosSpan> spans(Kind from, Kind to) {
        Map<String, ChaosEvent> open = new LinkedHashMap<>();
        List<ChaosSpan> spans = new ArrayList<>();
        for (ChaosEvent event : events) {
            String id = event.worker() + " " + event.call();
            if (event.kind() == from) {
                open.put(id, event);
            } else if (event.kind() == to) {
                ChaosEvent begun = open.remove(id);
                if (begun != null) {
                    spans.add(span(begun, event.nanos()));
                }
            }
        }
        open.values().forEach(begun -> spans.add(span(begun, endNanos)));
        spans.sort(Comparator.comparingLong(ChaosSpan::fromNanos));
        return List.copyOf(spans);
    }

    private static ChaosSpan span(ChaosEvent begun, long to) {
        return new ChaosSpan(begun.nanos(), to, begun.worker(), begun.key(), begun.text());
    }

    private Map<Integer, List<ChaosSpan>> readStandstills() {
        Map<Integer, List<ChaosSpan>> read = new HashMap<>();
        of(Kind.STALL)
                .map(event -> new ChaosSpan(event.nanos() - event.value(), event.nanos(), event.worker(), "", "stall"))
                .forEach(span -> read.computeIfAbsent(span.worker(), worker -> new ArrayList<>())
                        .add(span));
        // A stopped process tells of its stop when it goes on, unless it is killed before.
        for (ChaosSpan stop : spans(Kind.STOPPED, Kind.CONTINUED)) {
            if (killedNanos(stop.worker()) <= stop.toNanos()) {
                read.computeIfAbsent(stop.worker(), worker -> new ArrayList<>()).add(stop);
            }
        }
        return read;
    }

    /** What is known so far of a lease. */
    private static final class Open {
        private final ChaosEvent enter;
        private final long ownedAtEnter;
        private long deadline;
        private long owned;
        private long releasing = NEVER;
        private long releasedAt = NEVER;
        private String released = "";
        private long kept;
        private long lost = NEVER;

        Open(ChaosEvent enter) {
            this.enter = enter;
            this.deadline = enter.nanos() + enter.value();
            this.ownedAtEnter = ownedBy(enter);
            this.owned = ownedAtEnter;
        }

        private static long ownedBy(ChaosEvent event) {
            return event.nanos() + event.value() - Long.parseLong(event.text()) * 1_000_000;
        }

        void add(ChaosEvent event) {
            switch (event.kind()) {
                case DEADLINE -> {
                    deadline = event.nanos() + event.value();
                    owned = Math.max(owned, ownedBy(event));
                }
                case RELEASING -> releasing = Math.min(releasing, event.nanos());
                case RELEASED -> {
                    if (releasedAt == NEVER) {
                        releasedAt = event.nanos();
                        released = event.text();
                    }
                }
                case KEPT -> kept = enter.nanos() + event.value();
                case LOST -> lost = Math.min(lost, event.nanos());
                default -> {
                    // Does not change the lease.
                }
            }
        }

        ChaosLease close(long closing) {
            return new ChaosLease(
                    enter.worker(),
                    enter.key(),
                    enter.token(),
                    enter.call(),
                    enter.nanos(),
                    deadline,
                    ownedAtEnter,
                    owned,
                    Math.min(releasing, closing),
                    releasedAt,
                    released,
                    kept,
                    lost);
        }
    }
}
