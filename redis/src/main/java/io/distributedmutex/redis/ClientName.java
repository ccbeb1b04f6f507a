package io.distributedmutex.redis;

import java.security.SecureRandom;
import java.util.Base64;
import java.util.concurrent.TimeUnit;

/**
 * The name under which an instance waits in queues, and which its channel of grants has. Each connection for pushes has a
 * name of its own: copies of a process (a snapshot of its machine that is started twice) begin with the same name, lose their
 * connections, and so part. Thread-safe.
 */
final class ClientName {

    private static final int BYTES = 16;

    private volatile Names names = new Names(draw(), "", System.nanoTime());

    private record Names(String current, String before, long sinceNanos) {}

    /** The name of now. */
    String current() {
        return names.current;
    }

    /**
     * The name before.
     *
     * @param aliveMillis for how long what stands under a name counts as alive
     * @return the name; empty if nothing can stand under it any more
     */
    String before(long aliveMillis) {
        Names now = names;
        return System.nanoTime() - now.sinceNanos < TimeUnit.MILLISECONDS.toNanos(aliveMillis) ? now.before : "";
    }

    /** From now on this is the name. */
    void become(String name) {
        names = new Names(name, names.current, System.nanoTime());
    }

    /** A name that nobody has. */
    static String draw() {
        byte[] random = new byte[BYTES];
        new SecureRandom().nextBytes(random);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(random);
    }
}
