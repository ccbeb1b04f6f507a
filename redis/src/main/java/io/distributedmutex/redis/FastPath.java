package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Ownership;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Acquires and releases what nobody else wants, without the long scripts, as a futex does without the kernel.
 *
 * <p><b>Acquire</b>: four native commands in one write. {@code SET NX PX} takes the lock. {@code XADD} draws the fencing token.
 * {@code EXISTS} looks whether others queue. {@code GETRANGE} looks whether the lock is still ours: if it is, the token was
 * drawn while we had the lock, so it is greater than those of all owners before and smaller than those of all after. No
 * transaction is needed: should somebody come between two of the commands, the last one says so. Whenever they do not end in a
 * clean grant, {@code acquire.lua} follows with the same token and decides; it knows repeated requests.
 *
 * <p><b>Release</b>: one command compares the value and deletes the key. A waiter that queues changes the value, so the comparison
 * fails, and {@code release.lua} follows. Servers have such a command under different names, or none; {@code free.lua} does the
 * same. The first releases send all of these in one write, so that the order of requests stays as it is. A command is used
 * alone once it has been seen to delete a key.
 *
 * <p>A refused attempt costs a round trip and a write for nothing. So a key that was contended a moment ago goes straight to
 * the long scripts.
 *
 * @see <a href="https://www.akkadia.org/drepper/futex.pdf">Drepper, Futexes Are Tricky</a>
 */
final class FastPath {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** How long a key counts as contended. */
    private static final long CONTENDED_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** How many keys are told apart; two that share a place are only slower. A power of 2. */
    private static final int PLACES = 1024;

    private final Server server;
    private final LongSupplier nanoTime;
    private final long originNanos;

    /** Until when the keys of each place count as contended, in nanoseconds since the origin. */
    private final AtomicLongArray contendedUntil = new AtomicLongArray(PLACES);

    /** Attempts on their way, by token: until it is decided whether a script follows. */
    private final ConcurrentHashMap<String, Attempt> attempts = new ConcurrentHashMap<>();

    /** The server or the user's rights lack a command of those that acquire. */
    private volatile boolean isUnusable;

    /** What frees a key here. */
    private volatile Freeing freeing = Freeing.ALL;

    /** What compares and deletes. */
    enum Freeing {

        /** Each of those below, in this order: until it is known which of them there are. */
        ALL,

        /** The command of Valkey 9. */
        DELIFEQ,

        /** The command of Redis 8.4. */
        DELEX,

        /** free.lua, which any server can run. */
        SCRIPT
    }

    /** What the fast path asks of the server. Every request is sent when the method returns, after those before it. */
    interface Server {

        /** Sends the native commands that acquire. */
        CompletableFuture<Taken> take(AcquireRequest request);

        /** Compares and deletes. */
        CompletableFuture<Freed> free(String key, String token, Freeing by);

        /** Runs acquire.lua. */
        CompletableFuture<AcquireReply> acquire(AcquireRequest request);

        /** Runs release.lua. */
        CompletableFuture<Ownership> release(String key, String token, long keepMillis);

        /** Runs cancel.lua. */
        CompletableFuture<Ownership> cancel(String key, String token);
    }

    /**
     * What the native commands of an acquire said.
     *
     * @param took whether they took the lock
     * @param granted the grant, if nothing is left to ask
     * @param lacking the error of a command that cannot be used here; null if all can
     */
    record Taken(
            boolean took,
            AcquireReply.@Nullable Granted granted,
            @Nullable String lacking) {}

    /**
     * What an attempt to free a key said.
     *
     * @param freed whether it freed the key
     * @param found what frees keys here from now on; null if nothing was found out
     * @param said why it is the script, in the server's words; null if it is not
     */
    record Freed(
            boolean freed,
            @Nullable Freeing found,
            @Nullable String said) {

        static final Freed YES = new Freed(true, null, null);
        static final Freed NO = new Freed(false, null, null);
    }

    /**
     * A fast path.
     *
     * @param server what it asks
     * @param nanoTime the clock by which keys are contended no longer
     */
    FastPath(Server server, LongSupplier nanoTime) {
        this.server = server;
        this.nanoTime = nanoTime;
        this.originNanos = nanoTime.getAsLong();
    }

    /**
     * Whether a lock that was taken is a grant.
     *
     * @param isOurs whether it is the token's still, and no script knows of that
     * @param isWaitedFor whether others queue, looked at after it was taken
     * @param isFollowed whether the first of those queued after it was taken
     */
    static boolean isGrant(boolean isOurs, boolean isWaitedFor, boolean isFollowed) {
        return isOurs && (!isWaitedFor || isFollowed);
    }

    CompletionStage<AcquireReply> acquire(AcquireRequest request) {
        String key = request.key();
        String releasing = request.releasing();
        if (releasing != null) {
            withdraw(releasing);
        }
        if (releasing != null || isUnusable || isContended(key)) {
            return server.acquire(request);
        }
        Attempt attempt = new Attempt(request);
        if (attempts.putIfAbsent(request.token(), attempt) != null) {
            return server.acquire(request);
        }
        CompletableFuture<Taken> unused = server.take(request).whenComplete(attempt);
        return attempt;
    }

    CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        withdraw(token);
        if (keepMillis > 0 || isContended(key)) {
            return server.release(key, token, keepMillis);
        }
        Release release = new Release(key, token, freeing);
        release.send();
        return release;
    }

    CompletionStage<Ownership> cancel(String key, String token) {
        withdraw(token);
        return server.cancel(key, token);
    }

    /** Somebody else has the key, or waits for it. */
    void contended(String key) {
        contendedUntil.lazySet(place(key), nanoTime.getAsLong() - originNanos + CONTENDED_NANOS);
    }

    private boolean isContended(String key) {
        return nanoTime.getAsLong() - originNanos < contendedUntil.get(place(key));
    }

    private static int place(String key) {
        int hash = key.hashCode();
        return (hash ^ (hash >>> 16)) & (PLACES - 1);
    }

    /** A token is given up: what follows from an attempt for it must not come after that. */
    private void withdraw(String token) {
        Attempt attempt = attempts.get(token);
        if (attempt != null) {
            attempt.withdraw();
        }
    }

    private void lacks(String said) {
        if (!isUnusable) {
            isUnusable = true;
            log.debug(
                    "locks are acquired by scripts alone from now on, because the server says: {}",
                    RedisErrors.shown(said));
        }
    }

    /** An acquire, until its outcome is known. */
    private final class Attempt extends CompletableFuture<AcquireReply> implements BiConsumer<Taken, Throwable> {

        private final AcquireRequest request;
        private boolean withdrawn;

        Attempt(AcquireRequest request) {
            this.request = request;
        }

        synchronized void withdraw() {
            withdrawn = true;
        }

        @Override
        public void accept(@Nullable Taken taken, @Nullable Throwable error) {
            if (taken == null) {
                attempts.remove(request.token(), this);
                completeExceptionally(error);
            } else if (taken.granted() != null) {
                attempts.remove(request.token(), this);
                complete(taken.granted());
            } else {
                if (taken.lacking() != null) {
                    lacks(taken.lacking());
                }
                followUp(taken.took());
            }
        }

        private void followUp(boolean took) {
            CompletableFuture<AcquireReply> decided = null;
            synchronized (this) {
                try {
                    if (!withdrawn) {
                        decided = server.acquire(request);
                    }
                } finally {
                    // Not before: a withdrawal that comes now finds this attempt, and is sent after the script.
                    attempts.remove(request.token(), this);
                }
            }
            if (decided == null) {
                // If it took the lock, what withdrew it gives that back.
                complete(new AcquireReply.Refused(0, null, null, 0, null));
                return;
            }
            CompletableFuture<AcquireReply> unused = decided.whenComplete((reply, error) -> {
                if (reply != null) {
                    complete(reply);
                } else {
                    completeExceptionally(took ? failure(error) : error);
                }
            });
        }

        /**
         * What the caller hears if the script failed after {@code SET} took the lock. Who is refused for good leaves it at that,
         * so the lock is given back here. After any other failure the caller asks again with the same token, or gives it back:
         * here nothing must be sent, since it might arrive after the next request and undo that.
         */
        private Throwable failure(Throwable error) {
            if (!(error instanceof StoreException failure) || !failure.isTransient()) {
                CompletableFuture<Ownership> unused = server.cancel(request.key(), request.token());
                return error;
            }
            if (!failure.isSurelyNotSent()) {
                return failure;
            }
            // The script was not sent, but SET was.
            String message = String.valueOf(failure.getMessage());
            return failure instanceof StoreRefusedException refused
                    ? new StoreRefusedException(refused.reason(), message, refused)
                    : new StoreUnreachableException(message, failure);
        }
    }

    /** It was found out what frees keys here. A server that turns out to lack what it had is left with the script for good. */
    private void found(Freeing found, @Nullable String said) {
        boolean isNew;
        synchronized (this) {
            isNew = freeing == Freeing.ALL || (found == Freeing.SCRIPT && freeing != Freeing.SCRIPT);
            if (isNew) {
                freeing = found;
            }
        }
        if (isNew && said != null) {
            log.debug(
                    "locks are released by scripts alone from now on, because the server says: {}",
                    RedisErrors.shown(said));
        }
    }

    /** A release, until its outcome is known. */
    private final class Release extends CompletableFuture<Ownership> implements BiConsumer<Freed, Throwable> {

        private final String key;
        private final String token;
        private Freeing by;

        Release(String key, String token, Freeing by) {
            this.key = key;
            this.token = token;
            this.by = by;
        }

        void send() {
            CompletableFuture<Freed> unused = server.free(key, token, by).whenComplete(this);
        }

        @Override
        public void accept(@Nullable Freed answer, @Nullable Throwable error) {
            if (answer == null) {
                completeExceptionally(error);
                return;
            }
            if (answer.found() != null) {
                found(answer.found(), answer.said());
            }
            if (answer.freed()) {
                complete(Ownership.HELD);
            } else if (answer.found() == Freeing.SCRIPT && by != Freeing.ALL) {
                by = Freeing.SCRIPT;
                send();
            } else {
                CompletableFuture<Ownership> unused = server.release(key, token, 0)
                        .whenComplete((ownership, failure) -> {
                            if (ownership != null) {
                                complete(ownership);
                            } else {
                                completeExceptionally(failure);
                            }
                        });
            }
        }
    }
}
