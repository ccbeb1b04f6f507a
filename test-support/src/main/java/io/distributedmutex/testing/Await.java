package io.distributedmutex.testing;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** Waits for what happens elsewhere by looking again and again, with a bound. */
public final class Await {

    /** Generous: it only says when a test is given up. What is measured is asserted by the test itself. */
    public static final Duration BOUND = Duration.ofSeconds(60);

    private static final long LOOK_NANOS = 500_000;

    private Await() {}

    /** Waits until the condition holds, for {@link #BOUND} at most. */
    public static void until(Callable<Boolean> condition) {
        until(condition, BOUND);
    }

    /** Waits until the condition holds, and fails the test if it does not within the bound. */
    public static void until(Callable<Boolean> condition, Duration bound) {
        until("the condition", bound, () -> holds(condition));
    }

    /** Waits until the condition holds, for {@link #BOUND} at most. */
    public static void until(String what, BooleanSupplier condition) {
        until(what, BOUND, condition);
    }

    /** As the one above, but asks for the description when the bound is over, so that it can say what was found instead. */
    public static void until(Supplier<String> what, BooleanSupplier condition) {
        until(what, BOUND, condition);
    }

    /** As the one above, with another bound. */
    public static void until(Supplier<String> what, Duration bound, BooleanSupplier condition) {
        value(what, bound, found(condition));
    }

    /** Waits until the condition holds, and fails the test if it does not within the bound. */
    public static void until(String what, Duration bound, BooleanSupplier condition) {
        value(() -> what, bound, found(condition));
    }

    /** Waits for a value, and fails the test if there is none within the bound. */
    public static <T> T value(String what, Duration bound, Supplier<Optional<T>> source) {
        return value(() -> what, bound, source);
    }

    /** Lets time pass: for a holder that works, or an observation that lasts. Never to wait for something. */
    public static void pass(Duration time) {
        long end = System.nanoTime() + time.toNanos();
        for (long left = time.toNanos(); left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    /** The live threads whose names begin so. */
    public static Set<Thread> threads(String namePrefix) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith(namePrefix))
                .collect(Collectors.toSet());
    }

    private static <T> T value(Supplier<String> what, Duration bound, Supplier<Optional<T>> source) {
        long start = System.nanoTime();
        while (true) {
            Optional<T> found = source.get();
            if (found.isPresent()) {
                return found.get();
            }
            if (System.nanoTime() - start > bound.toNanos()) {
                throw new AssertionError("not within " + bound.toMillis() + " ms: " + what.get());
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    private static Supplier<Optional<Boolean>> found(BooleanSupplier condition) {
        return () -> condition.getAsBoolean() ? Optional.of(true) : Optional.empty();
    }

    private static boolean holds(Callable<Boolean> condition) {
        try {
            return condition.call();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
