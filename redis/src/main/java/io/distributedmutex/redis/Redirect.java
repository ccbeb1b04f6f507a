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

    /** What a host is if the node does not know its own. */
    private static final String UNKNOWN_HOST = "?";

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
        int port = Integer.parseInt(parts.group(4));
        if (slot >= ClusterSlots.COUNT || port < 1 || port > NodeAddress.HIGHEST_PORT) {
            return null;
        }
        String host = parts.group(3);
        return new Redirect(
                parts.group(1).equals("MOVED"),
                slot,
                new NodeAddress(host.isEmpty() || host.equals(UNKNOWN_HOST) ? from.host() : host, port));
    }

    static boolean isOne(String said) {
        return said.startsWith("MOVED ") || said.startsWith("ASK ");
    }
}
