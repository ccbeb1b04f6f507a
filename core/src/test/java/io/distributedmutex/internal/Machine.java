package io.distributedmutex.internal;

import java.time.Duration;

/** A machine whose clocks do what the test says; they stand still until it does. Thread-safe. */
final class Machine {
    private final long bootNanos = Duration.ofDays(10).toNanos();
    private long runNanos;
    private long suspendedNanos;
    private long wallStepNanos;
    Duration uptimeResolution = Duration.ofNanos(1);
    Duration passAfterNextMonotonicReading = Duration.ZERO;

    SystemClock clockWithUptime() {
        return new SystemClock(this::monotonic, this::wall, this::uptime, true);
    }

    SystemClock clockWithUptimeThatIgnoresSteps() {
        return new SystemClock(this::monotonic, this::wall, this::uptime, false);
    }

    SystemClock clockWithoutUptime() {
        return new SystemClock(this::monotonic, this::wall, () -> -1, false);
    }

    synchronized void pass(Duration duration) {
        runNanos += duration.toNanos();
    }

    synchronized void suspend(Duration duration) {
        suspendedNanos += duration.toNanos();
    }

    synchronized void setWallClock(Duration step) {
        wallStepNanos += step.toNanos();
    }

    synchronized long trueNanos() {
        return runNanos + suspendedNanos;
    }

    private synchronized long monotonic() {
        long read = runNanos - 42;
        pass(passAfterNextMonotonicReading);
        passAfterNextMonotonicReading = Duration.ZERO;
        return read;
    }

    private synchronized long wall() {
        return Duration.ofDays(20_000).toNanos() + trueNanos() + wallStepNanos;
    }

    private synchronized long uptime() {
        long nanos = bootNanos + trueNanos();
        return nanos - nanos % uptimeResolution.toNanos();
    }
}
