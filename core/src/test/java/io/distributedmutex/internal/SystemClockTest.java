package io.distributedmutex.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ch.qos.logback.classic.Level;
import io.distributedmutex.testing.Await;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The clock: a suspended machine is noticed; a wall clock that is set forward counts as one unless that is turned off. */
class SystemClockTest {

    /** What a suspension is counted too long, since it may have been so much longer than the uptimes around it say. */
    private static final Duration RESOLUTION = Duration.ofNanos(SystemClock.UPTIME_RESOLUTION_NANOS);

    private final CapturedLog log = new CapturedLog();
    private final Machine machine = new Machine();

    @AfterEach
    void closeLog() {
        log.close();
    }

    @Test
    void itRunsAtTheRateOfTheMonotonicClock() {
        SystemClock clock = machine.clockWithUptime();
        long start = clock.getAsLong();
        machine.pass(Duration.ofHours(30));
        assertThat(since(clock, start)).isEqualTo(Duration.ofHours(30));
        assertThat(log.lines(Level.WARN)).isEmpty();
    }

    @Test
    void aSuspensionIsCountedAndLoggedOnce() {
        SystemClock clock = machine.clockWithUptime();
        long start = clock.getAsLong();
        machine.pass(Duration.ofSeconds(1));
        machine.suspend(Duration.ofMinutes(10));
        machine.pass(Duration.ofMillis(5));
        assertThat(since(clock, start))
                .isEqualTo(Duration.ofSeconds(601).plusMillis(5).plus(RESOLUTION));
        machine.pass(Duration.ofSeconds(1));
        assertThat(since(clock, start))
                .isEqualTo(Duration.ofSeconds(602).plusMillis(5).plus(RESOLUTION));
        assertThat(log.lines(Level.WARN)).singleElement().asString().contains("suspended for 600000 ms");
    }

    @Test
    void aSuspensionIsCountedWithoutAnUptimeToo() {
        SystemClock clock = machine.clockWithoutUptime();
        long start = clock.getAsLong();
        machine.suspend(Duration.ofMinutes(10));
        assertThat(since(clock, start)).isEqualTo(Duration.ofMinutes(10));
        machine.pass(Duration.ofSeconds(1));
        assertThat(since(clock, start)).isEqualTo(Duration.ofMinutes(10).plusSeconds(1));
        assertThat(log.lines(Level.WARN)).hasSize(1);
    }

    @Test
    void everySuspensionIsCounted() {
        SystemClock clock = machine.clockWithUptime();
        long start = clock.getAsLong();
        for (int i = 0; i < 5; i++) {
            machine.suspend(Duration.ofMinutes(1));
            machine.pass(Duration.ofSeconds(1));
            assertThat(since(clock, start))
                    .isEqualTo(Duration.ofSeconds(61).plus(RESOLUTION).multipliedBy(i + 1));
        }
        assertThat(log.lines(Level.WARN)).hasSize(5);
    }

    @Test
    void aWallClockSetForwardChangesNothingWhereThereIsAnUptimeAndStepsAreIgnored() {
        SystemClock clock = machine.clockWithUptimeThatIgnoresSteps();
        long start = clock.getAsLong();
        machine.setWallClock(Duration.ofHours(1));
        machine.pass(Duration.ofSeconds(1));
        assertThat(since(clock, start)).isEqualTo(Duration.ofSeconds(1));
        assertThat(log.lines(Level.WARN)).isEmpty();
    }

    @Test
    void aWallClockSetBackChangesNothing() {
        for (SystemClock clock : List.of(
                machine.clockWithUptime(), machine.clockWithUptimeThatIgnoresSteps(), machine.clockWithoutUptime())) {
            long start = clock.getAsLong();
            machine.setWallClock(Duration.ofHours(-1));
            machine.pass(Duration.ofSeconds(1));
            assertThat(since(clock, start)).isEqualTo(Duration.ofSeconds(1));
        }
        assertThat(log.lines(Level.WARN)).isEmpty();
    }

    @Test
    void aWallClockSetForwardIsTakenForASuspensionWhereThereIsNoUptime() {
        SystemClock clock = machine.clockWithoutUptime();
        long start = clock.getAsLong();
        machine.setWallClock(Duration.ofHours(1));
        // A lease may end too early, but none too late.
        assertThat(since(clock, start)).isEqualTo(Duration.ofHours(1));
    }

