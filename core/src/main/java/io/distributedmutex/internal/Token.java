package io.distributedmutex.internal;

import io.distributedmutex.spi.Environment;
import java.nio.ByteBuffer;
import java.util.Base64;

/** An owner's token: 128 random bits. The store sees them as 22 characters of unpadded base64url. */
record Token(long high, long low) {

    private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();

    /** One that nobody else has. */
    static Token draw(Environment environment) {
        ByteBuffer bits = ByteBuffer.allocate(2 * Long.BYTES);
        environment.randomBytes(bits.array());
        return new Token(bits.getLong(), bits.getLong());
    }

    /** As the store sees it. */
    String text() {
        return BASE64.encodeToString(
                ByteBuffer.allocate(2 * Long.BYTES).putLong(high).putLong(low).array());
    }

    /** What the log shows of a token: enough to find it, too little to use it. */
    static String prefix(String token) {
        return token.substring(0, Math.min(6, token.length()));
    }
}
