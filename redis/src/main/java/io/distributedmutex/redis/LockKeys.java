package io.distributedmutex.redis;

import io.lettuce.core.cluster.SlotHash;
import java.nio.charset.StandardCharsets;

/**
 * The keys in Redis of one lock: the lock itself and its companions, all in one slot of Redis Cluster.
 *
 * <p>Slot and companions follow from the lock's bytes alone, so that every client finds the same ones.
 */
final class LockKeys {

    /** What the names of all companions begin with, and of nothing else. */
    static final String COMPANIONS = "dmutex:{";

    private static final byte[] BEFORE_TAG = ascii(COMPANIONS);
    private static final byte[] QUEUE = ascii("}:queue:");
    private static final byte[] WAITERS = ascii("}:waiters:");
    private static final byte[] FENCE = ascii("}:fence");
    private static final byte[] NOTHING = {};

    private final byte[] lock;
    private final byte[] tag;

    private LockKeys(byte[] lock) {
        this.lock = lock;
        this.tag = ascii(SlotTags.tagOf(SlotHash.getSlot(lock)));
    }

    /**
     * The keys of a lock.
     *
     * @param lockKey the prefix and the user's key
     * @return its keys
     */
    static LockKeys of(String lockKey) {
        return new LockKeys(lockKey.getBytes(StandardCharsets.UTF_8));
    }

    /** STRING: the owner. */
    byte[] lock() {
        return lock;
    }

    /** ZSET: who waits. */
    byte[] queue() {
        return companion(QUEUE, lock);
    }

    /** HASH: who of them has polled, or waits in an unusual way. */
    byte[] waiters() {
        return companion(WAITERS, lock);
    }

    /** STREAM: the last fencing token of the slot. */
    byte[] fence() {
        return companion(FENCE, NOTHING);
    }

    /** The fence counter of a slot. */
    static byte[] fenceOf(int slot) {
        return ascii(COMPANIONS + SlotTags.tagOf(slot) + "}:fence");
    }

    /** Whether a key in Redis is a companion, and so never a lock. */
    static boolean isCompanion(String redisKey) {
        return redisKey.startsWith(COMPANIONS);
    }

    private byte[] companion(byte[] afterTag, byte[] end) {
        byte[] name = new byte[BEFORE_TAG.length + tag.length + afterTag.length + end.length];
        int length = append(name, 0, BEFORE_TAG);
        length = append(name, length, tag);
        length = append(name, length, afterTag);
        append(name, length, end);
        return name;
    }

    private static int append(byte[] target, int length, byte[] more) {
        System.arraycopy(more, 0, target, length, more.length);
        return length + more.length;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
