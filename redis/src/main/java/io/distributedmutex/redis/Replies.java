package io.distributedmutex.redis;

import io.distributedmutex.LockInfo;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.Ownership;
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

    static Ownership ownership(List<@Nullable Object> reply) {
        if (reply.size() != 1) {
            throw new UnexpectedReplyException("1 element");
        }
        return ownership(integer(reply, 0));
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
                owner == null ? OptionalLong.empty() : OptionalLong.of(owner.fencingToken()),
                remainingMillis < 0 ? Optional.empty() : Optional.of(Duration.ofMillis(remainingMillis)),
                (int) Math.min(waiters, Integer.MAX_VALUE)));
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
