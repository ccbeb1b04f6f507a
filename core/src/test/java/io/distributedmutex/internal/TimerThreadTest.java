package io.distributedmutex.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import io.distributedmutex.spi.Timer;
import io.distributedmutex.testing.Await;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The one timer of an instance. */
class TimerThreadTest {

    private static final AtomicInteger NAMES = new AtomicInteger();
    private static final Runnable NOTHING = () -> {};

    private final String name = "timer-test-" + NAMES.incrementAndGet() + ".";
    private final TimerThread timer = timer(name, System::nanoTime);

    @AfterEach
    void theThreadEndsWithTheTimer() {
        timer.close();
        Await.until(() -> Await.threads(name).isEmpty(), Await.BOUND);
    }

    private static TimerThread timer(String name, LongSupplier clock) {
        return new TimerThread(clock, loop -> OwnThreads.platform(loop, name));
    }

    @Test
    void tasksRunInTheOrderOfTheirTimesNotOfTheirScheduling() {
        ConcurrentLinkedQueue<String> ran = new ConcurrentLinkedQueue<>();
        AtomicLong clock = new AtomicLong();
        TimerThread manual = timer(name, clock::get);
        schedule(manual, clock, () -> ran.add("third"), millis(3));
        schedule(manual, clock, () -> ran.add("first"), millis(1));
        schedule(manual, clock, () -> ran.add("second"), millis(2));
        clock.set(millis(3));
        Await.until(() -> ran.size() == 3, Await.BOUND);
        assertThat(ran).containsExactly("first", "second", "third");
        manual.close();
    }

    @Test
    void noTaskRunsBeforeItsTime() {
        ConcurrentLinkedQueue<Long> early = new ConcurrentLinkedQueue<>();
        CountDownLatch all = new CountDownLatch(200);
        Random random = new Random(1);
        for (int i = 0; i < 200; i++) {
            long delay = random.nextInt(20_000_000);
            // Read before the timer reads it, so that the due time is not earlier than this.
            long due = System.nanoTime() + delay;
            schedule(
                    timer,
                    () -> {
                        long now = System.nanoTime();
                        if (now - due < 0) {
                            early.add(due - now);
                        }
                        all.countDown();
                    },
                    delay);
        }
        Await.until(() -> all.getCount() == 0, Await.BOUND);
        assertThat(early).as("nanoseconds too early").isEmpty();
    }

    @Test
    void aTaskWithoutDelayOrWithANegativeOneRunsAtOnce() {
        CountDownLatch ran = new CountDownLatch(3);
        schedule(timer, ran::countDown, 0);
        schedule(timer, ran::countDown, -1);
        schedule(timer, ran::countDown, Long.MIN_VALUE);
        Await.until(() -> ran.getCount() == 0, Await.BOUND);
    }

    @Test
    void theLongestDelayIsNotTakenForNoDelay() {
        AtomicBoolean ran = new AtomicBoolean();
        schedule(timer, () -> ran.set(true), Long.MAX_VALUE);
        runAfterAllThatIsDue();
        assertThat(ran).isFalse();
    }

    @Test
    void aTaskCancelledBeforeItsTimeDoesNotRun() {
        AtomicBoolean cancelledRan = new AtomicBoolean();
        CountDownLatch laterRan = new CountDownLatch(1);
        CountDownLatch cancelledBoth = new CountDownLatch(1);
        // Keeps the timer from running anything before the cancellation, however slow this thread is.
        schedule(timer, () -> await(cancelledBoth), 0);
        Timer cancelled = schedule(timer, () -> cancelledRan.set(true), millis(1));
        schedule(timer, laterRan::countDown, millis(2));
        timer.cancel(cancelled);
        timer.cancel(cancelled);
        cancelledBoth.countDown();
        Await.until(() -> laterRan.getCount() == 0, Await.BOUND);
        assertThat(cancelledRan).isFalse();
    }

    @Test
    void cancellingATaskThatHasRunTouchesNoOther() {
        CountDownLatch firstRan = new CountDownLatch(1);
        CountDownLatch otherRan = new CountDownLatch(1);
        Timer first = schedule(timer, firstRan::countDown, 0);
        Await.until(() -> firstRan.getCount() == 0, Await.BOUND);
        schedule(timer, otherRan::countDown, millis(20));
        timer.cancel(first);
        timer.cancel(first);
        Await.until(() -> otherRan.getCount() == 0, Await.BOUND);
    }

