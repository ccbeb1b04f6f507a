package io.distributedmutex.redis;

import io.distributedmutex.spi.Messages;
import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.sync.RedisScriptingCommands;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A script of ours that writes data of the application only if something allows it.
 *
 * @param text the script
 * @param digest what it is called in EVALSHA
 */
record GuardedWrite(String text, String digest) {

    static GuardedWrite of(String text, RedisScriptingCommands<String, String> redis) {
        return new GuardedWrite(text, redis.digest(text));
    }

    /** Runs it, and makes it known to the server where that is needed. */
    List<?> run(RedisScriptingCommands<String, String> redis, List<String> keys, List<String> arguments) {
        String[] allKeys = keys.toArray(String[]::new);
        String[] allArguments = arguments.toArray(String[]::new);
        try {
            return redis.evalsha(digest, ScriptOutputType.MULTI, allKeys, allArguments);
        } catch (RedisNoScriptException e) {
            return redis.eval(text, ScriptOutputType.MULTI, allKeys, allArguments);
        }
    }

    /** Fields and values of a hash as HSET takes them. */
    static String[] words(String key, Map<String, String> fields) {
        if (fields.isEmpty()) {
            throw new IllegalArgumentException("no field is given for '" + Messages.shown(key) + "'");
        }
        List<String> words = new ArrayList<>();
        fields.forEach((field, value) -> {
            words.add(field);
            words.add(value);
        });
        return words.toArray(String[]::new);
    }
}
