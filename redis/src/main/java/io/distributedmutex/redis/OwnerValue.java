package io.distributedmutex.redis;

import io.distributedmutex.spi.Checks;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The value of a lock that one of our instances wrote; the head of {@code scripts/common.lua} says in which forms. The token is
 * {@code -} when the lock is released already but kept taken for its minimum hold.
 *
 * @param token the owner's token; null if nobody owns it any more
 * @param fencingToken the owner's fencing token; 0 if the value does not tell it
 * @param label the owner's label
 */
record OwnerValue(@Nullable String token, long fencingToken, String label) {

    private static final int TOKEN_LENGTH = 22;

    /** The scripts give none that is larger. */
    static final long MAXIMUM_FENCING_TOKEN = Checks.MAXIMUM_FENCING_TOKEN;

    private static final int MAXIMUM_LABEL_CHARACTERS = 128;
    private static final int MAXIMUM_LABEL_BYTES = MAXIMUM_LABEL_CHARACTERS * 3;

    /**
     * Reads a value that anybody may have written.
     *
     * @param value any bytes
     * @return what one of ours wrote, or null if another library did
     */
    static @Nullable OwnerValue parse(byte[] value) {
        int tokenEnd = tokenEnd(value);
        if (tokenEnd < 0) {
            return null;
        }
        int position = tokenEnd + 1;
        long fencingToken = 0;
        if (value[tokenEnd] == '|') {
            while (position < value.length && value[position] >= '0' && value[position] <= '9') {
                fencingToken = fencingToken * 10 + (value[position] - '0');
                position++;
                if (fencingToken > MAXIMUM_FENCING_TOKEN) {
                    return null;
                }
            }
            if (fencingToken == 0 && position > tokenEnd + 1) {
                return null;
            }
        }
        if (position == value.length || value[position] != '|') {
            return null;
        }
        int labelBytes = value.length - position - 1;
        if (labelBytes > MAXIMUM_LABEL_BYTES) {
            return null;
        }
        String label = new String(value, position + 1, labelBytes, StandardCharsets.UTF_8);
        if (label.length() > MAXIMUM_LABEL_CHARACTERS) {
            return null;
        }
        String token = tokenEnd == TOKEN_LENGTH ? new String(value, 0, TOKEN_LENGTH, StandardCharsets.US_ASCII) : null;
        return new OwnerValue(token, fencingToken, label);
    }

    /** Whether a text has the form of a token. */
    static boolean isToken(String text) {
        return text.length() == TOKEN_LENGTH && text.chars().allMatch(OwnerValue::isBase64Url);
    }

    private static int tokenEnd(byte[] value) {
        if (value.length > 1 && value[0] == '-' && isEnd(value[1])) {
            return 1;
        }
        if (value.length <= TOKEN_LENGTH || !isEnd(value[TOKEN_LENGTH])) {
            return -1;
        }
        for (int i = 0; i < TOKEN_LENGTH; i++) {
            if (!isBase64Url(value[i])) {
                return -1;
            }
        }
        return TOKEN_LENGTH;
    }

    /** Whether a token took the lock without a script, and no script has granted it since. */
    static boolean isTakenBy(byte[] value, String token) {
        int length = token.length();
        if (value.length < length + 2 || !isEnd(value[length]) || value[length + 1] != '|') {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (value[i] != token.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    /** Whether somebody has queued since the owner took the lock without a script. */
    static boolean isFollowed(byte[] value) {
        return value.length > TOKEN_LENGTH && value[TOKEN_LENGTH] == '!';
    }

    private static boolean isEnd(byte separator) {
        return separator == '|' || separator == '!';
    }

    private static boolean isBase64Url(int character) {
        return (character >= 'A' && character <= 'Z')
                || (character >= 'a' && character <= 'z')
                || (character >= '0' && character <= '9')
                || character == '-'
                || character == '_';
    }
}