    /** All that a guest sees of it: on kvm-clock, /proc/uptime stands still with the monotonic clock. */
    @Test
    void aGuestThatItsHostHasPausedNoticesItWhenTheWallClockIsPutRight() {
        SystemClock clock = machine.clockWithUptime();
        long start = clock.getAsLong();
        machine.setWallClock(Duration.ofMinutes(2));
        assertThat(since(clock, start)).isEqualTo(Duration.ofMinutes(2));
        machine.pass(Duration.ofSeconds(1));
        assertThat(since(clock, start)).isEqualTo(Duration.ofSeconds(121));
        assertThat(log.lines(Level.WARN))
                .singleElement()
                .asString()
                .startsWith("the wall clock went forward by 120000 ms, which counts as time that has passed")
                .contains("countWallClockSteps");
    }

    @Test
    void aSmallStepForwardIsIgnoredUntilSeveralTogetherAreNone() {
        SystemClock clock = machine.clockWithUptime();
        long start = clock.getAsLong();
        machine.setWallClock(Duration.ofMillis(40));
        assertThat(since(clock, start)).isZero();
        machine.setWallClock(Duration.ofMillis(40));
        assertThat(since(clock, start)).isEqualTo(Duration.ofMillis(80));
    }

    @Test
    void aSuspensionAndAStepForwardAreCountedOnceEach() {
        SystemClock clock = machine.clockWithUptime();
        long start = clock.getAsLong();
        machine.suspend(Duration.ofMinutes(5));
        machine.setWallClock(Duration.ofHours(1));
        assertThat(since(clock, start)).isEqualTo(Duration.ofMinutes(65));
        machine.suspend(Duration.ofMinutes(5));
        assertThat(since(clock, start)).isEqualTo(Duration.ofMinutes(70).plus(RESOLUTION));
        assertThat(log.lines(Level.WARN)).hasSize(3);
    }

    @Test
    void anUptimeThatCannotBeReadForAWhileIsNoStepOfItsOwn() {
        AtomicLong monotonicNanos = new AtomicLong(1_000);
        AtomicLong wallNanos = new AtomicLong(1_000_000);
        AtomicLong uptimeNanos = new AtomicLong(7_000_000_000L);
        SystemClock clock = new SystemClock(monotonicNanos::get, wallNanos::get, uptimeNanos::get, false);
        long start = clock.getAsLong();
        uptimeNanos.set(-1);
        wallNanos.addAndGet(1_000_000_000);
        assertThat(since(clock, start)).as("what is not explained").isEqualTo(Duration.ofSeconds(1));
        uptimeNanos.set(7_000_000_000L);
        wallNanos.addAndGet(1_000_000_000);
        assertThat(since(clock, start)).as("what is explained").isEqualTo(Duration.ofSeconds(1));
    }

    /** The books are right before anything is told. */
    @Test
    void aLogThatThrowsDoesNotDisturbTheClock() {
        try (ThrowingLog ignored = new ThrowingLog()) {
            SystemClock clock = machine.clockWithUptime();
            long start = clock.getAsLong();
            machine.suspend(Duration.ofMinutes(10));
            assertThat(since(clock, start)).isEqualTo(Duration.ofMinutes(10).plus(RESOLUTION));
            machine.setWallClock(Duration.ofMinutes(1));
            assertThat(since(clock, start)).isEqualTo(Duration.ofMinutes(11).plus(RESOLUTION));
            assertThat(clock.missedNanos())
                    .isEqualTo(Duration.ofMinutes(11).plus(RESOLUTION).toNanos());
            assertThat(ignored.threw()).isPositive();
        }
    }

    @Test
    void aSuspensionIsNoticedAfterTheWallClockWasSet() {
        for (Duration step : List.of(Duration.ofHours(1), Duration.ofHours(-1))) {
            SystemClock clock = machine.clockWithUptimeThatIgnoresSteps();
            long start = clock.getAsLong();
            machine.setWallClock(step);
            clock.getAsLong();
            machine.suspend(Duration.ofMinutes(5));
            assertThat(since(clock, start))
                    .as("after a step of %s", step)
                    .isEqualTo(Duration.ofMinutes(5).plus(RESOLUTION));
        }
    }

    @Test
    void aSuspensionIsNoticedThoughTheWallClockWasSetForwardMeanwhile() {
        SystemClock clock = machine.clockWithUptimeThatIgnoresSteps();
        long start = clock.getAsLong();
        machine.suspend(Duration.ofMinutes(5));
        machine.setWallClock(Duration.ofHours(1));
        assertThat(since(clock, start)).isEqualTo(Duration.ofMinutes(5).plus(RESOLUTION));
    }

