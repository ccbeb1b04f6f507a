package io.distributedmutex.redis;

import io.lettuce.core.protocol.CommandType;
import io.lettuce.core.protocol.ProtocolKeyword;
import io.netty.buffer.ByteBuf;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What to send for one operation. Bytes only, so that nothing depends on how a text is decoded. */
final class Request {

    private final String operation;
    private final @Nullable String key;
    private final CommandType type;
    private final @Nullable Script script;
    private final @Nullable Pipeline pipeline;
    private final Arguments arguments;

    private Request(
            String operation,
            @Nullable String key,
            CommandType type,
            @Nullable Script script,
            @Nullable Pipeline pipeline,
            Arguments arguments) {
        this.operation = operation;
        this.key = key;
        this.type = type;
        this.script = script;
        this.pipeline = pipeline;
        this.arguments = arguments;
    }

    /** Native commands that go out together. */
    static final class Pipeline {

        private final List<CommandType> types;
        private final int[] ends;

        /**
         * Commands that are yet to be added.
         *
         * @param types what they are called
         */
        Pipeline(List<CommandType> types) {
            this.types = types;
            this.ends = new int[types.size()];
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
        return new Request(script.operation(), key, CommandType.EVALSHA, script, null, arguments);
    }

    /** Any other command. */
    static Request command(String operation, CommandType type, Arguments arguments) {
        return new Request(operation, null, type, null, null, arguments);
    }

    /**
     * Several native commands in one write. The last is the request's own; the others are its {@link Part}s.
     *
     * @param operation what they do together
     * @param key the user's key
     * @param pipeline the commands
     * @param arguments all commands, each {@linkplain Arguments#begin begun} with its name
     */
    static Request pipeline(String operation, String key, Pipeline pipeline, Arguments arguments) {
        CommandType own = pipeline.types.get(pipeline.types.size() - 1);
        return new Request(operation, key, own, null, pipeline, arguments);
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

    ProtocolKeyword type() {
        return type;
    }

    /** Whether it runs a script, which the server may not know yet. */
    boolean isScript() {
        return script != null;
    }

    /** Whether it consists of native commands, so that their errors are replies for it to read. */
    boolean isPipeline() {
        return pipeline != null;
    }

    /** How many commands go before its own. */
    int parts() {
        return pipeline == null ? 0 : pipeline.types.size() - 1;
    }

    /** What a command is called that goes before its own. */
    ProtocolKeyword typeOf(int part) {
        return Objects.requireNonNull(pipeline, "no parts").types.get(part);
    }

    /** Writes a command that goes before its own, or as the last its own. */
    void encodePart(int part, ByteBuf target) {
        int[] ends = Objects.requireNonNull(pipeline, "no parts").ends;
        int start = part == 0 ? 0 : ends[part - 1];
        target.writeBytes(arguments.bytes(), start, ends[part] - start);
    }

    /**
     * Writes the command as RESP.
     *
     * @param withText with the script's text, which makes it known to the server, instead of its digest
     * @param target where to
     */
    void encode(boolean withText, ByteBuf target) {
        if (pipeline != null) {
            encodePart(parts(), target);
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
