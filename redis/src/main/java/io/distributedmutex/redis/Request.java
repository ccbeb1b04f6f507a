package io.distributedmutex.redis;

import io.lettuce.core.protocol.CommandType;
import io.lettuce.core.protocol.ProtocolKeyword;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** What to send for one operation. Bytes only, so that nothing depends on how a text is decoded. */
final class Request {

    private final String operation;
    private final @Nullable String key;
    private final CommandType type;
    private final @Nullable Script script;
    private final Arguments arguments;

    private Request(
            String operation, @Nullable String key, CommandType type, @Nullable Script script, Arguments arguments) {
        this.operation = operation;
        this.key = key;
        this.type = type;
        this.script = script;
        this.arguments = arguments;
    }

    /**
     * Runs a script.
     *
     * @param script which
     * @param key the user's key
     * @param arguments what follows the script: the number of keys, the keys, the values
     */
    static Request script(Script script, String key, Arguments arguments) {
        return new Request(script.operation(), key, CommandType.EVALSHA, script, arguments);
    }

    /** Any other command. */
    static Request command(String operation, CommandType type, Arguments arguments) {
        return new Request(operation, null, type, null, arguments);
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

    /**
     * Writes the command as RESP.
     *
     * @param withText with the script's text, which makes it known to the server, instead of its digest
     * @param target where to
     */
    void encode(boolean withText, ByteBuf target) {
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
