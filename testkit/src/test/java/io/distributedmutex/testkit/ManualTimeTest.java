package io.distributedmutex.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.Timer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ManualTimeTest {

    private final ManualTime time = ManualTime.withSeed(42);
    private final List<String> ran = new ArrayList<>();

    @Test
    void theClockStandsStillUntilItIsMoved() {
        long start = time.nanoTime();
        assertThat(time.nanoTime()).isEqualTo(start);

        time.advance(Duration.ofMillis(3));

        assertThat(time.nanoTime() - start).isEqualTo(3_000_000);
        assertThat(time.elapsed()).isEqualTo(Duration.ofMillis(3));
    }

    @Test
    void theClockOverflowsSoonAndSubtractionStillWorks() {
        long start = time.nanoTime();

        time.advance(Duration.ofMinutes(6));

        assertThat(time.nanoTime()).isLessThan(start);
        assertThat(time.nanoTime() - start).isEqualTo(Duration.ofMinutes(6).toNanos());
    }

    @Test
    void timersRunInTheOrderOfTheirTimesWithTheClockAtEach() {
        schedule("late", 30);
        schedule("early", 10);
        schedule("same time, later", 10);

        int count = time.advance(Duration.ofMillis(30));

        assertThat(count).isEqualTo(3);
        assertThat(ran).containsExactly("early at 10", "same time, later at 10", "late at 30");
    }

    @Test
    void timersThatAreNotDueStay() {
        schedule("later", 31);

        assertThat(time.advance(Duration.ofMillis(30))).isZero();
        assertThat(time.pendingTimers()).isOne();

        time.advance(Duration.ofMillis(1));
        assertThat(ran).containsExactly("later at 31");
        assertThat(time.pendingTimers()).isZero();
    }

    @Test
    void timersScheduledMeanwhileRunToo() {
        time.runAfter(
                () -> {
                    schedule("again", 5);
                    schedule("at once", 0);
                    schedule("too late", 21);
                },
                millis(10));

        time.advance(Duration.ofMillis(30));

        assertThat(ran).containsExactly("at once at 10", "again at 15");
        assertThat(time.elapsed()).isEqualTo(Duration.ofMillis(30));
    }

    @Test
    void aDelayOfZeroOrLessIsDueNowAndOneWithoutEndNever() {
        schedule("negative", -5);
        schedule("zero", 0);
        time.runAfter(() -> ran.add("never"), Long.MAX_VALUE);

        time.runDue();
        time.advance(Duration.ofDays(10_000));

        assertThat(ran).containsExactly("negative at 0", "zero at 0");
    }

    @Test
    void aCancelledTimerDoesNotRun() {
        Timer timer = schedule("cancelled", 10);
        Timer later = schedule("cancelled by the one before", 20);
        time.runAfter(() -> time.cancel(later), millis(20) - 1);
        assertThat(time.pendingTimers()).isEqualTo(3);

        time.cancel(timer);
        time.cancel(timer);
        assertThat(time.pendingTimers()).isEqualTo(2);

        time.advance(Duration.ofMillis(30));
        time.cancel(timer);
        assertThat(ran).isEmpty();
        assertThat(time.pendingTimers()).isZero();
    }

    @Test
    void whatATimerOrCallbackThrowsStopsNothing() {
        time.runAfter(
                () -> {
                    throw new IllegalStateException("expected by the test");
                },
                0);
        time.execute(() -> {
            throw new AssertionError("expected by the test");
        });
        schedule("next", 0);

        time.runDue();

        assertThat(ran).containsExactly("next at 0");
    }

    @Test
    void callbacksWaitForTheThreadThatMovesTheClock() {
        time.execute(() -> ran.add("callback"));
        assertThat(ran).isEmpty();
        assertThat(time.pendingTimers()).as("callbacks are no timers").isZero();

        time.runDue();

        assertThat(ran).containsExactly("callback");
    }

    @Test
    void untilIdleStopsAtTheLastTimer() {
        schedule("one", 10);
        schedule("two", 20);

        assertThat(time.runUntilIdle(Duration.ofHours(1))).isTrue();

        assertThat(ran).containsExactly("one at 10", "two at 20");
        assertThat(time.elapsed()).isEqualTo(Duration.ofMillis(20));
    }

    @Test
    void untilIdleGoesNoFurtherThanItsLimit() {
        every(10);

        assertThat(time.runUntilIdle(Duration.ofMillis(55))).isFalse();

        assertThat(ran).hasSize(5);
        assertThat(time.pendingTimers()).isOne();
    }

    @Test
    void anEndlessLoopIsFound() {
        every(0);

        assertThatThrownBy(time::runDue)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("seed=42");
    }

    @Test
    void aTimerMustNotMoveTheClockNorBlockIt() {
        AtomicReference<Throwable> moved = new AtomicReference<>();
        AtomicReference<Throwable> blocked = new AtomicReference<>();
        time.runAfter(() -> catching(moved, () -> time.advance(Duration.ZERO)), 0);
        time.execute(() -> catching(blocked, () -> time.park(this, 1)));

        time.runDue();

        assertThat(moved.get()).isInstanceOf(IllegalStateException.class);
        assertThat(blocked.get()).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void timeDoesNotGoBack() {
        Duration negative = Duration.ofMillis(-1);
        assertThatThrownBy(() -> time.advance(negative)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> time.runUntilIdle(negative)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aParkedThreadIsWokenWhenItsTimeHasCome() throws Exception {
        long start = time.nanoTime();
        AtomicInteger wakeUps = new AtomicInteger();
        Thread thread = start(() -> {
            while (time.nanoTime() - start < millis(100)) {
                time.park(this, millis(100) - (time.nanoTime() - start));
                wakeUps.incrementAndGet();
            }
        });
        await(() -> time.parkedThreads() == 1);

        time.advance(Duration.ofMillis(99));
        await(() -> thread.getState() == Thread.State.TIMED_WAITING);
        time.advance(Duration.ofMillis(1));

        thread.join();
        assertThat(wakeUps).hasPositiveValue();
        assertThat(time.parkedThreads()).isZero();
    }

    @Test
    void aParkedThreadIsWokenByUnparkAndByInterrupt() throws Exception {
        Thread unparked = start(() -> time.park(this, Long.MAX_VALUE));
        await(() -> time.parkedThreads() == 1);
        LockSupport.unpark(unparked);
        unparked.join();

        AtomicReference<Boolean> interrupted = new AtomicReference<>();
        Thread woken = start(() -> {
            time.park(this, Long.MAX_VALUE);
            interrupted.set(Thread.currentThread().isInterrupted());
        });
        await(() -> time.parkedThreads() == 1);
        woken.interrupt();
        woken.join();
        assertThat(interrupted.get()).as("the flag is kept").isTrue();
    }

    @Test
    void aThreadThatWaitsForAClockThatNobodyMovesIsToldHow() {
        ManualTime impatient = new ManualTime(42, millis(10));

        assertThatThrownBy(() -> parkUntilTheEndOfTheWait(impatient))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("thread '" + Thread.currentThread().getName() + "' has waited for 20 ms of real time for a"
                        + " manual clock that nobody moves: move it on another thread by advance(), or let threads that"
                        + " wait move it by autoAdvance(), or call acquireAsync() and then advance()");
        assertThat(impatient.parkedThreads()).isZero();
    }

    @Test
    void aThreadIsPatientWhileSomebodyMindsTheClock() {
        ManualTime impatient = new ManualTime(42, millis(1));
        for (int moment = 0; moment < 30; moment++) {
            impatient.park(this, Long.MAX_VALUE);
            impatient.runDue();
        }
    }

    private void parkUntilTheEndOfTheWait(ManualTime clock) {
        long start = clock.nanoTime();
        while (clock.nanoTime() - start < millis(100)) {
            clock.park(this, millis(100) - (clock.nanoTime() - start));
        }
    }

    @Test
    void onAClockThatAdvancesByItselfAThreadThatWaitsRunsWhatIsDueMeanwhile() {
        ManualTime auto = ManualTime.withSeed(42).autoAdvance();
        auto.runAfter(() -> ran.add("timer at " + auto.elapsed().toMillis()), millis(40));
        auto.execute(() -> ran.add("callback at " + auto.elapsed().toMillis()));
        auto.runAfter(() -> ran.add("too late"), millis(101));

        parkUntilTheEndOfTheWait(auto);

        assertThat(ran).containsExactly("callback at 0", "timer at 40");
        assertThat(auto.elapsed()).isEqualTo(Duration.ofMillis(100));
        assertThat(auto.pendingTimers()).isOne();
    }

    @Test
    void onAClockThatAdvancesByItselfAThreadThatWaitsLooksAgainAfterEachThingThatRuns() {
        ManualTime auto = ManualTime.withSeed(42).autoAdvance();
        auto.runAfter(() -> ran.add("what it waits for"), millis(40));
        auto.runAfter(() -> ran.add("too late"), millis(50));

        while (ran.isEmpty()) {
            auto.park(this, Long.MAX_VALUE);
        }

        assertThat(ran).containsExactly("what it waits for");
        assertThat(auto.elapsed()).isEqualTo(Duration.ofMillis(40));
    }

    @Test
    void aClockThatAdvancesByItselfHasNoEnd() {
        ManualTime auto = new ManualTime(42, millis(10)).autoAdvance();

        assertThatThrownBy(() -> {
                    while (true) {
                        auto.park(this, Long.MAX_VALUE);
                    }
                })
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("has waited for 20 ms");
        assertThat(auto.elapsed()).isZero();
    }

    @Test
    void anEndlessLoopIsFoundOnAClockThatAdvancesByItselfToo() {
        ManualTime auto = ManualTime.withSeed(42).autoAdvance();
        repeatAtOnce(auto);

        assertThatThrownBy(() -> {
                    while (true) {
                        auto.park(this, Long.MAX_VALUE);
                    }
                })
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("without the clock moving on");
    }

    private static void repeatAtOnce(ManualTime clock) {
        clock.runAfter(() -> repeatAtOnce(clock), 0);
    }

    @Test
    void parkingForNoTimeDoesNotWait() {
        time.park(this, 0);
        time.park(this, -1);
    }

    @Test
    void threadsThatMoveTheClockTakeTurns() throws Exception {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            threads.add(start(() -> {
                for (int step = 0; step < 100; step++) {
                    time.runAfter(() -> ran.add("one at a time"), 0);
                    time.advance(Duration.ofMillis(1));
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }

        assertThat(time.elapsed()).isEqualTo(Duration.ofMillis(400));
        assertThat(ran).hasSize(400);
    }

    @Test
    void randomBytesComeFromTheSeed() {
        byte[] drawn = randomBytes(time);

        assertThat(drawn).isNotEqualTo(randomBytes(time));
        assertThat(randomBytes(ManualTime.withSeed(42))).isEqualTo(drawn);
        assertThat(randomBytes(ManualTime.withSeed(43))).isNotEqualTo(drawn);
        assertThat(randomBytes(ManualTime.create())).isNotEqualTo(drawn);
        assertThat(randomBytes(time.newEnvironment())).isNotEqualTo(randomBytes(time));
    }

    private static byte[] randomBytes(Environment from) {
        byte[] bytes = new byte[16];
        from.randomBytes(bytes);
        return bytes;
    }

    @Test
    void aTimerThatIsScheduledAgainRunsAtTheLaterCallsTimeOnly() {
        Timer timer = new Timer() {
            @Override
            public void run() {
                ran.add("at " + time.elapsed().toMillis());
            }
        };
        time.schedule(timer, time.nanoTime() + millis(10));
        time.schedule(timer, time.nanoTime() + millis(30));
        assertThat(time.pendingTimers()).isEqualTo(1);
        assertThat(timer.atNanos()).isEqualTo(time.nanoTime() + millis(30));
        time.advance(Duration.ofMillis(40));
        time.schedule(timer, time.nanoTime() - millis(5));
        time.runDue();

        assertThat(ran).containsExactly("at 30", "at 40");
        assertThat(time.pendingTimers()).isZero();
    }

    @Test
    void anotherEnvironmentLivesInTheSameTimeAndIsClosedAlone() {
        Environment other = time.newEnvironment();
        other.runAfter(() -> ran.add("other"), millis(10));
        schedule("ours", 10);
        other.execute(() -> ran.add("callback of the other"));
        assertThat(time.pendingTimers()).isEqualTo(2);

        other.close();
        other.close();
        Timer dropped = other.runAfter(() -> ran.add("scheduled after the end"), 0);
        time.cancel(dropped);
        other.execute(() -> ran.add("callback after the end"));

        assertThat(time.pendingTimers()).isOne();
        time.advance(Duration.ofMillis(10));
        assertThat(ran).containsExactly("callback of the other", "callback after the end", "ours at 10");
        assertThat(other.nanoTime()).isEqualTo(time.nanoTime());
    }

    @Test
    void closingDropsTheTimers() {
        schedule("dropped", 10);

        time.close();

        assertThat(time.pendingTimers()).isZero();
        time.advance(Duration.ofMillis(20));
        assertThat(ran).isEmpty();
    }

    private Timer schedule(String name, long delayMillis) {
        return time.runAfter(() -> ran.add(name + " at " + time.elapsed().toMillis()), millis(delayMillis));
    }

    private void every(long periodMillis) {
        time.runAfter(
                () -> {
                    ran.add("again");
                    every(periodMillis);
                },
                millis(periodMillis));
    }

    private static long millis(long millis) {
        return Duration.ofMillis(millis).toNanos();
    }

    private static void catching(AtomicReference<Throwable> caught, Runnable body) {
        try {
            body.run();
        } catch (IllegalStateException e) {
            caught.set(e);
        }
    }

    private static Thread start(Runnable body) {
        Thread thread = new Thread(body);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    /** The class's time-out is the bound. */
    private static void await(BooleanSupplier condition) throws InterruptedException {
        while (!condition.getAsBoolean()) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            Thread.onSpinWait();
        }
    }
}
