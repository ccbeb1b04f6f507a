package io.distributedmutex.internal;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;

/**
 * A monotonic clock that does not stop while the machine is suspended.
 *
 * <p>{@link System#nanoTime()} ignores steps of the wall clock, as it should, but on Linux and macOS it also stands still
 * in suspension, so that a resumed holder would believe in a lease that ended long ago. When the wall clock runs
 * ahead of it by more than {@link #DIVERGENCE_NANOS}, one of three things has happened:
 *
 * <ul>
 *   <li>The machine was suspended, and knows it: /proc/uptime of Linux went on meanwhile, and ignores the wall clock.
 *   <li>The machine is a guest that its host has paused or moved: all clocks stood still, and the wall clock alone was put
 *       right since.
 *   <li>Somebody has set the wall clock.
 * </ul>
 *
 * <p>The last two cannot be told apart. Such a step counts as time that has passed, which at worst ends a lease too early;
 * where there is an uptime, this can be turned off.
 */
public final class SystemClock implements LongSupplier {

    /** Shorter suspensions than this (50 ms) are not noticed. It is above what NTP slewing or a scheduler delay cause. */
    static final long DIVERGENCE_NANOS = 50_000_000L;

    /** The resolution of /proc/uptime (10 ms). A suspension may have been longer by so much than the uptimes around it say. */
    static final long UPTIME_RESOLUTION_NANOS = 10_000_000L;

    private static final Path UPTIME = Path.of("/proc/uptime");

    private final LongSupplier monotonic;
    private final LongSupplier wallNanos;
    private final LongSupplier uptimeNanos;
    private final boolean hasUptime;
    private final boolean countsSteps;
    private final Executor teller;

    /** Wall clock minus monotonic clock when last looked at. */
    private volatile long reference;
    /** Uptime minus monotonic clock when last looked at. Guarded by this. */
    private long uptimeReference;
    /** How much time the monotonic clock has missed so far. */
    private volatile long missed;

    /**
     * The system's clocks.
     *
     * @param countsSteps as below
     * @param teller runs what logs, so that no thread that reads the clock waits for a logger
     */
    SystemClock(boolean countsSteps, Executor teller) {
        this(System::nanoTime, () -> System.currentTimeMillis() * 1_000_000L, SystemClock::uptime, countsSteps, teller);
    }

    /**
     * With clocks for tests and simulations.
     *
     * @param uptimeNanos returns -1 where there is none
     * @param countsSteps whether a forward step of the wall clock counts as time that has passed also if the uptime does not
     *     show it; without an uptime it always does
     */
    public SystemClock(LongSupplier monotonic, LongSupplier wallNanos, LongSupplier uptimeNanos, boolean countsSteps) {
        this(monotonic, wallNanos, uptimeNanos, countsSteps, Runnable::run);
    }

    private SystemClock(
            LongSupplier monotonic,
            LongSupplier wallNanos,
            LongSupplier uptimeNanos,
            boolean countsSteps,
            Executor teller) {
        this.monotonic = monotonic;
        this.wallNanos = wallNanos;
        this.uptimeNanos = uptimeNanos;
        this.countsSteps = countsSteps;
        this.teller = teller;
        long now = monotonic.getAsLong();
        this.reference = wallNanos.getAsLong() - now;
        long uptime = uptimeNanos.getAsLong();
        this.hasUptime = uptime >= 0;
        this.uptimeReference = uptime - now;
    }

    @Override
    public long getAsLong() {
        long now = monotonic.getAsLong();
        long divergence = wallNanos.getAsLong() - now - reference;
        if (divergence > DIVERGENCE_NANOS || divergence < -DIVERGENCE_NANOS) {
            return look();
        }
        return now + missed;
    }

    /** How much time the monotonic clock has missed so far; changes whenever a suspension or a step was counted. */
    long missedNanos() {
        return missed;
    }

    private long look() {
        long time;
        long suspended = 0;
        long stepped = 0;
        synchronized (this) {
            long now = monotonic.getAsLong();
            long difference = wallNanos.getAsLong() - now;
            long divergence = difference - reference;
            // It may fail to be read, for want of file handles for instance.
            long uptime = hasUptime ? uptimeNanos.getAsLong() : -1;
            long stopped = uptime < 0 ? 0 : uptime - now - uptimeReference;
            // The uptime first: the wall clock may have been set back just after the suspension.
            if (stopped > DIVERGENCE_NANOS) {
                // Rather too much than too little: a lease that is believed in for 10 ms too long is held by two.
                suspended = stopped + UPTIME_RESOLUTION_NANOS;
            }
            if (divergence > DIVERGENCE_NANOS && (countsSteps || uptime < 0)) {
                stepped = Math.max(0, divergence - suspended);
            }
            if (suspended + stepped > 0) {
                // First: who sees the new reference must see it too.
                missed += suspended + stepped;
                uptimeReference += stopped;
                stopped = 0;
            }
            // A suspension too short to be counted yet stays in sight of the wall clock: several together are noticed.
            reference = difference - Math.max(0, stopped);
            time = now + missed;
        }
        tell(suspended, stepped);
        return time;
    }

    /** When the books are right: the log may throw, and the time is told all the same. */
    @SuppressWarnings("EmptyCatch")
    private void tell(long suspended, long stepped) {
        try {
            if (suspended > 0) {
                teller.execute(() -> Log.quietly(() -> Log.LOGGER.warn(
                        "this machine was suspended for {} ms; leases that ended meanwhile are lost",
                        (suspended - UPTIME_RESOLUTION_NANOS) / 1_000_000L)));
            }
            // Less is the resolution of the clocks.
            if (stepped > DIVERGENCE_NANOS || (suspended == 0 && stepped > 0)) {
                teller.execute(() -> Log.quietly(() -> Log.LOGGER.warn(
                        "the wall clock went forward by {} ms, which counts as time that has passed, since a guest that its"
                                + " host has paused sees just that; leases that ended meanwhile are lost. If clocks are"
                                + " set here while locks are held: see countWallClockSteps",
                        stepped / 1_000_000L)));
            }
        } catch (Throwable t) {
            // There is no place left where this could be told.
        }
    }

    /** Nanoseconds since boot, suspension included, with 10 ms resolution; -1 if this is not Linux. */
    static long uptime() {
        try {
            String text = Files.readString(UPTIME);
            return (long) (Double.parseDouble(text.substring(0, text.indexOf(' '))) * 1e9);
        } catch (IOException | RuntimeException e) {
            if (System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("linux")) {
                Log.quietly(() -> Log.LOGGER.debug(
                        "/proc/uptime cannot be read: a step of the wall clock counts as a suspension", e));
            }
            return -1;
        }
    }
}
