package io.distributedmutex.internal;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A monotonic clock that does not stop while the machine is suspended.
 *
 * <p>{@link System#nanoTime()} ignores steps of the wall clock, as it should, but on Linux and macOS it also stands still
 * in suspension, so that a resumed holder would believe in a lease that ended long ago. When the wall clock runs
 * ahead of it by more than {@link #DIVERGENCE_NANOS}, one of two things has happened: the wall clock was set, or the
 * machine was suspended. On Linux /proc/uptime decides, since it goes on in suspension and ignores the wall clock.
 * Elsewhere it is taken for a suspension, which at worst ends a lease too early.
 */
public final class SystemClock implements LongSupplier {

    private static final Logger LOG = LoggerFactory.getLogger("io.distributedmutex");

    /** Shorter suspensions than this (50 ms) are not noticed. It is above what NTP slewing or a scheduler delay cause. */
    static final long DIVERGENCE_NANOS = 50_000_000L;

    /** The resolution of /proc/uptime (10 ms). A suspension may have been longer by so much than the uptimes around it say. */
    static final long UPTIME_RESOLUTION_NANOS = 10_000_000L;

    private static final Path UPTIME = Path.of("/proc/uptime");

    private final LongSupplier monotonic;
    private final LongSupplier wallNanos;
    private final LongSupplier uptimeNanos;

    /** Wall clock minus monotonic clock when last looked at. */
    private volatile long reference;
    /** Uptime minus monotonic clock when last looked at. Guarded by this. */
    private long uptimeReference;
    /** How long the machine was suspended so far. */
    private volatile long suspended;

    SystemClock() {
        this(System::nanoTime, () -> System.currentTimeMillis() * 1_000_000L, SystemClock::uptime);
    }

    /** With clocks for tests and simulations; {@code uptimeNanos} returns -1 where there is none. */
    public SystemClock(LongSupplier monotonic, LongSupplier wallNanos, LongSupplier uptimeNanos) {
        this.monotonic = monotonic;
        this.wallNanos = wallNanos;
        this.uptimeNanos = uptimeNanos;
        long now = monotonic.getAsLong();
        this.reference = wallNanos.getAsLong() - now;
        this.uptimeReference = uptimeNanos.getAsLong() - now;
    }

    @Override
    public long getAsLong() {
        long now = monotonic.getAsLong();
        long divergence = wallNanos.getAsLong() - now - reference;
        if (divergence > DIVERGENCE_NANOS || divergence < -DIVERGENCE_NANOS) {
            return look();
        }
        return now + suspended;
    }

    private synchronized long look() {
        long now = monotonic.getAsLong();
        long difference = wallNanos.getAsLong() - now;
        long divergence = difference - reference;
        long uptime = uptimeNanos.getAsLong();
        long stopped = uptime < 0 ? divergence : uptime - now - uptimeReference;
        // Where there is an uptime it decides alone: the wall clock may have been set back just after the suspension.
        if (stopped > DIVERGENCE_NANOS) {
            LOG.warn(
                    "this machine was suspended for {} ms; leases that ended meanwhile are lost", stopped / 1_000_000L);
            // Suspended time first: who sees the new reference must see it too. Rather too much than too little: a
            // lease that is believed in for 10 ms too long is held by two.
            suspended += stopped + (uptime < 0 ? 0 : UPTIME_RESOLUTION_NANOS);
            uptimeReference += stopped;
            stopped = 0;
        }
        // A suspension too short to be counted yet stays in sight of the wall clock: several together are noticed.
        reference = difference - Math.max(0, stopped);
        return now + suspended;
    }

    /** Nanoseconds since boot, suspension included, with 10 ms resolution; -1 if this is not Linux. */
    static long uptime() {
        try {
            String text = Files.readString(UPTIME);
            return (long) (Double.parseDouble(text.substring(0, text.indexOf(' '))) * 1e9);
        } catch (IOException | RuntimeException e) {
            if (System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("linux")) {
                LOG.debug("/proc/uptime cannot be read: a step of the wall clock counts as a suspension", e);
            }
            return -1;
        }
    }
}
