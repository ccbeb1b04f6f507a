package io.distributedmutex.redis;

import java.security.SecureRandom;
import java.util.Base64;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * The name under which an instance waits in queues, and which its channel of grants has. Each connection for pushes has a name
 * of its own. Copies of a process (a snapshot of its machine that is started twice) begin with the same name; they lose their
 * connections, and so get different names. Thread-safe.
 */
final class ClientName {

    private static final int BYTES = 16;

    private final LongSupplier nanoTime;
    private volatile Names names;

    ClientName() {
        this(System::nanoTime);
    }

    /** A name that was just drawn, by this clock. */
    ClientName(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
        this.names = new Names(draw(), "", nanoTime.getAsLong());
    }

    /**
     * The name at one moment, and the one before.
     *
     * @param current the name
     * @param previous the name before; empty if there was none
     * @param sinceNanos when it got this name
     */
    record Names(String current, String previous, long sinceNanos) {

        /**
         * The name before.
         *
         * @param nowNanos the time, by the clock of {@link #sinceNanos}
         * @param aliveMillis for how long what stands under a name counts as alive
         * @return the name; empty if nothing can stand under it any more
         */
        String before(long nowNanos, long aliveMillis) {
            return nowNanos - sinceNanos < TimeUnit.MILLISECONDS.toNanos(aliveMillis) ? previous : "";
        }
    }

    Names names() {
        return names;
    }

    String current() {
        return names.current;
    }

    /** From now on this is the name. */
    void become(String name) {
        names = new Names(name, names.current, nanoTime.getAsLong());
    }

    /** A name that nobody has. */
    static String draw() {
        byte[] random = new byte[BYTES];
        new SecureRandom().nextBytes(random);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(random);
    }
}
