package io.distributedmutex.redis;

import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Ownership;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.protocol.CommandType;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.BiConsumer;
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
 * <p><b>Release</b>: {@code free.lua} compares and deletes. A waiter that queues changes the value, so the comparison fails, and
 * {@code release.lua} follows.
 *
 * <p>A refused attempt costs a round trip and a write for nothing. So a key that was contended a moment ago goes straight to
 * the scripts.
 *
 * @see <a href="https://www.akkadia.org/drepper/futex.pdf">Drepper, Futexes Are Tricky</a>
 */
final class FastPath {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** How long a key counts as contended. */
    private static final long CONTENDED_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** How many keys are told apart; two that share a place are only slower. A power of 2. */
    private static final int PLACES = 1024;

    /** How much of a value is read: all of ours. Others' may be huge. */
    private static final String LAST_BYTE = "511";

    /** From here on fencing tokens would be 2^53 or more; see fence.lua. */
    private static final long LAST_MILLIS = 9_007_199_254_740L;

    private static final List<CommandType> COMMANDS =
            List.of(CommandType.SET, CommandType.XADD, CommandType.EXISTS, CommandType.GETRANGE);

    private final CommandConnection commands;
    private final Scripts scripts;
    private final long originNanos = System.nanoTime();

    /** Until when the keys of each place count as contended, in nanoseconds since the origin. */
    private final AtomicLongArray contendedUntil = new AtomicLongArray(PLACES);

    /** Attempts on their way, by token: until it is decided whether a script follows. */
    private final ConcurrentHashMap<String, Attempt> attempts = new ConcurrentHashMap<>();

    /** The server or the user's rights lack a command. */
    private volatile boolean isUnusable;

    /** The scripts that decide where the fast path does not. */
    interface Scripts {

        /** The keys of a lock. */
        LockKeys keysOf(String key);

        /** The value of a lock that is granted to this instance at once. */
        byte[] valueOf(String token);

        /**
         * Runs acquire.lua.
         *
         * @param releasing as the script takes it; null for absent
         */
        CompletableFuture<AcquireReply> acquire(AcquireRequest request, @Nullable String releasing);

        /** Runs release.lua. */
        CompletableFuture<Ownership> release(String key, String token, long keepMillis);

        /** Runs cancel.lua. */
        CompletableFuture<Ownership> cancel(String key, String token);
    }

    /**
     * What the native commands of an attempt said.
     *
     * @param took whether the lock is the token's
     * @param granted the grant, if nothing is left to ask
     * @param lacking the error of a command that cannot be used here; null if all can
     */
    record Taken(
            boolean took, AcquireReply.@Nullable Granted granted, @Nullable String lacking) {

        private static final Taken NOT = new Taken(false, null, null);
        private static final Taken DOUBTFUL = new Taken(true, null, null);

        /**
         * What the replies mean.
         *
         * @throws RedisCommandExecutionException if the server refused to take the lock, but for lack of a command or right
         * @throws UnexpectedReplyException if the server cannot have said this
         */
        static Taken of(List<@Nullable Object> replies, String token) {
            if (replies.size() != COMMANDS.size()) {
                throw new UnexpectedReplyException("a reply to each of " + COMMANDS.size() + " commands");
            }
            @Nullable Object set = replies.get(0);
            boolean took = set != null && !(set instanceof Part.ServerError);
            for (@Nullable Object each : replies) {
                if (each instanceof Part.ServerError error && isLacking(error.text())) {
                    return new Taken(took, null, error.text());
                }
            }
            if (set instanceof Part.ServerError error) {
                throw new RedisCommandExecutionException(error.text());
            }
            if (!took) {
                if (replies.get(3) instanceof Part.ServerError error) {
                    // What stands there is no lock.
                    throw new RedisCommandExecutionException(error.text());
                }
                return NOT;
            }
            long fencingToken = fencingToken(replies.get(1));
            boolean granted = fencingToken > 0
                    && replies.get(2) instanceof Long queues
                    && queues == 0
                    && replies.get(3) instanceof byte[] value
                    && OwnerValue.isOwnedBy(value, token);
            return granted ? new Taken(true, new AcquireReply.Granted(fencingToken, 1, null), null) : DOUBTFUL;
        }

        private static boolean isLacking(String error) {
            return error.startsWith("NOPERM") || RedisErrors.isUnknownCommand(error);
        }

        /** The fencing token of a stream id; see fence.lua. 0 if it is not a usual one. */
        private static long fencingToken(@Nullable Object id) {
            if (!(id instanceof byte[] digits) || digits.length < 15 || digits.length > 17 || digits[13] != '-') {
                return 0;
            }
            long millis = number(digits, 0, 13);
            long sequence = number(digits, 14, digits.length);
            return millis <= 0 || millis >= LAST_MILLIS || sequence < 0 ? 0 : millis * 1000 + sequence;
        }

        private static long number(byte[] digits, int start, int end) {
            long number = 0;
            for (int i = start; i < end; i++) {
                if (digits[i] < '0' || digits[i] > '9') {
                    return -1;
                }
                number = number * 10 + (digits[i] - '0');
            }
            return number;
        }
    }

