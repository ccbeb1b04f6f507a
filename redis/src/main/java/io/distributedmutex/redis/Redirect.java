package io.distributedmutex.redis;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a node of a cluster says instead of an answer: another one serves that. It has done nothing.
 *
 * @param isForGood whether the slot has moved ({@code MOVED}); else it is moving, and this request alone is to go there
 *     ({@code ASK})
 * @param slot the slot
 * @param to who serves it
 */
record Redirect(boolean isForGood, int slot, NodeAddress to) {

    private static final Pattern TEXT = Pattern.compile("(MOVED|ASK) (\\d{1,5}) (\\S{0,255}):(\\d{1,5})");

    /**
     * Reads what a request failed with.
     *
     * @param error the error, or one that wraps it
     * @param from who said it
     * @return the redirect; null if it is none
     */
    static @Nullable Redirect in(Throwable error, NodeAddress from) {
        return in(RedisErrors.saidIn(error), from);
    }

    /** As {@link #in(Throwable, NodeAddress)}, of the text of an error. */
    static @Nullable Redirect in(String said, NodeAddress from) {
        if (!isOne(said)) {
            return null;
        }
        Matcher parts = TEXT.matcher(said);
        if (!parts.lookingAt()) {
            return null;
        }
        int slot = Integer.parseInt(parts.group(2));
        NodeAddress to = NodeAddress.told(parts.group(3), Integer.parseInt(parts.group(4)), from);
        return slot < ClusterSlots.COUNT && to != null
                ? new Redirect(parts.group(1).equals("MOVED"), slot, to)
                : null;
    }

    static boolean isOne(String said) {
        return said.startsWith("MOVED ") || said.startsWith("ASK ");
    }
}
