package io.distributedmutex.redis;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The Lua scripts: one for each operation, with its includes in place. */
final class Script {

    private static final Pattern INCLUDE = Pattern.compile("(?m)^-- include (\\w+)$");

    static final Script ACQUIRE = new Script("acquire");
    static final Script RELEASE = new Script("release");
    static final Script CANCEL = new Script("cancel");
    static final Script RENEW = new Script("renew");
    static final Script INSPECT = new Script("inspect");
    static final Script FORCE_RELEASE = new Script("force_release");

    /** The short form of a release. */
    static final Script FREE = new Script("free", "release");

    /** Not an operation: what {@link StartCheck} sends. */
    static final Script PROBE = new Script("probe");

    private final String operation;
    private final byte[] text;
    private final byte[] call;
    private final byte[] callWithText;

    private Script(String file) {
        this(file, file.replace('_', ' '));
    }

    private Script(String file, String operation) {
        this.operation = operation;
        this.text = withIncludes(file).getBytes(StandardCharsets.UTF_8);
        this.call = encoded(new Arguments().add("EVALSHA").add(sha1(text)));
        this.callWithText = encoded(new Arguments().add("EVAL").add(text));
    }

    /** What the operation is called in messages. */
    String operation() {
        return operation;
    }

    /** The script itself. Not to be changed. */
    byte[] text() {
        return text;
    }

    /** The command EVALSHA with the SHA-1 of the text, as bulk strings of RESP. Not to be changed. */
    byte[] call() {
        return call;
    }

    /** The command EVAL with the text, which makes the script known, as bulk strings of RESP. Not to be changed. */
    byte[] callWithText() {
        return callWithText;
    }

    private static byte[] encoded(Arguments arguments) {
        return Arrays.copyOf(arguments.bytes(), arguments.length());
    }

    /** A file of the scripts with its includes in place, and theirs. */
    static String withIncludes(String file) {
        return INCLUDE.matcher(read(file))
                .replaceAll(include -> Matcher.quoteReplacement(withIncludes(include.group(1))));
    }

    /** A file of the scripts as it is. */
    static String read(String file) {
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
