package io.distributedmutex.redis;

import io.distributedmutex.LockInfo;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.Ownership;
import io.lettuce.core.RedisCommandExecutionException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Parses replies strictly. Each method takes the elements of a reply (a single value is a list of one, and null an element). It
 * throws {@link UnexpectedReplyException} for anything that the script cannot have said.
 */
final class Replies {

    static final int MAXIMUM_BLOCK = 1_000_000;

    private static final long HANDED_ON = 5;

    /** The characters of an instance's id, with which its tokens begin. */
    private static final int INSTANCE = 11;

    /** From here on fencing tokens would be 2^53 or more; see fence.lua. */
    private static final long LAST_MILLIS = 9_007_199_254_740L;

    private static final FastPath.Taken NOT_TAKEN = new FastPath.Taken(false, null, null);
    private static final FastPath.Taken DOUBTFUL = new FastPath.Taken(true, null, null);

    private Replies() {}

    static AcquireReply acquire(List<@Nullable Object> reply) {
        if (reply.size() == 1) {
            return new AcquireReply.Granted(fencingToken(reply, 0, 1), 1, null);
        }
        if (reply.size() < 4) {
            throw new UnexpectedReplyException("1 element, 4 or 5");
        }
        long code = integer(reply, 3);
        @Nullable Ownership released = code == 0 ? null : ownership(code);
        if (reply.size() == 4 && integer(reply, 0) == 1) {
            return new AcquireReply.Granted(fencingToken(reply, 1, 1), block(integer(reply, 2)), released);
        }
        if (reply.size() == 5 && integer(reply, 0) == 0) {
            OwnerValue owner = OwnerValue.parse(bytes(reply, 2));
            return new AcquireReply.Refused(
                    ttl(integer(reply, 1)),
                    owner == null ? null : owner.label(),
                    owner == null ? null : owner.token(),
                    fencingToken(reply, 4, 0),
                    released);
        }
        throw new UnexpectedReplyException("1 and 4 elements, or 0 and 5 elements");
    }

