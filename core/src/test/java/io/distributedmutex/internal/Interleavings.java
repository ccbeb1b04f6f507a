package io.distributedmutex.internal;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.jetbrains.lincheck.datastructures.ManagedStrategyGuaranteeKt;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Options;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.slf4j.LoggerFactory;

/**
 * How thoroughly Lincheck looks at the in-process parts: it makes random scenarios of the operations of a class, always the
 * same ones, and runs each in many interleavings. Model checking decides itself where threads switch, and explores that
 * systematically; stress lets real threads race. {@code -Dinterleavings.times=N} makes N times as many scenarios of either,
 * {@code -Dseeds.from=N} others.
 */
final class Interleavings {

    private static final int TIMES = Integer.getInteger("interleavings.times", 1);

    /** What takes longer has hung. */
    private static final long HANGING_MILLIS = 120_000;

    private Interleavings() {}

    static ModelCheckingOptions modelChecking(int scenarios, int interleavings) {
        return shape(new ModelCheckingOptions(), scenarios, interleavings)
                // What is logged and recorded changes no state of ours.
                .addGuarantee(ManagedStrategyGuaranteeKt.forClasses(
                                Events.class.getName(),
                                FlightEvents.Acquire.class.getName(),
                                FlightEvents.Hold.class.getName())
                        .allMethods()
                        .ignore())
                // Switches inside these would find nothing but the test's own.
                .addGuarantee(ManagedStrategyGuaranteeKt.forClasses(StandingTime.class.getName())
                        .methods("nanoTime", "randomBytes")
                        .treatAsAtomic());
    }

    static StressOptions stress(int scenarios, int runs) {
        return shape(new StressOptions(), scenarios, runs);
    }

    private static <O extends Options<O, ?>> O shape(O options, int scenarios, int interleavings) {
        // Lincheck's 10 s are too few on a busy machine, where the JVM instruments a class for longer than that.
        options.invocationTimeout$lincheck(HANGING_MILLIS);
        return options.executionGenerator(OtherScenarios.class)
                .iterations(scenarios * TIMES)
                .invocationsPerIteration(interleavings)
                .threads(2)
                .actorsPerThread(3)
                .actorsBefore(1)
                .actorsAfter(1);
    }

    /** Runs a check without the lines that a loss logs: there are too many. */
    static void check(Options<?, ?> options, Class<?> operations) {
        Logger logger = (Logger) LoggerFactory.getLogger("io.distributedmutex");
        Level before = logger.getLevel();
        logger.setLevel(Level.OFF);
        try {
            options.check(operations);
        } finally {
            logger.setLevel(before);
        }
    }

    /** After all was released: no owner and no waiter in the store, no queue, no timer, nothing unfinished. Closes the engine. */
    static void nothingIsLeft(Engine engine, OneKeyStore store, StandingTime time) {
        check(store.isEmpty(), "left in the store: ", store.contents());
        check(engine.queue(OneKeyStore.KEY) == null, "left: ", "the queue");
        check(time.timers() == 0, "left: ", "timers");
        int parks = time.parks();
        engine.close();
        check(time.parks() == parks, "close() waits: ", "something is unfinished");
    }

    /** Not AssertJ's: Lincheck follows every step of what is called here. */
    static void check(boolean so, String broken, String seen) {
        if (!so) {
            throw new IllegalStateException(broken + seen);
        }
    }
}
