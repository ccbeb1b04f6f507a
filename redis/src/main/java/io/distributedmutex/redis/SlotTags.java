package io.distributedmutex.redis;

import io.lettuce.core.cluster.SlotHash;
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

    /** The digits of the greatest number that is searched: 1,000,000 is less than 36 to the power of 4. */
    private static final int LONGEST = 4;

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

    /**
     * The hash of a text is linear (CRC-16 that begins with 0): it is that of its characters, each with zeros for those behind it,
     * by exclusive or. Each process makes the search before its first lock, so it is to be fast.
     */
    private static int[] smallestNumbers() {
        int[][] slotOf = new int[LONGEST][Character.MAX_RADIX];
        for (int behind = 0; behind < LONGEST; behind++) {
            for (int digit = 0; digit < Character.MAX_RADIX; digit++) {
                byte[] text = new byte[1 + behind];
                text[0] = (byte) Character.forDigit(digit, Character.MAX_RADIX);
                slotOf[behind][digit] = SlotHash.getSlot(text);
            }
        }
        int[] smallest = new int[SlotHash.SLOT_COUNT];
        Arrays.fill(smallest, -1);
        int found = 0;
        // All numbers that differ in their last digit, then the next ones.
        for (int number = 0; number < SEARCHED && found < smallest.length; number += Character.MAX_RADIX) {
            int slotOfOthers = 0;
            int rest = number / Character.MAX_RADIX;
            for (int behind = 1; rest > 0; behind++) {
                slotOfOthers ^= slotOf[behind][rest % Character.MAX_RADIX];
                rest /= Character.MAX_RADIX;
            }
            for (int last = 0; last < Character.MAX_RADIX; last++) {
                int slot = slotOfOthers ^ slotOf[0][last];
                if (smallest[slot] < 0) {
                    smallest[slot] = number + last;
                    found++;
                }
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
