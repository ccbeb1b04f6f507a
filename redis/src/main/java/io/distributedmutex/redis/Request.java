package io.distributedmutex.redis;

import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.output.NestedMultiOutput;
import io.lettuce.core.protocol.Command;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What to send for one operation: bytes all through, so that nothing depends on how a text is decoded. */
final class Request {

    private final String operation;
    private final @Nullable String key;
    private final CommandType type;
    private final @Nullable Script script;
    private final @Nullable LockKeys keys;
    private final byte[][] values;

    private Request(
            String operation,
            @Nullable String key,
            CommandType type,
            @Nullable Script script,
            @Nullable LockKeys keys,
            byte[]... values) {
        this.operation = operation;
        this.key = key;
        this.type = type;
        this.script = script;
        this.keys = keys;
        this.values = values;
    }

    /** Runs a script on the keys of a lock. */
    static Request script(Script script, String key, LockKeys keys, byte[]... values) {
        return new Request(script.operation(), key, CommandType.EVALSHA, script, keys, values);
    }

    /** Any other command. */
    static Request command(String operation, CommandType type, byte[]... values) {
        return new Request(operation, null, type, null, null, values);
    }

    /** What the operation is called in messages. */
    String operation() {
        return operation;
    }

    /** The user's key, if the operation is about one. */
    @Nullable
    String key() {
        return key;
    }

    /** The command to send. */
    Command<byte[], byte[], List<Object>> command() {
        CommandArgs<byte[], byte[]> arguments = new CommandArgs<>(ByteArrayCodec.INSTANCE);
        return complete(type, script == null ? arguments : arguments.add(script.digest()));
    }

    /** The command to send if the server does not know the script, which makes it known; null if there is no script. */
    @Nullable
    Command<byte[], byte[], List<Object>> commandWithText() {
        return script == null
                ? null
                : complete(CommandType.EVAL, new CommandArgs<>(ByteArrayCodec.INSTANCE).add(script.text()));
    }

    /** A text as an argument. */
    static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** A number as an argument. */
    static byte[] number(long number) {
        return Long.toString(number).getBytes(StandardCharsets.US_ASCII);
    }

    private Command<byte[], byte[], List<Object>> complete(CommandType type, CommandArgs<byte[], byte[]> arguments) {
        if (keys != null) {
            arguments
                    .add(4)
                    .addKey(keys.lock())
                    .addKey(keys.queue())
                    .addKey(keys.waiters())
                    .addKey(keys.fence());
        }
        for (byte[] value : values) {
            arguments.add(value);
        }
        return new Command<>(type, new BoundedOutput(), arguments);
    }

    /** Believes the number of elements that a reply announces only as they come: Lettuce makes room for all at once. */
    private static final class BoundedOutput extends NestedMultiOutput<byte[], byte[]> {

        private static final int ROOM = 64;

        BoundedOutput() {
            super(ByteArrayCodec.INSTANCE);
        }

        @Override
        public void multi(int count) {
            super.multi(Math.min(count, ROOM));
        }
    }
}
