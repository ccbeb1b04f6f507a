package io.distributedmutex.lab.chaos.history;

import io.distributedmutex.lab.chaos.history.Event.Kind;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** All that happened in a chaos run, in the order of time, and what it amounts to: calls, leases, faults. */
public final class History {

    private static final long NEVER = Long.MAX_VALUE;
    private static final long LEAST_SILENCE_NANOS = 100_000_000L;

    private final List<Event> events;
    private final List<Call> calls;
    private final List<HeldLease> leases;
    private final List<Span> faults;
    private final List<Span> losses;
    private final List<Span> outages;
    private final List<Failover> failovers;
    private final Map<Integer, List<Span>> standstills;
    private final Map<Integer, Long> deaths = new HashMap<>();
    private final long endNanos;

    private History(List<Event> events) {
        this.events = events;
        this.endNanos = events.isEmpty() ? 0 : events.get(events.size() - 1).nanos();
        of(Kind.KILLED).forEach(event -> deaths.put(event.worker(), event.nanos()));
        this.calls = readCalls();
        this.leases = readLeases();
        this.faults = spans(Kind.FAULT, Kind.FAULT_OVER);
        this.failovers = readFailovers();
        this.outages = spans(Kind.SERVER_DOWN, Kind.SERVER_UP);
        this.losses = of(Kind.DATA_LOST)
                .map(event -> new Span(event.nanos() - event.value(), event.nanos(), 0, event.key(), event.text()))
                .toList();
        this.standstills = readStandstills();
    }

    /** Makes a history of events, which may come in any order. */
    public static History of(List<Event> unordered) {
        return new History(unordered.stream()
                .sorted(Comparator.comparingLong(Event::nanos))
                .toList());
    }

    public List<Event> events() {
        return events;
    }

    public Stream<Event> of(Kind kind) {
        return events.stream().filter(event -> event.kind() == kind);
    }

    /** The calls, in the order in which they were made. */
    public List<Call> calls() {
        return calls;
    }

    /** The leases, in the order in which they were entered. */
    public List<HeldLease> leases() {
        return leases;
    }

    /** The leases that were ever believed in, by key, in the order in which they were entered. */
    public Map<String, List<HeldLease>> validLeases() {
        Map<String, List<HeldLease>> byKey = new LinkedHashMap<>();
        leases.stream()
                .filter(HeldLease::wasValid)
                .forEach(lease -> byKey.computeIfAbsent(lease.key(), key -> new ArrayList<>())
                        .add(lease));
        return byKey;
    }

    /** The faults, each with the name of its kind. */
    public List<Span> faults() {
        return faults;
    }

    /** The times within which Redis lost a key, or all (then the name is empty). */
    public List<Span> losses() {
        return losses;
    }

    /** The times in which one server took another's place. */
    public List<Failover> failovers() {
        return failovers;
    }

    /** The times in which there was no Redis. */
    public List<Span> outages() {
        return outages;
    }

    /** The times in which a process stood still, whatever the cause; 0 is the controller. */
    public List<Span> standstills(int worker) {
        return standstills.getOrDefault(worker, List.of());
    }

    /** The same, of all processes. */
    public List<Span> standstills() {
        return standstills.values().stream().flatMap(List::stream).toList();
    }

    /** When a worker was killed, or never. */
    public long killedNanos(int worker) {
        return deaths.getOrDefault(worker, NEVER);
    }

    /** When the last fault was over, and what came of it. */
    public long lastFaultNanos(long otherwise) {
        return Stream.concat(faults.stream(), failovers.stream().map(Failover::span))
                .mapToLong(Span::toNanos)
                .max()
                .orElse(otherwise);
    }

    /** When the workers got the order to end. */
    public long stoppingNanos() {
        return of(Kind.STOPPING).mapToLong(Event::nanos).findFirst().orElse(endNanos);
    }

    private List<Call> readCalls() {
        Map<String, Event> open = new LinkedHashMap<>();
        List<Call> read = new ArrayList<>();
        for (Event event : events) {
            String id = event.worker() + " " + event.call();
            switch (event.kind()) {
                case CALL, EXTEND, RELEASING -> open.put(id, event);
                case ENTER, NOT_ACQUIRED, EXTENDED, RELEASED -> {
                    Event asked = open.remove(id);
                    if (asked != null) {
                        String outcome = event.kind() == Kind.ENTER ? Call.OK : event.text();
                        read.add(call(asked, event.nanos(), outcome, event.token()));
                    }
                }
                default -> {
                    // Not about a call.
                }
            }
        }
        open.values().forEach(asked -> read.add(call(asked, NEVER, "", asked.token())));
        read.sort(Comparator.comparingLong(Call::askedNanos));
        return List.copyOf(read);
    }

