package io.distributedmutex.internal;

import io.distributedmutex.spi.Environment;
import java.nio.ByteBuffer;
import java.util.Base64;

/**
 * An owner's token: 64 random bits of the instance, and 64 of the acquisition. The store sees them as 22 characters of
 * base64url, 11 for each half; so whoever sees a token knows the instance.
 */
record Token(long instance, long acquisition) {

    private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();

    /** The characters of a half. */
    static final int HALF = 11;

    /** The characters of a token. */
    static final int LENGTH = 2 * HALF;

    /** The log shows so many. */
    private static final int SHOWN = 6;

    /** One that no other acquisition has. */
    static Token draw(Environment environment, long instance) {
        return new Token(instance, drawHalf(environment));
    }

    /** 64 bits that nobody else draws. */
    static long drawHalf(Environment environment) {
        ByteBuffer bits = ByteBuffer.allocate(Long.BYTES);
        environment.randomBytes(bits.array());
        return bits.getLong();
    }

    /** As the store sees it. */
    String text() {
        return half(instance) + half(acquisition);
    }

    static String half(long bits) {
        return BASE64.encodeToString(
                ByteBuffer.allocate(Long.BYTES).putLong(bits).array());
    }

    /** The id of the instance that drew a token, which may be anybody's text. */
    static String instanceOf(String token) {
        return token.substring(0, Math.min(HALF, token.length()));
    }

    /** What the log shows of a token: enough to find it, too little to use it. All tokens of an instance begin alike. */
    static String excerpt(String token) {
        return token.length() == LENGTH
                ? token.substring(HALF, HALF + SHOWN)
                : token.substring(0, Math.min(SHOWN, token.length()));
    }
}
