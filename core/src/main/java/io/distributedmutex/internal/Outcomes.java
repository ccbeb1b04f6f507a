package io.distributedmutex.internal;

import io.distributedmutex.Deadlock;
import io.distributedmutex.DeadlockException;
import io.distributedmutex.LockInterruptedException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.Causes;
import io.distributedmutex.spi.Messages;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The exceptions that say what became of a call, with the words of their messages. */
final class Outcomes {

    private Outcomes() {}

    static LockNotAcquiredException heldBy(String prefix, String key, @Nullable String holder, long remainingMillis) {
        String who = holder == null ? "another client that is not of this library" : Messages.shown(holder);
        String howLong = remainingMillis < 0 ? ", without an expiry" : stillFor(remainingMillis);
        return new LockNotAcquiredException(
                prefix + "held by " + who + howLong,
                key,
                holder,
                remainingMillis < 0 ? null : Duration.ofMillis(remainingMillis));
    }

    static LockNotAcquiredException notAcquired(String key, String why) {
        return new LockNotAcquiredException(notAcquired(key) + why, key, null, null);
    }

    static DeadlockException deadlock(String key, Deadlock circle) {
        return new DeadlockException(
                notAcquired(key) + "deadlock: " + circle,
                key,
                circle.waits().get(1 % circle.waits().size()).holderLabel(),
                circle);
    }

    static MutexClosedException closed(String key, String how) {
        return new MutexClosedException(notAcquired(key) + how);
    }

    /** Sets the interrupt flag of the calling thread. */
    static LockInterruptedException interrupted(String key, InterruptedException cause) {
        Thread.currentThread().interrupt();
        return new LockInterruptedException(notAcquired(key) + "interrupted", cause);
    }

    /** What the message of every failed acquire begins with. */
    static String notAcquired(String key) {
        return "'" + Messages.shown(key) + "' not acquired: ";
    }

    static String grantedTooLate(long afterNanos, long leaseMillis) {
        return "the store's grant arrived after " + Messages.about(Duration.ofNanos(afterNanos))
                + ", when the lease time of " + Messages.about(Duration.ofMillis(leaseMillis)) + " was over";
    }

    static String stillFor(long millis) {
        return " for " + Messages.about(Duration.ofMillis(millis)) + " still";
    }

    /** The same outcome for one caller: with what it was about, and without a stack shared with others. */
    static StoreException copy(String prefix, StoreException error) {
        String message = prefix + error.getMessage();
        if (error.isSurelyNotSent()) {
            return notSent(message, error);
        }
        return error instanceof StoreRefusedException refused
                ? new StoreRefusedException(refused.reason(), message, error)
                : new StoreUnreachableException(message, error);
    }

    /** The same failure of a request that surely was not sent. */
    static StoreException notSent(StoreException error) {
        return error.isSurelyNotSent() ? error : notSent(String.valueOf(error.getMessage()), error);
    }

    private static StoreException notSent(String message, StoreException error) {
        return error instanceof StoreRefusedException refused
                ? StoreRefusedException.notSent(refused.reason(), message, error)
                : StoreUnreachableException.notSent(message, error);
    }

    /**
     * What a store threw or completed with, as a StoreException. An {@link Error} counts as an unreachable store: the caller's
     * stack may have been at its end, and another thread's is not.
     */
    static StoreException ofStore(Throwable error) {
        Throwable cause = Causes.unwrapped(error);
        if (cause instanceof StoreException known) {
            return known;
        }
        String message = "the store failed: " + cause;
        return cause instanceof Error
                ? new StoreUnreachableException(message, cause)
                : new StoreRefusedException(StoreRefusedException.Reason.OTHER, message, cause);
    }
}