    private static Call call(Event asked, long end, String outcome, long token) {
        return new Call(
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

    private List<HeldLease> readLeases() {
        Map<String, Open> open = new LinkedHashMap<>();
        Map<Integer, Long> closing = new HashMap<>();
        of(Kind.CLOSING).forEach(event -> closing.put(event.worker(), event.nanos()));
        for (Event event : events) {
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
                .sorted(Comparator.comparingLong(HeldLease::enteredNanos))
                .toList();
    }

    private List<Failover> readFailovers() {
        Map<Long, Event> begun = new HashMap<>();
        of(Kind.FAILOVER).forEach(event -> begun.put(event.call(), event));
        List<Failover> read = new ArrayList<>();
        begun.forEach((number, event) -> {
            long over = of(Kind.FAILOVER_OVER)
                    .filter(end -> end.call() == number)
                    .mapToLong(Event::nanos)
                    .findFirst()
                    .orElse(endNanos);
            Span span = new Span(event.nanos() - event.value(), over, 0, "failover", event.text(), words(event.key()));
            read.add(new Failover(span, event.token() == 1));
        });
        read.sort(Comparator.comparingLong(failover -> failover.span().fromNanos()));
        return List.copyOf(read);
    }

    private static Set<String> words(String text) {
        return text.isEmpty() ? Set.of() : Set.of(text.split(" ", -1));
    }

    private List<Span> spans(Kind from, Kind to) {
        Map<Long, Set<String>> concerned = new HashMap<>();
        of(Kind.CONCERNS).forEach(event -> concerned.put(event.call(), words(event.text())));
        Map<String, Event> open = new LinkedHashMap<>();
        List<Span> spans = new ArrayList<>();
        for (Event event : events) {
            String id = event.worker() + " " + event.call();
            if (event.kind() == from) {
                open.put(id, event);
            } else if (event.kind() == to) {
                Event begun = open.remove(id);
                if (begun != null) {
                    spans.add(span(begun, event.nanos(), concerned));
                }
            }
        }
        open.values().forEach(begun -> spans.add(span(begun, endNanos, concerned)));
        spans.sort(Comparator.comparingLong(Span::fromNanos));
        return List.copyOf(spans);
    }

    private static Span span(Event begun, long to, Map<Long, Set<String>> concerned) {
        Set<String> keys = begun.kind() == Kind.FAULT ? concerned.getOrDefault(begun.call(), Set.of()) : Set.of();
        return new Span(begun.nanos(), to, begun.worker(), begun.key(), begun.text(), keys);
    }

    /** Several threads report one standstill. They do so in the order of their ends. */
    private static void addStall(List<Span> stalls, Span stall) {
        long from = stall.fromNanos();
        while (!stalls.isEmpty() && stalls.get(stalls.size() - 1).toNanos() >= from) {
            from = Math.min(from, stalls.remove(stalls.size() - 1).fromNanos());
        }
        stalls.add(new Span(from, stall.toNanos(), stall.worker(), stall.name(), stall.text()));
    }

    private Map<Integer, List<Span>> readStandstills() {
        Map<Integer, List<Span>> read = new HashMap<>();
        of(Kind.STALL)
                .map(event -> new Span(event.nanos() - event.value(), event.nanos(), event.worker(), "", "stall"))
                .forEach(span -> addStall(read.computeIfAbsent(span.worker(), worker -> new ArrayList<>()), span));
        // A stopped process tells of its stop when it goes on, unless it is killed before.
        for (Span stop : spans(Kind.STOPPED, Kind.CONTINUED)) {
            if (killedNanos(stop.worker()) <= stop.toNanos()) {
                read.computeIfAbsent(stop.worker(), worker -> new ArrayList<>()).add(stop);
            }
        }
        deaths.forEach((worker, killed) -> silenceBefore(worker, killed)
                .ifPresent(silence ->
                        read.computeIfAbsent(worker, one -> new ArrayList<>()).add(silence)));
        return read;
    }

    /** A process that is killed while it stands still cannot tell of it; but one that does not tells all the time. */
    private Optional<Span> silenceBefore(int worker, long killed) {
        return events.stream()
                .filter(event -> event.worker() == worker && event.kind().isOfWorker() && event.nanos() < killed)
                .reduce((earlier, later) -> later)
                .filter(last -> killed - last.nanos() > LEAST_SILENCE_NANOS)
                .map(last -> new Span(last.nanos(), killed, worker, "", "stall"));
    }

    /** What is known so far of a lease. */
    private static final class Open {
        private final Event enter;
        private final long ownedAtEnter;
        private long deadline;
        private long owned;
        private long releasing = NEVER;
        private long releasedAt = NEVER;
        private String released = "";
        private long kept;
        private long lost = NEVER;

        Open(Event enter) {
            this.enter = enter;
            this.deadline = enter.nanos() + enter.value();
            this.ownedAtEnter = ownedBy(enter);
            this.owned = ownedAtEnter;
        }

        private static long ownedBy(Event event) {
            return event.nanos() + event.value() - Long.parseLong(event.text()) * 1_000_000;
        }

        void add(Event event) {
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

        HeldLease close(long closing) {
            return new HeldLease(
                    enter.worker(),
                    enter.key(),
                    enter.token(),
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
