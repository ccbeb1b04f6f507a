package io.distributedmutex.testing;

import java.util.List;

/** Faults for the sources of the detector of deadlocks: each takes one of its rules away. */
public final class DeadlockMutants {

    private static final String CORE = "core/src/main/java/io/distributedmutex/internal/";
    private static final String DETECTOR = CORE + "DeadlockDetector.java";
    private static final String QUEUE = CORE + "KeyQueue.java";
    private static final String BUDGET = CORE + "Budget.java";

    /** All of them. */
    public static final List<Mutant> ALL = List.of(
            new Mutant("a wait is known from its beginning", DETECTOR, "wait.lookBy(afterNanos);", "wait.lookBy(0);"),
            new Mutant(
                    "IGNORE looks",
                    DETECTOR,
                    "reaction == OnDeadlock.IGNORE ? Long.MAX_VALUE : afterNanos;",
                    "afterNanos;"),
            new Mutant("a wait is not known to others", DETECTOR, "                            more.add(this);\n", ""),
            new Mutant(
                    "an owner that holds nothing sends probes", DETECTOR, "if (ownsSomething(owner)) {", "if (true) {"),
            new Mutant(
                    "probes are not repeated",
                    DETECTOR,
                    "pauseNanos = Math.min(pauseNanos + pauseNanos / 2, LONGEST_PAUSE_NANOS);",
                    "pauseNanos = LONGEST_PAUSE_NANOS * 1_000;"),
            new Mutant(
                    "pauses do not grow",
                    DETECTOR,
                    "pauseNanos = Math.min(pauseNanos + pauseNanos / 2, LONGEST_PAUSE_NANOS);",
                    ""),
            new Mutant(
                    "pauses grow without a bound",
                    DETECTOR,
                    "Math.min(pauseNanos + pauseNanos / 2, LONGEST_PAUSE_NANOS)",
                    "pauseNanos + pauseNanos / 2"),
            new Mutant(
                    "a wait looks again as often as it is asked to",
                    DETECTOR,
                    "begunNanos + SHORTEST_PAUSE_NANOS",
                    "begunNanos"),
            new Mutant("a younger wait is not asked to look", DETECTOR, "                wait.lookBy(0);\n", ""),
            new Mutant("every wait of a circle finds it", DETECTOR, "if (wait.isYoungerThan(probe)) {", "if (false) {"),
            new Mutant(
                    "the youngest by another order on each side",
                    DETECTOR,
                    "? startedMillis > probe.startedMillis()",
                    "? waitedMillis() % 2 == 0"),
            new Mutant(
                    "no order among waits of one millisecond",
                    DETECTOR,
                    ": name.compareTo(probe.origin()) > 0;",
                    ": false;"),
            new Mutant(
                    "no wait of one millisecond finds the circle",
                    DETECTOR,
                    ": name.compareTo(probe.origin()) > 0;",
                    ": true;"),
            new Mutant(
                    "a probe that took long counts",
                    DETECTOR,
                    "&& instance.now() - begunNanos <= ROUNDS_NANOS",
                    "&& begunNanos != Long.MIN_VALUE"),
            new Mutant(
                    "a probe counts that is not the latest",
                    DETECTOR,
                    "probe.sequence() == sequence && instance",
                    "instance"),
            new Mutant(
                    "a probe goes on each time that it comes",
                    DETECTOR,
                    "} else if (wait.passes(probe)) {",
                    "} else {"),
            new Mutant(
                    "a path of any length is followed",
                    DETECTOR,
                    "if (obstacle == null || probe.path().size() == Probe.MAXIMUM_PATH) {",
                    "if (obstacle == null) {"),
            new Mutant("no second round", DETECTOR, "confirm(known.confirming(0), wait);", "confirmed(known, wait);"),
            new Mutant(
                    "the second round: a wait for another lease",
                    DETECTOR,
                    "                || !obstacle.token().equals(probe.edge().token())) {",
                    ") {"),
            new Mutant(
                    "the second round: another lease",
                    DETECTOR,
                    "if (tenure == null || tenure.fencingToken() != probe.edge().fencingToken()) {",
                    "if (tenure == null) {"),
            new Mutant(
                    "the second round: another wait of the owner",
                    DETECTOR,
                    "            if (wait.name.equals(name)) {\n                if (home) {",
                    "            if (wait.name.length() == name.length()) {\n                if (home) {"),
            new Mutant(
                    "a circle that has ended is told of",
                    DETECTOR,
                    "if (wait.isOver() || !wait.isTimely(probe)",
                    "if (!wait.isTimely(probe)"),
            new Mutant("a circle is told of each time", DETECTOR, " || !wait.isNew(probe)) {", ") {"),
            new Mutant("any number of circles through a wait", DETECTOR, "told.size() < CIRCLES_PER_WAIT && ", ""),
            new Mutant(
                    "REPORT ends a wait",
                    DETECTOR,
                    "if (reaction == OnDeadlock.FAIL) {",
                    "if (reaction != OnDeadlock.IGNORE) {"),
            new Mutant(
                    "FAIL ends none",
                    DETECTOR,
                    "if (reaction == OnDeadlock.FAIL) {",
                    "if (reaction == OnDeadlock.IGNORE) {"),
            new Mutant(
                    "a victim that goes on waiting",
                    DETECTOR,
                    "queue.giveUpBecause(wait.waiter, outcome);",
                    "wait.waiter.fail(outcome);"),
            new Mutant(
                    "a wait that has ended is followed",
                    DETECTOR,
                    "return wait.isOver() ? null : obstacle;",
                    "return obstacle;"),
            new Mutant("any number of messages is sent", DETECTOR, " || !sending.allows(instance.now())) {", ") {"),
            new Mutant("any number of messages is taken", DETECTOR, " || !receiving.allows(instance.now())) {", ") {"),
            new Mutant("the number of messages is never reset", BUDGET, "            used = 0;\n", ""),
            new Mutant("a lease that is held under another token", QUEUE, " || !here.token().equals(token)) {", ") {"),
            new Mutant(
                    "a lease that is over",
                    QUEUE,
                    "if (here == null || now >= here.current().deadline() ||",
                    "if (here == null ||"),
            new Mutant(
                    "an obstacle within the instance taken for a message's",
                    QUEUE,
                    "return new Obstacle(here.token(), true);",
                    "return new Obstacle(here.token(), false);"));

    private DeadlockMutants() {}

    /**
     * Some of them.
     *
     * @param names what they are called
     * @return those, in that order
     * @throws java.util.NoSuchElementException if there is none of a name
     */
    public static List<Mutant> named(String... names) {
        return List.of(names).stream()
                .map(name -> ALL.stream()
                        .filter(mutant -> mutant.name().equals(name))
                        .findFirst()
                        .orElseThrow())
                .toList();
    }
}
