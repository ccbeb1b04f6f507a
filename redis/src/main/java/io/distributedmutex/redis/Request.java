package io.distributedmutex.redis;

import io.lettuce.core.protocol.CommandType;
import io.lettuce.core.protocol.ProtocolKeyword;
import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What to send for one operation. Bytes only, so that nothing depends on how a text is decoded. */
final class Request {

    private static final byte[] ASKING = "*1\r\n$6\r\nASKING\r\n".getBytes(StandardCharsets.US_ASCII);

    private final String operation;
    private final @Nullable String key;
    private final CommandType type;
    private final @Nullable Script script;
    private final @Nullable Pipeline pipeline;
    private final Arguments arguments;

    /** Whether the command {@code ASKING} goes before it, which lets a node serve a slot that is moving to it. */
    private final boolean isAsking;

    private Request(
            String operation,
            @Nullable String key,
            CommandType type,
            @Nullable Script script,
            @Nullable Pipeline pipeline,
            Arguments arguments,
            boolean isAsking) {
        this.operation = operation;
        this.key = key;
        this.type = type;
        this.script = script;
        this.pipeline = pipeline;
        this.arguments = arguments;
        this.isAsking = isAsking;
    }

    /** Native commands that go out together. */
    static final class Pipeline {

        private final List<CommandType> types;
        private final int start;
        private final int[] ends;

        /** Whether it is one command of several, sent alone: its error is that of the request. */
        private final boolean isAlone;

        /**
         * Commands that are yet to be added.
         *
         * @param types what they are called
         */
        Pipeline(List<CommandType> types) {
            this(types, 0, new int[types.size()], false);
        }

        private Pipeline(List<CommandType> types, int start, int[] ends, boolean isAlone) {
            this.isAlone = isAlone;
            this.types = types;
            this.start = start;
            this.ends = ends;
        }

        int start(int index) {
            return index == 0 ? start : ends[index - 1];
        }

        /** So many bytes of the arguments are those of the commands up to this one. */
        void end(int index, int length) {
            ends[index] = length;
        }
    }

    /**
     * Runs a script.
     *
     * @param script which
     * @param key the user's key
     * @param arguments what follows the script: the number of keys, the keys, the values
     */
    static Request script(Script script, String key, Arguments arguments) {
        return new Request(script.operation(), key, CommandType.EVALSHA, script, null, arguments, false);
    }

    /** Any other command. */
    static Request command(String operation, CommandType type, Arguments arguments) {
        return new Request(operation, null, type, null, null, arguments, false);
    }

    /** A native command about a key. */
    static Request single(String operation, String key, CommandType type, Arguments arguments) {
        return new Request(operation, key, type, null, null, arguments, false);
    }

    /**
     * Several native commands in one write. The last is the request's own; the others are its {@link Part}s.
     *
     * @param operation what they do together
     * @param key the user's key; null if they are not about one
     * @param pipeline the commands
     * @param arguments all commands, each {@linkplain Arguments#begin begun} with its name
     */
    static Request pipeline(String operation, @Nullable String key, Pipeline pipeline, Arguments arguments) {
        CommandType own = pipeline.types.get(pipeline.types.size() - 1);
        return new Request(operation, key, own, null, pipeline, arguments, false);
    }

    /** The same for a node to which the slot is moving. It must be one command. */
    Request asking() {
        if (commands() > 1) {
            throw new IllegalStateException(operation + " is several commands");
        }
        return new Request(operation, key, type, script, pipeline, arguments, true);
    }

    /** One of the commands of a pipeline, as a request of its own. */
    Request single(int index) {
        Pipeline commands = Objects.requireNonNull(pipeline, "no parts");
        CommandType own = commands.types.get(index);
        Pipeline one = new Pipeline(List.of(own), commands.start(index), new int[] {commands.ends[index]}, true);
        return new Request(operation, key, own, null, one, arguments, false);
    }

    /** What the operation is called in messages. */
    String operation() {
        return operation;
    }

    /** Whether it only gives a lease back. */
    boolean isRelease() {
        return operation.equals(Script.RELEASE.operation());
    }

    /** The user's key, if the operation is about one. */
    @Nullable
    String key() {
        return key;
    }

    ProtocolKeyword type() {
        return type;
    }

    /** Whether it runs a script, which the server may not know yet. */
    boolean isScript() {
        return script != null;
    }

    /** Whether it consists of native commands, so that their errors are replies for it to read. */
    boolean isPipeline() {
        return pipeline != null && !pipeline.isAlone;
    }

    /** How many commands it is itself. */
    int commands() {
        return pipeline == null ? 1 : pipeline.types.size();
    }

    /** How many commands go before its last. */
    int parts() {
        return commands() - 1 + (isAsking ? 1 : 0);
    }

    /** What a command is called that goes before its last. */
    ProtocolKeyword typeOf(int part) {
        return isAsking
                ? CommandType.ASKING
                : Objects.requireNonNull(pipeline, "no parts").types.get(part);
    }

    /** Writes a command that goes before its last. */
    void encodePart(int part, ByteBuf target) {
        if (isAsking) {
            target.writeBytes(ASKING);
        } else {
            encodeCommand(part, target);
        }
    }

    private void encodeCommand(int index, ByteBuf target) {
        Pipeline commands = Objects.requireNonNull(pipeline, "no parts");
        if (index == 0) {
            // Room for all at once: Lettuce makes little where several commands share a buffer.
            target.ensureWritable(arguments.length());
        }
        int start = commands.start(index);
        target.writeBytes(arguments.bytes(), start, commands.ends[index] - start);
    }

    /**
     * Writes the command as RESP.
     *
     * @param withText with the script's text, which makes it known to the server, instead of its digest
     * @param target where to
     */
    void encode(boolean withText, ByteBuf target) {
        if (pipeline != null) {
            encodeCommand(commands() - 1, target);
            return;
        }
        Script script = this.script;
        target.writeBytes(Arguments.head(arguments.count() + (script == null ? 1 : 2)));
        if (script == null) {
            Arguments name = new Arguments().add(type.getBytes());
            target.writeBytes(name.bytes(), 0, name.length());
        } else {
            target.writeBytes(withText ? script.callWithText() : script.call());
        }
        target.writeBytes(arguments.bytes(), 0, arguments.length());
    }
}
