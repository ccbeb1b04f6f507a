package io.distributedmutex.internal;

import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.Timer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * An environment without threads of its own, for tests of interleavings: the clock moves when an operation moves it, timers
 * run on the thread that does so, callbacks at once.
 */
final class StandingTime implements Environment {

    private final AtomicLong now = new AtomicLong();
    private final AtomicInteger drawn = new AtomicInteger();
    private final AtomicInteger parks = new AtomicInteger();

    /** Guarded by itself. */
    private final List<Timer> timers = new ArrayList<>();

    /** Moves the clock, and runs what is due then. */
    void pass(long nanos) {
        long then = now.addAndGet(nanos);
        for (Timer due = nextDue(then); due != null; due = nextDue(then)) {
            due.run();
        }
    }

    private Timer nextDue(long then) {
        synchronized (timers) {
            Timer first = timers.stream()
                    .filter(timer -> timer.atNanos() <= then)
                    .min(Comparator.comparingLong(Timer::atNanos))
                    .orElse(null);
            timers.remove(first);
            return first;
        }
    }

    /** How many timers wait. */
    int timers() {
        synchronized (timers) {
            return timers.size();
        }
    }

    /** How often a thread had to wait. */
    int parks() {
        return parks.get();
    }

    @Override
    public long nanoTime() {
        return now.get();
    }

    @Override
    public void schedule(Timer timer, long atNanos) {
        synchronized (timers) {
            timers.remove(timer);
            timer.setAtNanos(atNanos);
            timers.add(timer);
        }
    }

    @Override
    public void cancel(Timer timer) {
        synchronized (timers) {
            timers.remove(timer);
        }
    }

    @Override
    public void execute(Runnable callback) {
        callback.run();
    }

    /** Without an end, since the clock stands: a wake-up that gets lost is a deadlock, and found. */
    @Override
    public void park(Object blocker, long nanos) {
        parks.incrementAndGet();
        LockSupport.park(blocker);
    }

    /** The token that was drawn first, second and so on. */
    static String token(int number) {
        return new Token((long) number << 32, 0).text();
    }

    @Override
    public void randomBytes(byte[] target) {
        ByteBuffer.wrap(target).putInt(drawn.incrementAndGet());
    }

    @Override
    public void close() {
        synchronized (timers) {
            timers.clear();
        }
    }
}
