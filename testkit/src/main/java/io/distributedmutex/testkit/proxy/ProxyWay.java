package io.distributedmutex.testkit.proxy;

import java.nio.ByteBuffer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The faults and the count of one direction of a {@link FaultyProxy}, for all its connections. Guarded by the lock of
 * its {@link ProxyLoop}.
 */
final class ProxyWay {

    private static final long NO_CUT = -1;

    private boolean held;
    private long delayNanos;
    private long untilCut = NO_CUT;
    private long passed;
    private @Nullable Predicate<ByteBuffer> refused;

    void hold(boolean held) {
        this.held = held;
    }

    boolean isHeld() {
        return held;
    }

    void delay(long nanos) {
        delayNanos = nanos;
    }

    long delayNanos() {
        return delayNanos;
    }

    void cutAfter(long bytes) {
        untilCut = bytes;
    }

    void refuseIf(Predicate<ByteBuffer> saidFirst) {
        refused = saidFirst;
    }

    boolean refuses(ByteBuffer saidFirst) {
        return refused != null && refused.test(saidFirst);
    }

    void heal() {
        held = false;
        delayNanos = 0;
        untilCut = NO_CUT;
        refused = null;
    }

    long passed() {
        return passed;
    }

    /** Returns how many of so many bytes may be passed on by one connection before {@link #count} is asked. */
    int allowed(int bytes) {
        return untilCut == NO_CUT ? bytes : (int) Math.min(bytes, untilCut);
    }

    /** Counts what was passed on, and returns whether the connection that did it is to be cut there. */
    boolean count(int bytes) {
        passed += bytes;
        if (untilCut == NO_CUT) {
            return false;
        }
        untilCut -= bytes;
        if (untilCut > 0) {
            return false;
        }
        untilCut = NO_CUT;
        return true;
    }
}