    @Test
    void aSuspensionIsNoticedThoughTheWallClockWasSetBackMeanwhile() {
        SystemClock clock = machine.clockWithUptime();
        long start = clock.getAsLong();
        machine.suspend(Duration.ofMinutes(5));
        machine.setWallClock(Duration.ofHours(-1));
        assertThat(since(clock, start)).isEqualTo(Duration.ofMinutes(5).plus(RESOLUTION));
    }

    @Test
    void aShortSuspensionIsNotNoticedButTwoOfThemAre() {
        SystemClock clock = machine.clockWithUptime();
        long start = clock.getAsLong();
        machine.suspend(Duration.ofMillis(40));
        assertThat(since(clock, start)).isZero();
        machine.suspend(Duration.ofMillis(40));
        assertThat(since(clock, start)).isEqualTo(Duration.ofMillis(80).plus(RESOLUTION));
    }

    @Test
    void twoShortSuspensionsAreNoticedThoughTheWallClockWasSetBetweenThem() {
        for (Duration step : List.of(Duration.ofHours(1), Duration.ofHours(-1))) {
            SystemClock clock = machine.clockWithUptimeThatIgnoresSteps();
            long start = clock.getAsLong();
            machine.suspend(Duration.ofMillis(40));
            machine.setWallClock(step);
            assertThat(since(clock, start)).as("after a step of %s", step).isZero();
            machine.suspend(Duration.ofMillis(40));
            assertThat(since(clock, start))
                    .as("after a step of %s", step)
                    .isEqualTo(Duration.ofMillis(80).plus(RESOLUTION));
        }
    }

    /** It is a file, and the clock is read several times for each lock. */
    @Test
    void theUptimeIsReadOnlyWhenTheWallClockAndTheMonotonicClockDisagree() {
        AtomicLong monotonicNanos = new AtomicLong(1_000);
        AtomicLong wallNanos = new AtomicLong(1_000_000);
        AtomicInteger uptimeReadings = new AtomicInteger();
        SystemClock clock = new SystemClock(
                monotonicNanos::get,
                wallNanos::get,
                () -> {
                    uptimeReadings.incrementAndGet();
                    return monotonicNanos.get();
                },
                true);
        for (int i = 0; i < 10; i++) {
            clock.getAsLong();
            monotonicNanos.addAndGet(1_000_000_000);
            wallNanos.addAndGet(1_000_000_000);
        }
        assertThat(uptimeReadings).as("at the beginning").hasValue(1);
        wallNanos.addAndGet(1_000_000_000);
        clock.getAsLong();
        clock.getAsLong();
        assertThat(uptimeReadings).as("and after the step").hasValue(2);
    }

    @Test
    void aPauseOfTheProcessBetweenTwoReadingsIsNoSuspension() {
        SystemClock clock = machine.clockWithUptime();
        long start = clock.getAsLong();
        // As if the thread was not scheduled for a minute between reading the first clock and the second.
        machine.passAfterNextMonotonicReading = Duration.ofMinutes(1);
        assertThat(since(clock, start)).isEqualTo(Duration.ofMinutes(1));
        assertThat(since(clock, start)).isEqualTo(Duration.ofMinutes(1));
        assertThat(log.lines(Level.WARN)).isEmpty();
    }

