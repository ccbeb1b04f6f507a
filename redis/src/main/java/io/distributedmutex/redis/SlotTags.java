package io.distributedmutex.redis;

import io.lettuce.core.cluster.SlotHash;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A short text for every slot of Redis Cluster that hashes to it: the smallest number whose digits to the base of 36 do.
 * As hash tag of a companion key, it puts the companion on the shard of its lock, whatever braces the lock's own name has.
 *
 * <p>The table is part of the protocol: instances of every version must agree on it.
 */
final class SlotTags {

    /** The bound of the search; the last slot is found well before it. */
    private static final int SEARCHED = 1_000_000;

    private static final int[] SMALLEST = smallestNumbers();

    private SlotTags() {}

    /**
     * The tag of a slot.
     *
     * @param slot from 0 to 16383
     * @return 1 to 4 characters
     */
    static String tagOf(int slot) {
        return text(SMALLEST[slot]);
    }

    private static int[] smallestNumbers() {
        int[] smallest = new int[SlotHash.SLOT_COUNT];
        Arrays.fill(smallest, -1);
        int found = 0;
        for (int number = 0; number < SEARCHED && found < smallest.length; number++) {
            int slot = SlotHash.getSlot(text(number).getBytes(StandardCharsets.US_ASCII));
            if (smallest[slot] < 0) {
                smallest[slot] = number;
                found++;
            }
        }
        if (found < smallest.length) {
            throw new IllegalStateException("no tag for " + (smallest.length - found) + " slots");
        }
        return smallest;
    }

    private static String text(int number) {
        return Integer.toString(number, Character.MAX_RADIX);
    }
}