    @Test
    void cancellingTheOnlyTaskLeavesATimerThatStillWorks() {
        CountDownLatch ran = new CountDownLatch(1);
        timer.cancel(schedule(timer, NOTHING, millis(10_000)));
        schedule(timer, ran::countDown, millis(1));
        Await.until(() -> ran.getCount() == 0, Await.BOUND);
    }

    @Test
    void whatATaskSchedulesAndCancelsIsTakenIntoAccount() {
        CountDownLatch ran = new CountDownLatch(1);
        AtomicBoolean cancelledRan = new AtomicBoolean();
        Timer cancelled = schedule(timer, () -> cancelledRan.set(true), millis(500));
        schedule(
                timer,
                () -> {
                    timer.cancel(cancelled);
                    schedule(timer, ran::countDown, millis(500));
                },
                millis(1));
        Await.until(() -> ran.getCount() == 0, Await.BOUND);
        assertThat(cancelledRan).isFalse();
    }

    /** Against a list as the model. The clock stands still between the steps, so nothing is left to chance but the seed. */
    @Test
    void manyTimersSetAndCancelledAtRandomBehaveAsAListWould() {
        for (int round = 0; round < 20; round++) {
            long seed = round;
            try {
                compareWithModel(new Random(seed));
            } catch (AssertionError e) {
                throw new AssertionError("with seed " + seed, e);
            }
        }
    }

    private void compareWithModel(Random random) {
        AtomicLong clock = new AtomicLong(random.nextLong());
        ConcurrentLinkedQueue<Modelled> ran = new ConcurrentLinkedQueue<>();
        List<Modelled> waiting = new ArrayList<>();
        List<Modelled> gone = new ArrayList<>();
        TimerThread manual = timer(name, clock::get);
        for (int step = 0; step < 300; step++) {
            int what = random.nextInt(10);
            if (what == 0 && !waiting.isEmpty()) {
                Modelled task = waiting.get(random.nextInt(waiting.size()));
                task.due = clock.get() + 1 + random.nextInt(100_000);
                manual.schedule(task.handle, task.due);
            } else if (what < 6) {
                // So short that the thread, which sleeps in real time, looks at the clock often.
                long delay = 1 + random.nextInt(100_000);
                Modelled task = new Modelled(clock.get() + delay);
                task.handle = schedule(manual, clock, () -> ran.add(task), delay);
                waiting.add(task);
            } else if (what < 8 && !waiting.isEmpty()) {
                Modelled task = waiting.remove(random.nextInt(waiting.size()));
                manual.cancel(task.handle);
                gone.add(task);
            } else if (what < 9 && !gone.isEmpty()) {
                manual.cancel(gone.get(random.nextInt(gone.size())).handle);
            } else {
                long now = clock.addAndGet(random.nextInt(30_000));
                List<Modelled> due =
                        waiting.stream().filter(task -> task.due - now <= 0).toList();
                waiting.removeAll(due);
                gone.addAll(due);
                Await.until(() -> ran.size() >= due.size(), Await.BOUND);
                List<Modelled> order = List.copyOf(ran);
                assertThat(order).containsExactlyInAnyOrderElementsOf(due);
                for (int i = 1; i < order.size(); i++) {
                    assertThat(order.get(i).due - order.get(i - 1).due)
                            .as("distance from the task before")
                            .isNotNegative();
                }
                ran.clear();
            }
        }
        clock.addAndGet(100_000);
        Await.until(() -> ran.size() >= waiting.size(), Await.BOUND);
        assertThat(List.copyOf(ran)).containsExactlyInAnyOrderElementsOf(waiting);
        manual.close();
    }

