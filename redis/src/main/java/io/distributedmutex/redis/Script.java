package io.distributedmutex.redis;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** The Lua scripts: one for each operation, sent as the text that all share followed by its own. */
final class Script {

    static final Script ACQUIRE = new Script("acquire");
    static final Script RELEASE = new Script("release");
    static final Script CANCEL = new Script("cancel");
    static final Script RENEW = new Script("renew");
    static final Script INSPECT = new Script("inspect");
    static final Script FORCE_RELEASE = new Script("force_release");

    private final String operation;
    private final byte[] text;
    private final byte[] digest;

    private Script(String file) {
        this.operation = file.replace('_', ' ');
        this.text = (read("common") + "\n" + read(file)).getBytes(StandardCharsets.UTF_8);
        this.digest = sha1(text);
    }

    /** What the operation is called in messages. */
    String operation() {
        return operation;
    }

    /** What EVAL takes. Not to be changed. */
    byte[] text() {
        return text;
    }

    /** What EVALSHA takes: the SHA-1 of the text in hexadecimal. Not to be changed. */
    byte[] digest() {
        return digest;
    }

    private static String read(String file) {
        String resource = "scripts/" + file + ".lua";
        try (InputStream stream = Script.class.getResourceAsStream(resource)) {
            if (stream == null) {
                throw new IllegalStateException("the jar of distributed-mutex-redis lacks " + resource);
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] sha1(byte[] text) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-1").digest(text);
            return HexFormat.of().formatHex(hash).getBytes(StandardCharsets.US_ASCII);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-1", e);
        }
    }
}
