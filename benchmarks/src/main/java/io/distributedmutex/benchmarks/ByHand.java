package io.distributedmutex.benchmarks;

import java.util.Base64;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** What the locks written by hand have in common, whatever client sends their commands. */
final class ByHand {

    /** Deletes the key only if it still holds the token. */
    static final String COMPARE_AND_DELETE =
            "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

    /** How long to sleep between tries: short, as who writes such a lock for speed would have it. */
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private ByHand() {}

    /** A token as ours is, of 128 bits; from a generator that costs nothing. */
    static String newToken() {
        byte[] token = new byte[16];
        ThreadLocalRandom.current().nextBytes(token);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(token);
    }

    /** One try to set the key. */
    @FunctionalInterface
    interface Try {

        /** Whether it was free. */
        boolean succeeds();
    }

    static void spin(Try attempt) throws InterruptedException {
        while (!attempt.succeeds()) {
            LockSupport.parkNanos(RETRY_NANOS);
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
        }
    }
}
