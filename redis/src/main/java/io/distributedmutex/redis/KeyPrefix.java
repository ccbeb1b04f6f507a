package io.distributedmutex.redis;

import io.distributedmutex.spi.Checks;
import io.distributedmutex.spi.Messages;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What the Redis key of each lock of a store begins with; it decides which keys in Redis are locks of that store. */
final class KeyPrefix {

    private static final int MAXIMUM_PREFIX = 128;

    static final KeyPrefix DEFAULT = of("lock:");

    private final String text;

    /** Whether a user's key can be such that its lock would be a companion: with an empty prefix above all. */
    private final boolean companionsBeginWithIt;

    private KeyPrefix(String text) {
        this.text = text;
        this.companionsBeginWithIt = LockKeys.COMPANIONS.startsWith(text);
    }

    /**
     * Checks a prefix.
     *
     * @param text what a user chose, which may be empty
     * @return the prefix
     * @throws IllegalArgumentException if it is too long, not well-formed Unicode, or begins as companions do
     */
    static KeyPrefix of(String text) {
        Objects.requireNonNull(text, "keyPrefix");
        if (!text.isEmpty()) {
            Checks.text("keyPrefix", text, MAXIMUM_PREFIX);
        }
        if (LockKeys.isCompanion(text)) {
            throw new IllegalArgumentException("keyPrefix must not begin with " + LockKeys.COMPANIONS
                    + ", as the keys do that stand beside locks, but is '" + Messages.shown(text) + "'");
        }
        return new KeyPrefix(text);
    }

    /** The prefix itself. */
    String text() {
        return text;
    }

    /** Whether a user's key cannot be locked, because its key in Redis would be a companion. */
    boolean isReserved(String key) {
        return companionsBeginWithIt && LockKeys.isCompanion(text + key);
    }

    /**
     * The user's key of a lock.
     *
     * @param redisKey any key in Redis
     * @return the key without the prefix; null if it is no lock of a store with this prefix
     */
    @Nullable
    String keyOf(String redisKey) {
        int length = redisKey.length() - text.length();
        boolean isLock = redisKey.startsWith(text)
                && length >= 1
                && length <= Checks.MAXIMUM_KEY_LENGTH
                && !LockKeys.isCompanion(redisKey);
        return isLock ? redisKey.substring(text.length()) : null;
    }
}