    @Test
    void timersSetByManyThreadsAtOnceRunOnceEach() throws InterruptedException {
        int each = 2_000;
        AtomicInteger[] runs = new AtomicInteger[4 * each];
        boolean[] cancelled = new boolean[runs.length];
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            int first = t * each;
            Random random = new Random(t);
            threads.add(new Thread(() -> {
                for (int i = first; i < first + each; i++) {
                    AtomicInteger count = new AtomicInteger();
                    runs[i] = count;
                    Timer handle = schedule(timer, count::incrementAndGet, random.nextInt(2_000_000));
                    if (random.nextBoolean()) {
                        cancelled[i] = true;
                        timer.cancel(handle);
                    }
                }
            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        for (int i = 0; i < runs.length; i++) {
            AtomicInteger count = runs[i];
            if (!cancelled[i]) {
                Await.until(() -> count.get() > 0, Await.BOUND);
            }
        }
        runAfterAllThatIsDue();
        assertThat(runs).allSatisfy(count -> assertThat(count.get()).isLessThanOrEqualTo(1));
    }

    @Test
    void aTaskThatIsDueBeforeAllOthersWakesTheThread() {
        schedule(timer, NOTHING, millis(60_000));
        // The best of several, as the machine may be busy. Without being woken the thread sleeps for a second.
        long best = Long.MAX_VALUE;
        for (int i = 0; i < 5; i++) {
            Thread thread = Await.threads(name).iterator().next();
            Await.until(() -> thread.getState() == Thread.State.TIMED_WAITING, Await.BOUND);
            CountDownLatch ran = new CountDownLatch(1);
            long start = System.nanoTime();
            schedule(timer, ran::countDown, millis(1));
            Await.until(() -> ran.getCount() == 0, Await.BOUND);
            best = Math.min(best, System.nanoTime() - start);
        }
        assertThat(Duration.ofNanos(best)).isLessThan(Duration.ofMillis(500));
    }

    @Test
    void theFirstTaskAfterAnEmptyTimeWakesTheThread() {
        runAfterAllThatIsDue();
        Thread thread = Await.threads(name).iterator().next();
        for (int i = 0; i < 20; i++) {
            Await.until(() -> thread.getState() == Thread.State.TIMED_WAITING, Await.BOUND);
            runAfterAllThatIsDue();
        }
    }

    @Test
    void aClockThatJumpsWhileTheThreadSleepsIsNoticedWithinASecondOrSo() {
        AtomicLong clock = new AtomicLong();
        TimerThread manual = timer(name, clock::get);
        CountDownLatch ran = new CountDownLatch(1);
        schedule(manual, clock, ran::countDown, Duration.ofHours(1).toNanos());
        Await.until(
                () -> Await.threads(name).stream().anyMatch(t -> t.getState() == Thread.State.TIMED_WAITING),
                Await.BOUND);
        clock.set(Duration.ofHours(2).toNanos());
        Await.until(() -> ran.getCount() == 0, Duration.ofSeconds(10));
        manual.close();
    }

    @Test
    void aTaskThatThrowsIsLoggedAndStopsNoOther() {
        try (CapturedLog log = new CapturedLog()) {
            schedule(
                    timer,
                    () -> {
                        throw new IllegalStateException("thrown by the test");
                    },
                    0);
            schedule(
                    timer,
                    () -> {
                        throw new AssertionError("an error by the test");
                    },
                    0);
            runAfterAllThatIsDue();
            assertThat(log.lines(Level.ERROR)).hasSize(2).allMatch(line -> line.contains("timer task failed"));
            assertThat(log.thrown()).containsExactlyInAnyOrder("thrown by the test", "an error by the test");
        }
    }

    @Test
    void aLogThatThrowsEndsNothing() {
        try (ThrowingLog log = new ThrowingLog()) {
            for (int i = 0; i < 3; i++) {
                schedule(
                        timer,
                        () -> {
                            throw new IllegalStateException("thrown by the test");
                        },
                        0);
                runAfterAllThatIsDue();
            }
            assertThat(log.threw()).isEqualTo(3);
        }
    }

    @Test
    void aClockThatThrowsForAWhileEndsNothing() {
        AtomicInteger failures = new AtomicInteger();
        AtomicLong clock = new AtomicLong();
        TimerThread manual = timer(name, () -> {
            if (failures.get() > 0 && failures.decrementAndGet() >= 0) {
                throw new OutOfMemoryError("thrown by the test's clock");
            }
            return clock.get();
        });
        try (CapturedLog log = new CapturedLog()) {
            runAfterAllThatIsDue(manual, clock);
            failures.set(5);
            runAfterAllThatIsDue(manual, clock);
            Await.until(() -> failures.get() == 0, Await.BOUND);
            assertThat(log.thrown()).hasSize(5).containsOnly("thrown by the test's clock");
            assertThat(Await.threads(name)).hasSize(1);
        }
        manual.close();
    }

    @Test
    void aThreadThatCannotBeStartedIsAnErrorAndIsTriedAgainAtTheNextSchedule() {
        AtomicInteger failures = new AtomicInteger(2);
        TimerThread poor = new TimerThread(System::nanoTime, loop -> new Thread(loop, name) {
            @Override
            public synchronized void start() {
                if (failures.getAndDecrement() > 0) {
                    throw new OutOfMemoryError("unable to create native thread: by the test");
                }
                super.start();
            }
        });
        AtomicInteger ran = new AtomicInteger();
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(() -> schedule(poor, ran::incrementAndGet, 0))
                    .isInstanceOf(OutOfMemoryError.class)
                    .hasMessageContaining("unable to create native thread");
            assertThat(poor.size()).as("left waiting for a thread").isZero();
        }
        CountDownLatch later = new CountDownLatch(1);
        schedule(poor, later::countDown, 0);
        Await.until(() -> later.getCount() == 0, Await.BOUND);
        assertThat(ran).as("of those that failed").hasValue(0);
        poor.close();
    }

    /** Nothing that is thrown ends the thread; should it end all the same, the next timer finds another. */
    @Test
    void aThreadThatDiesIsReplaced() {
        AtomicInteger deaths = new AtomicInteger(1);
        TimerThread mortal = new TimerThread(
                System::nanoTime,
                loop -> new Thread(
                        () -> {
                            if (deaths.getAndDecrement() <= 0) {
                                loop.run();
                            }
                        },
                        name));
        CountDownLatch ran = new CountDownLatch(2);
        schedule(mortal, ran::countDown, 0);
        Await.until(() -> deaths.get() == 0 && Await.threads(name).isEmpty(), Await.BOUND);

        schedule(mortal, ran::countDown, 0);
        Await.until(() -> ran.getCount() == 0, Await.BOUND);
        mortal.close();
    }

    @Test
    void anInterruptDoesNotStopTheThread() {
        runAfterAllThatIsDue();
        Await.threads(name).forEach(Thread::interrupt);
        runAfterAllThatIsDue();
        assertThat(Await.threads(name)).noneMatch(Thread::isInterrupted);
    }

    @Test
    void aCancelledTimerIsNotRetained() {
        Timer[] cancelled = {schedule(timer, NOTHING, millis(600_000))};
        WeakReference<Timer> retained = new WeakReference<>(cancelled[0]);
        timer.cancel(cancelled[0]);
        cancelled[0] = null;
        untilCollected(retained);
    }

    @Test
    void aTimerThatHasRunIsNotRetained() {
        WeakReference<Timer> retained = new WeakReference<>(schedule(timer, NOTHING, 0));
        runAfterAllThatIsDue();
        untilCollected(retained);
    }

    @Test
    void aTimerDroppedByCloseIsNotRetained() {
        WeakReference<Timer> retained = new WeakReference<>(schedule(timer, NOTHING, millis(600_000)));
        timer.close();
        untilCollected(retained);
    }

    @Test
    void aTimerRefusedAfterCloseIsNotRetained() {
        timer.close();
        WeakReference<Timer> retained = new WeakReference<>(schedule(timer, NOTHING, 0));
        untilCollected(retained);
    }

    @Test
    void aTimerThatIsScheduledAgainRunsAtTheNewTimeOnly() {
        AtomicLong clock = new AtomicLong();
        TimerThread manual = timer(name, clock::get);
        AtomicInteger ran = new AtomicInteger();
        Timer again = schedule(manual, clock, ran::incrementAndGet, millis(10));
        manual.schedule(again, millis(30));
        clock.set(millis(20));
        runAfterAllThatIsDue(manual, clock);
        assertThat(ran).hasValue(0);
        manual.schedule(again, millis(15));
        Await.until(() -> ran.get() == 1, Await.BOUND);
        clock.set(millis(40));
        runAfterAllThatIsDue(manual, clock);
        assertThat(ran).hasValue(1);
        manual.close();
    }

    @Test
    void aTimerMayScheduleItself() {
        CountDownLatch runs = new CountDownLatch(5);
        Timer periodic = new Timer() {
            @Override
            public void run() {
                runs.countDown();
                timer.schedule(this, atNanos() + millis(1));
            }
        };
        timer.schedule(periodic, System.nanoTime());
        Await.until(() -> runs.getCount() == 0, Await.BOUND);
        timer.cancel(periodic);
    }

    /** Sixteen is what there is place for at first; it is made larger when there are more. */
    @ParameterizedTest
    @ValueSource(ints = {15, 16, 17, 32})
    void closeEndsTheThreadHoweverManyTasksWait(int tasks) {
        for (int i = 0; i < tasks; i++) {
            schedule(timer, NOTHING, millis(600_000));
        }
        timer.close();
        Await.until(() -> Await.threads(name).isEmpty(), Await.BOUND);
    }

    @Test
    void thereIsNoThreadBeforeTheFirstTaskThenOneDaemonAndNoneAfterClose() {
        assertThat(Await.threads(name)).isEmpty();
        schedule(timer, NOTHING, millis(60_000));
        schedule(timer, NOTHING, millis(1));
        schedule(timer, NOTHING, millis(60_000));
        assertThat(Await.threads(name))
                .singleElement()
                .satisfies(thread -> assertThat(thread.isDaemon()).isTrue());
        timer.close();
        Await.until(() -> Await.threads(name).isEmpty(), Await.BOUND);
    }

    @Test
    void closeDropsWhatHasNotBegunAndRefusesWhatComesLater() {
        AtomicInteger ran = new AtomicInteger();
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        schedule(
                timer,
                () -> {
                    begun.countDown();
                    uninterruptibly(end);
                },
                0);
        Await.until(() -> begun.getCount() == 0, Await.BOUND);
        schedule(timer, ran::incrementAndGet, 0);
        schedule(timer, ran::incrementAndGet, millis(1));
        timer.close();
        schedule(timer, ran::incrementAndGet, 0);
        end.countDown();
        Await.until(() -> Await.threads(name).isEmpty(), Await.BOUND);
        schedule(timer, ran::incrementAndGet, 0);
        assertThat(Await.threads(name)).isEmpty();
        assertThat(ran).hasValue(0);
    }

    @Test
    void cancellingAfterCloseIsHarmless() {
        Timer before = schedule(timer, NOTHING, millis(60_000));
        timer.close();
        Timer after = schedule(timer, NOTHING, 0);
        timer.cancel(before);
        timer.cancel(after);
        timer.close();
    }

    @Test
    void aTimerClosedWithoutEverBeingUsedHasNoThread() {
        timer.close();
        schedule(timer, NOTHING, 0);
        assertThat(Await.threads(name)).isEmpty();
    }

    private void runAfterAllThatIsDue() {
        CountDownLatch ran = new CountDownLatch(1);
        schedule(timer, ran::countDown, millis(1));
        Await.until(() -> ran.getCount() == 0, Await.BOUND);
    }

    private static void runAfterAllThatIsDue(TimerThread standing, AtomicLong clock) {
        CountDownLatch ran = new CountDownLatch(1);
        schedule(standing, clock, ran::countDown, 0);
        Await.until(() -> ran.getCount() == 0, Await.BOUND);
    }

    private static Timer schedule(TimerThread on, Runnable task, long delayNanos) {
        return scheduleAt(on, task, System.nanoTime(), delayNanos);
    }

    private static Timer schedule(TimerThread on, AtomicLong clock, Runnable task, long delayNanos) {
        return scheduleAt(on, task, clock.get(), delayNanos);
    }

    /** As an environment does it. */
    private static Timer scheduleAt(TimerThread on, Runnable task, long now, long delayNanos) {
        Timer scheduled = new Timer() {
            @Override
            public void run() {
                task.run();
            }
        };
        on.schedule(scheduled, now + Math.max(0, Math.min(delayNanos, Long.MAX_VALUE / 2)));
        return scheduled;
    }

    private static void untilCollected(WeakReference<?> reference) {
        Await.until(
                () -> {
                    System.gc();
                    return reference.get() == null;
                },
                Await.BOUND);
    }

    private static void uninterruptibly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static long millis(long millis) {
        return millis * 1_000_000;
    }

    /** A task as the model knows it. */
    private static final class Modelled {
        long due;
        Timer handle;

        Modelled(long due) {
            this.due = due;
        }

        @Override
        public String toString() {
            return "due " + due;
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