    FastPath(CommandConnection commands, Scripts scripts) {
        this.commands = commands;
        this.scripts = scripts;
    }

    CompletionStage<AcquireReply> acquire(AcquireRequest request) {
        String key = request.key();
        if (isUnusable || request.releasing() != null || isContended(key)) {
            return scripts.acquire(request, request.releasing());
        }
        Attempt attempt = new Attempt(request);
        if (attempts.putIfAbsent(request.token(), attempt) != null) {
            return scripts.acquire(request, null);
        }
        LockKeys keys = scripts.keysOf(key);
        byte[] lock = keys.lock();
        Arguments all = new Arguments();
        Request.Pipeline pipeline = new Request.Pipeline(COMMANDS);
        all.begin(6).add("SET").add(lock).add(scripts.valueOf(request.token()));
        all.add("NX").add("PX").add(request.leaseMillis());
        pipeline.end(0, all.length());
        all.begin(7).add("XADD").add(keys.fence()).add("MAXLEN").add(0).add("*").add("").add("");
        pipeline.end(1, all.length());
        all.begin(2).add("EXISTS").add(keys.queue());
        pipeline.end(2, all.length());
        all.begin(4).add("GETRANGE").add(lock).add(0).add(LAST_BYTE);
        pipeline.end(3, all.length());
        CompletableFuture<Taken> unused = commands.send(
                        Request.pipeline("acquire", key, pipeline, all),
                        replies -> Taken.of(replies, request.token()))
                .whenComplete(attempt);
        return attempt;
    }

    CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        withdraw(token);
        if (keepMillis > 0 || isContended(key)) {
            return scripts.release(key, token, keepMillis);
        }
        Release release = new Release(key, token);
        Arguments arguments =
                new Arguments().add(1).add(scripts.keysOf(key).lock()).add(scripts.valueOf(token));
        CompletableFuture<Boolean> unused = commands.send(
                        Request.script(Script.FREE, key, arguments), Replies::isFreed)
                .whenComplete(release);
        return release;
    }

    CompletionStage<Ownership> cancel(String key, String token) {
        withdraw(token);
        return scripts.cancel(key, token);
    }

    /** Somebody else has the key, or waits for it. */
    void contended(String key) {
        contendedUntil.lazySet(place(key), System.nanoTime() - originNanos + CONTENDED_NANOS);
    }

    private boolean isContended(String key) {
        return System.nanoTime() - originNanos < contendedUntil.get(place(key));
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
            log.debug("locks are acquired by scripts alone from now on, because the server says: {}", said);
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
                attempts.remove(request.token(), this);
                if (!withdrawn) {
                    // Sent here, so that a withdrawal which comes now is sent after it.
                    decided = scripts.acquire(request, took ? "" : null);
                }
            }
            if (decided == null) {
                // If it took the lock, what withdrew it gives that back.
                complete(new AcquireReply.Refused(0, null, 0, null));
                return;
            }
            CompletableFuture<AcquireReply> unused = decided.whenComplete((reply, error) -> {
                if (reply != null) {
                    complete(reply);
                } else {
                    if (took) {
                        // The script would have left nothing.
                        CompletableFuture<Ownership> unusedAnswer = scripts.cancel(request.key(), request.token());
                    }
                    completeExceptionally(error);
                }
            });
        }
    }

    /** A release, until its outcome is known. */
    private final class Release extends CompletableFuture<Ownership> implements BiConsumer<Boolean, Throwable> {

        private final String key;
        private final String token;

        Release(String key, String token) {
            this.key = key;
            this.token = token;
        }

        @Override
        public void accept(@Nullable Boolean freed, @Nullable Throwable error) {
            if (freed == null) {
                completeExceptionally(error);
            } else if (freed) {
                complete(Ownership.HELD);
            } else {
                CompletableFuture<Ownership> unused = scripts.release(key, token, 0).whenComplete((ownership, failure) -> {
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
