package io.distributedmutex.redis;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What the store's scripts are called in EVALSHA, for tests in other packages. */
public final class ScriptDigests {

    private ScriptDigests() {}

    /** The names of the scripts, such as {@code force_release}, by their digests. */
    public static Map<String, String> names() {
        return Stream.of(
                        Script.ACQUIRE,
                        Script.RELEASE,
                        Script.FREE,
                        Script.RENEW,
                        Script.CANCEL,
                        Script.INSPECT,
                        Script.FORCE_RELEASE)
                .collect(Collectors.toMap(
                        script -> digest(script.text()),
                        script -> script == Script.FREE
                                ? "free"
                                : script.operation().replace(' ', '_')));
    }

    private static String digest(byte[] text) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(text));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-1", e);
        }
    }
}