    /**
     * What the native commands of the fast path said: {@code SET}, {@code XADD}, {@code EXISTS}, {@code GETRANGE}.
     *
     * @throws RedisCommandExecutionException if the server refused, but for lack of a command or right
     */
    static FastPath.Taken taken(List<@Nullable Object> replies, String token) {
        if (replies.size() != 4) {
            throw new UnexpectedReplyException("a reply to each of 4 commands");
        }
        @Nullable Object set = replies.get(0);
        boolean took = set != null && !(set instanceof Part.ServerError);
        for (@Nullable Object each : replies) {
            if (each instanceof Part.ServerError error && isLacking(error.text())) {
                return new FastPath.Taken(took, null, error.text());
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
            return NOT_TAKEN;
        }
        long fencingToken = fencingToken(replies.get(1));
        boolean granted = fencingToken > 0
                && replies.get(2) instanceof Long queues
                && replies.get(3) instanceof byte[] value
                && FastPath.isGrant(OwnerValue.isTakenBy(value, token), queues != 0, OwnerValue.isFollowed(value));
        return granted ? new FastPath.Taken(true, new AcquireReply.Granted(fencingToken, 1, null), null) : DOUBTFUL;
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

    static Ownership ownership(List<@Nullable Object> reply) {
        return ownership(single(reply));
    }

    /** What release.lua says beyond the ownership: whether the lock went to a waiter. */
    static boolean isHandedOn(List<@Nullable Object> reply) {
        return single(reply) == HANDED_ON;
    }

    /** What free.lua says. */
    static FastPath.Freed freed(List<@Nullable Object> reply) {
        long freed = single(reply);
        if (freed < 0 || freed > 1) {
            throw new UnexpectedReplyException("0 or 1");
        }
        return freed == 1 ? FastPath.Freed.YES : FastPath.Freed.NO;
    }

    /**
     * What a native command that compares and deletes says. If it is odd, the script does that from now on.
     *
     * @throws RedisCommandExecutionException if the server refused, but for lack of the command or right
     */
    static FastPath.Freed freedNatively(List<@Nullable Object> replies) {
        @Nullable Object reply = replies.size() == 1 ? replies.get(0) : null;
        if (isFreed(reply, 1)) {
            return FastPath.Freed.YES;
        }
        if (isFreed(reply, 0)) {
            return FastPath.Freed.NO;
        }
        if (!(reply instanceof Part.ServerError error)) {
            return new FastPath.Freed(false, FastPath.Freeing.SCRIPT, "neither 0 nor 1");
        }
        if (error.text().contains("string type")) {
            // Redis 8.4 of a key that is no lock, which the script that follows tells.
            return FastPath.Freed.NO;
        }
        if (isForGood(error)) {
            return new FastPath.Freed(false, FastPath.Freeing.SCRIPT, error.text());
        }
        throw new RedisCommandExecutionException(error.text());
    }

    /**
     * What all that can compare and delete says, one after the other: {@code DELIFEQ}, {@code DELEX} and free.lua. A command is
     * believed that said it has deleted the key where the script found nothing left to delete.
     *
     * @throws RedisCommandExecutionException if the server refused the script
     */
    static FastPath.Freed freedByAll(List<@Nullable Object> replies) {
        if (replies.size() != 3) {
            throw new UnexpectedReplyException("a reply to each of 3 commands");
        }
        @Nullable Object script = replies.get(2);
        if (script instanceof Part.ServerError error) {
            throw new RedisCommandExecutionException(error.text());
        }
        if (isFreed(script, 1)) {
            return new FastPath.Freed(true, FastPath.Freeing.SCRIPT, said(replies.get(0)));
        }
        if (!isFreed(script, 0)) {
            throw new UnexpectedReplyException("0 or 1");
        }
        if (isFreed(replies.get(0), 1)) {
            return new FastPath.Freed(true, FastPath.Freeing.DELIFEQ, null);
        }
        if (isFreed(replies.get(1), 1)) {
            return new FastPath.Freed(true, FastPath.Freeing.DELEX, null);
        }
        boolean isHopeless = replies.get(0) instanceof Part.ServerError one
                && isForGood(one)
                && replies.get(1) instanceof Part.ServerError other
                && isForGood(other);
        return isHopeless
                ? new FastPath.Freed(false, FastPath.Freeing.SCRIPT, said(replies.get(0)))
                : FastPath.Freed.NO;
    }

    private static boolean isFreed(@Nullable Object reply, long expected) {
        return reply instanceof Long freed && freed == expected;
    }

    /** Whether an error means that the server, or this user, has no such command. Those that pass have codes of their own. */
    private static boolean isForGood(Part.ServerError error) {
        return error.text().startsWith("NOPERM") || error.text().startsWith("ERR ");
    }

    private static String said(@Nullable Object reply) {
        return reply instanceof Part.ServerError error ? error.text() : "it has deleted what was still there";
    }

    /** What EXISTS says of one key. */
    static boolean isThere(List<@Nullable Object> reply) {
        return single(reply) > 0;
    }

    private static long single(List<@Nullable Object> reply) {
        if (reply.size() != 1) {
            throw new UnexpectedReplyException("1 element");
        }
        return integer(reply, 0);
    }

    static Optional<LockInfo> lockInfo(String key, List<@Nullable Object> reply) {
        if (reply.size() == 1 && reply.get(0) == null) {
            return Optional.empty();
        }
        if (reply.size() != 3) {
            throw new UnexpectedReplyException("3 elements or none");
        }
        OwnerValue owner = OwnerValue.parse(bytes(reply, 0));
        long remainingMillis = ttl(integer(reply, 1));
        long waiters = integer(reply, 2);
        if (waiters < 0) {
            throw new UnexpectedReplyException("0 waiters or more");
        }
        return Optional.of(new LockInfo(
                key,
                owner == null ? Optional.empty() : Optional.of(owner.label()),
                owner == null || owner.fencingToken() == 0
                        ? OptionalLong.empty()
                        : OptionalLong.of(owner.fencingToken()),
                remainingMillis < 0 ? Optional.empty() : Optional.of(Duration.ofMillis(remainingMillis)),
                (int) Math.min(waiters, Integer.MAX_VALUE)));
    }

    /** The id of the instance that holds a key, from what {@link #lockInfo} is made of; empty if none of ours does. */
    static Optional<String> holder(List<@Nullable Object> reply) {
        if (reply.size() == 1 && reply.get(0) == null) {
            return Optional.empty();
        }
        OwnerValue owner = OwnerValue.parse(bytes(reply, 0));
        return Optional.ofNullable(owner).map(OwnerValue::token).map(token -> token.substring(0, INSTANCE));
    }

    static byte[] bytes(List<@Nullable Object> reply, int index) {
        if (reply.get(index) instanceof byte[] bytes) {
            return bytes;
        }
        throw new UnexpectedReplyException("text as element " + index);
    }

    private static long integer(List<@Nullable Object> reply, int index) {
        if (reply.get(index) instanceof Long integer) {
            return integer;
        }
        throw new UnexpectedReplyException("an integer as element " + index);
    }

    /** Whether anybody received what was published. */
    static Boolean received(List<@Nullable Object> reply) {
        if (reply.size() != 1 || integer(reply, 0) < 0) {
            throw new UnexpectedReplyException("how many received it");
        }
        return integer(reply, 0) > 0;
    }

    private static Ownership ownership(long code) {
        if (code == 1) {
            return Ownership.HELD;
        }
        if (code == 2) {
            return Ownership.TAKEN;
        }
        if (code == 3) {
            return Ownership.GONE;
        }
        if (code == 4) {
            return Ownership.STORE_LOST;
        }
        throw new UnexpectedReplyException("an ownership from 1 to 4");
    }

    private static long fencingToken(List<@Nullable Object> reply, int index, long minimum) {
        try {
            long token = Long.parseLong(new String(bytes(reply, index), StandardCharsets.US_ASCII));
            if (token >= minimum && token <= OwnerValue.MAXIMUM_FENCING_TOKEN) {
                return token;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new UnexpectedReplyException("a fencing token as element " + index);
    }

    private static int block(long count) {
        if (count < 1 || count > MAXIMUM_BLOCK) {
            throw new UnexpectedReplyException("1 to " + MAXIMUM_BLOCK + " fencing tokens");
        }
        return (int) count;
    }

    /** PTTL says -1 for no expiry, and -2 if the key is gone, which is no time left. */
    private static long ttl(long millis) {
        return millis == -2 ? 0 : Math.max(millis, -1);
    }
}