    /** Whatever happens to the machine: the clock never steps back, and is never further from the truth than it says. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void itIsMonotonicAndNearTheTruthWhateverHappens(boolean countsSteps) {
        Long replayed = Long.getLong("fuzz.seed");
        for (int round = 0; round < (replayed != null ? 1 : 500); round++) {
            long seed = replayed != null ? replayed : Long.getLong("seeds.from", 1) + round;
            SplittableRandom random = new SplittableRandom(seed);
            Machine any = new Machine();
            any.uptimeResolution = Duration.ofMillis(10);
            SystemClock clock = countsSteps ? any.clockWithUptime() : any.clockWithUptimeThatIgnoresSteps();
            Duration stepsForward = Duration.ZERO;
            long start = clock.getAsLong();
            long bornNanos = any.trueNanos();
            long last = start;
            int looks = 0;
            for (int step = 0; step < 300; step++) {
                switch (random.nextInt(4)) {
                    case 0 -> {
                        any.suspend(Duration.ofMillis(random.nextInt(5_000)));
                        looks++;
                    }
                    // Never so small that it hides a suspension too short to be noticed by itself: together they are
                    // what
                    // the wall clock alone would show.
                    case 1 -> {
                        Duration size = Duration.ofMillis(200 + random.nextInt(10_000));
                        boolean forward = random.nextBoolean();
                        looks++;
                        any.setWallClock(forward ? size : size.negated());
                        stepsForward = forward && countsSteps ? stepsForward.plus(size) : stepsForward;
                    }
                    default -> any.pass(Duration.ofNanos(random.nextInt(2_000_000_000)));
                }
                long now = clock.getAsLong();
                assertThat(now - last).as("-Dfuzz.seed=%d, step %d", seed, step).isNotNegative();
                assertThat(Duration.ofNanos(any.trueNanos() - bornNanos - (now - start)))
                        .as("behind the truth, -Dfuzz.seed=%d, step %d", seed, step)
                        .isBetween(
                                RESOLUTION.multipliedBy(-1 - looks).minus(stepsForward),
                                Duration.ofNanos(SystemClock.DIVERGENCE_NANOS).plusMillis(10));
                last = now;
            }
        }
    }

    @Test
    void noThreadReadsATimeFromBeforeASuspensionThatAnotherHasNoticed() throws InterruptedException {
        AtomicLong suspendedNanos = new AtomicLong();
        AtomicLong noticedNanos = new AtomicLong();
        SystemClock clock = new SystemClock(
                System::nanoTime,
                () -> System.nanoTime() + suspendedNanos.get(),
                () -> System.nanoTime() + suspendedNanos.get(),
                false);
        ConcurrentLinkedQueue<Long> tooEarly = new ConcurrentLinkedQueue<>();
        AtomicBoolean ended = new AtomicBoolean();
        List<Thread> readers = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            readers.add(new Thread(() -> {
                while (!ended.get()) {
                    long least = noticedNanos.get();
                    long read = clock.getAsLong();
                    if (read - least < 0) {
                        tooEarly.add(least - read);
                    }
                    noticedNanos.accumulateAndGet(read, Math::max);
                }
            }));
        }
        noticedNanos.set(clock.getAsLong());
        readers.forEach(Thread::start);
        for (int i = 0; i < 300; i++) {
            long before = noticedNanos.get();
            long step = Duration.ofSeconds(1).toNanos();
            suspendedNanos.addAndGet(step);
            Await.until(() -> noticedNanos.get() - before >= step, Await.BOUND);
        }
        ended.set(true);
        for (Thread reader : readers) {
            reader.join();
        }
        assertThat(tooEarly)
                .as("nanoseconds before what another thread had read")
                .isEmpty();
    }

    @Test
    void theSystemsOwnClocksAgreeWithEachOther() {
        SystemClock clock = new SystemClock(true, Runnable::run);
        long ours = clock.getAsLong();
        long theirs = System.nanoTime();
        assertThat(Duration.ofNanos(theirs - ours)).isBetween(Duration.ZERO, Duration.ofSeconds(10));
        assertThat(clock.getAsLong() - ours).isNotNegative();
    }

    /** Where there is no uptime it alone tells of a suspension. */
    @Test
    void theWallClockOfTheSystemIsReadInNanoseconds() throws ReflectiveOperationException {
        Field field = SystemClock.class.getDeclaredField("wallNanos");
        field.setAccessible(true);
        LongSupplier wallNanos = (LongSupplier) field.get(new SystemClock(true, Runnable::run));
        long before = System.currentTimeMillis();
        long read = wallNanos.getAsLong();
        long after = System.currentTimeMillis();
        assertThat(read).isBetween(before * 1_000_000, after * 1_000_000);
    }

    @Test
    void theUptimeOfLinuxIsReadInNanoseconds() throws Exception {
        assumeTrue(Files.isReadable(Path.of("/proc/uptime")), "this is not Linux");
        long before = SystemClock.uptime();
        String seconds = Files.readString(Path.of("/proc/uptime")).split("[. ]", 2)[0];
        long after = SystemClock.uptime();
        assertThat(Duration.ofSeconds(Long.parseLong(seconds)))
                .isBetween(Duration.ofNanos(before).minusSeconds(1), Duration.ofNanos(after));
        assertThat(after).isGreaterThanOrEqualTo(before);
    }

    private static Duration since(SystemClock clock, long start) {
        return Duration.ofNanos(clock.getAsLong() - start);
    }
}
