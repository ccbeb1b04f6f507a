package io.distributedmutex.engine;

import io.distributedmutex.testkit.ManualTime;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;

/**
 * The environment of an instance whose blocking calls are made by the test's own thread: to park is to move the clock on, by
 * as long as the park lasts, or by less if something happens that wakes the thread before.
 */
final class PassingTime extends ForwardingEnvironment {

    private final ManualTime time;
    private final Queue<Runnable> wakeUps = new ArrayDeque<>();
    private final List<Duration> parks = new ArrayList<>();
    private long pausedNanos;

    PassingTime(ManualTime time) {
        super(time.newEnvironment());
        this.time = time;
    }

    /** What happens during the next park that has nothing to happen yet, and ends it. */
    void nextParkEndsWith(Runnable wakeUp) {
        wakeUps.add(wakeUp);
    }

    /** Moves the clock on, and nothing else: what becomes due meanwhile is late, as after a pause of the process. */
    void sleep(Duration duration) {
        pausedNanos += duration.toNanos();
    }

    /** For how long a thread wanted to park, each time. */
    List<Duration> parks() {
        return parks;
    }

    @Override
    public void park(Object blocker, long nanos) {
        parks.add(Duration.ofNanos(nanos));
        Runnable wakeUp = wakeUps.poll();
        if (wakeUp != null) {
            wakeUp.run();
        } else if (nanos == Long.MAX_VALUE) {
            throw new AssertionError("nobody would ever wake it");
        } else {
            time.advance(Duration.ofNanos(nanos));
        }
    }

    @Override
    public long nanoTime() {
        return own.nanoTime() + pausedNanos;
    }
}
