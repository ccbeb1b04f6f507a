package io.distributedmutex.redis.equivalence;

import io.lettuce.core.cluster.SlotHash;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which fencing token of the one side is which of the other. As numbers they differ; but where one side says the same number
 * again the other must too, and a new one must be above all that were given before in its slot, on either side.
 */
final class Fences {

    private final Map<Integer, Slot> slots = new HashMap<>();

    private static final class Slot {
        final Map<Long, Long> redisOf = new HashMap<>();
        final Map<Long, Long> inMemoryOf = new HashMap<>();
        long highestInMemory;
        long highestRedis;
        boolean counted;
    }

    /** Compares two fencing tokens that should be the same; null if they may be. */
    @Nullable
    String difference(String key, long inMemory, long redis) {
        Slot slot = slot(key);
        Long expected = slot.redisOf.get(inMemory);
        if (expected != null) {
            return expected == redis ? null : "fencing token " + inMemory + " was " + expected + ", now it is " + redis;
        }
        if (slot.inMemoryOf.containsKey(redis)) {
            return "fencing token " + redis + " in Redis was " + slot.inMemoryOf.get(redis) + " in memory, now it is "
                    + inMemory;
        }
        if (inMemory <= slot.highestInMemory || redis <= slot.highestRedis) {
            return "a fencing token that does not rise: " + inMemory + " after " + slot.highestInMemory + " in memory, "
                    + redis + " after " + slot.highestRedis + " in Redis";
        }
        slot.redisOf.put(inMemory, redis);
        slot.inMemoryOf.put(redis, inMemory);
        return null;
    }

    /**
     * Compares the fencing tokens of a grant that was repeated, where Redis had not kept the first one: it gives a new one.
     */
    @Nullable
    String differenceOfNew(String key, long inMemory, long redis) {
        Slot slot = slot(key);
        if (slot.redisOf.containsKey(inMemory) && redis > slot.highestRedis) {
            slot.redisOf.put(inMemory, redis);
            slot.inMemoryOf.put(redis, inMemory);
            slot.highestRedis = redis;
            return null;
        }
        return difference(key, inMemory, redis);
    }

    /**
     * Compares the counters before and after a request for a key; null if both sides counted on, or neither did.
     *
     * @param maySkip whether Redis may have counted for nothing: an attempt without a script draws a number in any case
     */
    @Nullable
    String difference(String key, Sides before, Sides after, boolean maySkip) {
        boolean countedInMemory = !after.inMemory()
                .lastFences()
                .get(key)
                .equals(before.inMemory().lastFences().get(key));
        for (String each : SequencePlan.KEYS) {
            boolean counts = countedInMemory && slot(each) == slot(key);
            boolean counted = !after.redis()
                    .lastFences()
                    .get(each)
                    .equals(before.redis().lastFences().get(each));
            if (counted && !counts && maySkip && slot(each) == slot(key)) {
                slot(key).counted = true;
                slot(key).highestRedis = after.redis().lastFences().get(key);
            } else if (counts != counted) {
                return "the fence counter for '" + each + "' should " + (counts ? "" : "not ") + "have counted: "
                        + before.redis().lastFences() + ", now " + after.redis().lastFences();
            }
        }
        if (countedInMemory) {
            slot(key).counted = true;
            slot(key).highestInMemory = after.inMemory().lastFences().get(key);
            slot(key).highestRedis = after.redis().lastFences().get(key);
        }
        return null;
    }

    /**
     * Whether the key's slot has a fence counter. In memory there is one for all slots, so a key that was never locked is
     * known there to be GONE when it is STORE_LOST in Redis; the SPI allows both.
     */
    boolean isCounted(String key) {
        return slot(key).counted;
    }

    /** A number was drawn from each counter. */
    void drawn() {
        SequencePlan.KEYS.forEach(key -> slot(key).counted = true);
    }

    void lost() {
        slots.values().forEach(slot -> slot.counted = false);
    }

    private Slot slot(String key) {
        return slots.computeIfAbsent(SlotHash.getSlot(key), number -> new Slot());
    }

    /** What is in both stores. */
    record Sides(Contents inMemory, Contents redis) {}
}
