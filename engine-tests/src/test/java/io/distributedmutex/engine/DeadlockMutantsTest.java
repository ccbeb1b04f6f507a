package io.distributedmutex.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder.discoveryRequest;
import static org.junit.platform.launcher.core.LauncherExecutionRequestBuilder.executionRequest;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.testing.Mutant;
import io.distributedmutex.testing.MutantLoader;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.platform.engine.CancellationToken;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Each rule of the detector of deadlocks is there for something that {@link DeadlockTest} or {@link ForgedProbesTest} shows:
 * without it, one of their tests fails. {@code -Dmutants.only=TEXT} tries those with that text in their names.
 */
@Tag("deep")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class DeadlockMutantsTest {

    private static final String CORE = "core/src/main/java/io/distributedmutex/internal/";
    private static final String DETECTOR = CORE + "DeadlockDetector.java";
    private static final String QUEUE = CORE + "KeyQueue.java";
    private static final String BUDGET = CORE + "Budget.java";

    private static final List<Mutant> MUTANTS = List.of(
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

    @Test
    void withoutAnyOfItsRulesATestFails() throws Exception {
        String only = System.getProperty("mutants.only", "");
        List<String> survivors = new ArrayList<>();
        ch.qos.logback.classic.Logger root =
                (ch.qos.logback.classic.Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME);
        Appender<ILoggingEvent> console = root.getAppender("console");
        // Megabytes, of no interest. The tests still see what is logged.
        root.detachAppender(console);
        try {
            for (Mutant mutant : MUTANTS) {
                if (mutant.name().contains(only)) {
                    String caught = firstFailure(mutant);
                    System.out.printf(Locale.ROOT, "| %s | %s |%n", mutant.name(), caught);
                    if (caught == null) {
                        survivors.add(mutant.name());
                    }
                }
            }
        } finally {
            root.addAppender(console);
        }
        assertThat(survivors).isEmpty();
    }

    /** The rest is not run. */
    private static @Nullable String firstFailure(Mutant mutant) throws Exception {
        MutantLoader loader = new MutantLoader(mutant, List.of(DistributedMutex.class, Logger.class, NullMarked.class));
        AtomicReference<@Nullable String> first = new AtomicReference<>();
        CancellationToken enough = CancellationToken.create();
        LauncherFactory.create()
                .execute(executionRequest(discoveryRequest()
                                .selectors(
                                        selectClass(loader.loadClass(DeadlockTest.class.getName())),
                                        selectClass(loader.loadClass(ForgedProbesTest.class.getName())))
                                .build())
                        .listeners(new TestExecutionListener() {
                            @Override
                            public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                                if (test.isTest() && result.getStatus() == TestExecutionResult.Status.FAILED) {
                                    first.compareAndSet(null, test.getDisplayName());
                                    enough.cancel();
                                }
                            }
                        })
                        .cancellationToken(enough)
                        .build());
        return first.get();
    }
}
