package io.distributedmutex.redis;

import io.distributedmutex.spi.Checks;
import org.jspecify.annotations.Nullable;

/**
 * A grant as it is pushed: {@code fencing token|how many|token|lock key}. Anybody may publish anything, so parsing is strict.
 *
 * @param key the user's key
 * @param token the waiter's token
 * @param fencingToken the lease's fencing token
 * @param fencingTokens how many consecutive numbers from it on may be used
 */
record Push(String key, String token, long fencingToken, int fencingTokens) {

    /** A fencing token, how many, a token, and what separates them. */
    private static final int MAXIMUM_HEAD = 16 + 7 + 22 + 3;

    /**
     * Reads a push.
     *
     * @param push any text
     * @param prefix of the store's locks
     * @return the grant; null if no store of ours can have pushed it
     */
    static @Nullable Push parse(String push, KeyPrefix prefix) {
        if (push.length() > MAXIMUM_HEAD + prefix.text().length() + Checks.MAXIMUM_KEY_LENGTH) {
            return null;
        }
        int first = push.indexOf('|');
        int second = push.indexOf('|', first + 1);
        int third = push.indexOf('|', second + 1);
        if (first < 0 || second < 0 || third < 0) {
            return null;
        }
        long fencingToken;
        int fencingTokens;
        try {
            fencingToken = Long.parseLong(push, 0, first, 10);
            fencingTokens = Integer.parseInt(push, first + 1, second, 10);
        } catch (NumberFormatException e) {
            return null;
        }
        if (fencingToken < 1
                || fencingToken > OwnerValue.MAXIMUM_FENCING_TOKEN
                || fencingTokens < 1
                || fencingTokens > Replies.MAXIMUM_BLOCK) {
            return null;
        }
        String token = push.substring(second + 1, third);
        String key = prefix.keyOf(push.substring(third + 1));
        return key != null && OwnerValue.isToken(token) ? new Push(key, token, fencingToken, fencingTokens) : null;
    }
}
