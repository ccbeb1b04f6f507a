package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class CommandTimeoutsTest {

    private static final long TIMEOUT = 1000;

    private final ManualTimer timer = new ManualTimer();
    private final List<String> timedOut = new ArrayList<>();
    private final CommandTimeouts timeouts = new CommandTimeouts(timer.executor(), () -> timer.now, TIMEOUT);

    @Test
    void aCommandTimesOutWhenItsTimeIsUp() {
        add("a");
        timer.advance(TIMEOUT - 1);
        assertThat(timedOut).isEmpty();

        timer.advance(1);
        assertThat(timedOut).containsExactly("a");
    }

    @Test
    void anAnsweredCommandDoesNot() {
        add("a").done = true;
        timer.advance(10 * TIMEOUT);

        assertThat(timedOut).isEmpty();
    }

    @Test
    void eachTimesOutAtItsOwnTime() {
        add("a");
        timer.advance(400);
        Command answered = add("b");
        timer.advance(400);
        add("c");
        answered.done = true;

        timer.advance(200);
        assertThat(timedOut).containsExactly("a");
        timer.advance(799);
        assertThat(timedOut).containsExactly("a");
        timer.advance(1);
        assertThat(timedOut).containsExactly("a", "c");
    }

    @Test
    void answeredCommandsCostOneTimerForEachTimeOutAndNoneWhenIdle() {
        for (int i = 0; i < 10_000; i++) {
            add("x").done = true;
            timer.advance(1);
        }
        assertThat(timer.scheduled).isBetween(9, 11);

        timer.advance(2 * TIMEOUT);
        int scheduled = timer.scheduled;
        timer.advance(100 * TIMEOUT);
        assertThat(timer.scheduled).isEqualTo(scheduled);
        assertThat(timer.pending()).isZero();
    }

    @Test
    void drainingTakesWhatIsNotAnsweredAndStopsTheTimer() {
        Command answered = add("a");
        Command open = add("b");
        answered.done = true;

        assertThat(timeouts.drain()).containsExactly(open);
        assertThat(timer.pending()).isZero();
        timer.advance(10 * TIMEOUT);
        assertThat(timedOut).isEmpty();

        add("c");
        timer.advance(TIMEOUT);
        assertThat(timedOut).containsExactly("c");
    }

    @Test
    void thereIsRoomForABoundedNumberOfCommands() {
        for (int i = 0; i < CommandTimeouts.CAPACITY; i++) {
            add("x");
        }
        assertThat(timeouts.add(new Command("one more"))).isFalse();

        timer.advance(TIMEOUT);
        assertThat(timedOut).hasSize(CommandTimeouts.CAPACITY);
        assertThat(timeouts.add(new Command("one more"))).isTrue();
    }

    @Test
    void anExecutorThatIsShutDownIsNoError() {
        timer.shutDown = true;
        assertThat(timeouts.add(new Command("a"))).isTrue();
        assertThat(timeouts.drain()).hasSize(1);
    }

    @Test
    void anErrorInATimeOutHoldsUpNoOtherAndIsNoEnd() {
        add("a").errors = 2;
        add("b");
        timer.advance(TIMEOUT);
        timer.advance(TimeUnit.SECONDS.toNanos(1));

        assertThat(timedOut).containsExactly("b", "a");
        assertThat(timer.pending()).isZero();
    }

    @Test
    void anErrorOfTheExecutorIsNoEndEither() {
        timer.errors = 1;
        assertThatThrownBy(() -> timeouts.add(new Command("a"))).isInstanceOf(OutOfMemoryError.class);
        add("b");
        timer.advance(TIMEOUT);

        assertThat(timedOut).containsExactly("a", "b");
    }

    @Test
    void whatIsPendingIsKnown() {
        Command answered = add("a");
        Command open = add("b");
        answered.done = true;

        assertThat(timeouts.pending()).containsExactly(open);
        timer.advance(TIMEOUT);
        assertThat(timedOut).containsExactly("b");
    }

    private Command add(String name) {
        Command command = new Command(name);
        assertThat(timeouts.add(command)).isTrue();
        return command;
    }

    private final class Command implements CommandTimeouts.Pending {

        private final String name;
        private final long sentNanos = timer.now;
        private boolean done;
        private int errors;

        Command(String name) {
            this.name = name;
        }

        @Override
        public long sentNanos() {
            return sentNanos;
        }

        @Override
        public boolean isDone() {
            return done;
        }

        @Override
        public void timeOut() {
            if (errors > 0) {
                errors--;
                throw new OutOfMemoryError("made by the test");
            }
            done = true;
            timedOut.add(name);
        }
    }

    /** An executor on a clock that stands until it is advanced. Starts near the end of the range, to cross it. */
    private static final class ManualTimer {

        private long now = Long.MAX_VALUE - 500;
        private int scheduled;
        private int errors;
        private boolean shutDown;
        private final List<Task> tasks = new ArrayList<>();

        private record Task(Runnable action, long at, AtomicBoolean cancelled) {}

        ScheduledExecutorService executor() {
            return (ScheduledExecutorService) Proxy.newProxyInstance(
                    getClass().getClassLoader(),
                    new Class<?>[] {ScheduledExecutorService.class},
                    (proxy, method, arguments) -> {
                        assertThat(method.getName()).isEqualTo("schedule");
                        return schedule(
                                (Runnable) arguments[0], ((TimeUnit) arguments[2]).toNanos((Long) arguments[1]));
                    });
        }

        long pending() {
            return tasks.stream().filter(task -> !task.cancelled().get()).count();
        }

        void advance(long nanos) {
            long until = now + nanos;
            for (Task next = next(until); next != null; next = next(until)) {
                tasks.remove(next);
                now = next.at();
                next.action().run();
            }
            now = until;
        }

        private Task next(long until) {
            tasks.removeIf(task -> task.cancelled().get());
            return tasks.stream()
                    .filter(task -> task.at() - until <= 0)
                    .min((a, b) -> Long.compare(a.at() - b.at(), 0))
                    .orElse(null);
        }

        private ScheduledFuture<?> schedule(Runnable action, long delayNanos) {
            if (errors > 0) {
                errors--;
                throw new OutOfMemoryError("made by the test");
            }
            if (shutDown) {
                throw new RejectedExecutionException();
            }
            scheduled++;
            AtomicBoolean cancelled = new AtomicBoolean();
            tasks.add(new Task(action, now + delayNanos, cancelled));
            return (ScheduledFuture<?>) Proxy.newProxyInstance(
                    getClass().getClassLoader(), new Class<?>[] {ScheduledFuture.class}, (proxy, method, arguments) -> {
                        assertThat(method.getName()).isEqualTo("cancel");
                        cancelled.set(true);
                        return true;
                    });
        }
    }
}
