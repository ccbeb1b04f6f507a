package io.distributedmutex.benchmarks;

import io.distributedmutex.redis.RedisMutex;
import io.lettuce.core.RedisClient;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The limit: the two scripts that an uncontended pair of ours cannot do without, sent by hand on one connection of
 * Lettuce, with no engine around them. No lock that anybody should use: it does not wait.
 */
final class RawLocks implements Locks {

    private static final Pattern INCLUDE = Pattern.compile("(?m)^-- include (\\w+)$");

    private final RedisClient client;
    private final StatefulRedisConnection<String, String> connection;
    private final RedisCommands<String, String> commands;
    private final String acquire;
    private final String release;

    RawLocks(String uri) {
        client = RedisClient.create(uri);
        connection = client.connect();
        commands = connection.sync();
        acquire = commands.scriptLoad(script("acquire"));
        release = commands.scriptLoad(script("release"));
    }

    @Override
    public Held lock(String key, long leaseMillis) {
        String token = ByHand.newToken();
        String[] keys = {"lock:" + key, "dmutex:{bar}:queue:" + key, "dmutex:{bar}:waiters:" + key, "dmutex:{bar}:fence"
        };
        commands.evalsha(
                acquire,
                ScriptOutputType.VALUE,
                keys,
                token,
                Long.toString(leaseMillis),
                "host:1234",
                "AAAAAAAAAAAAAAAAAAAAAA|2000|2000");
        return () -> commands.evalsha(release, ScriptOutputType.INTEGER, keys, token);
    }

    @Override
    public void close() {
        connection.close();
        client.shutdown();
    }

    private static String script(String name) {
        return INCLUDE.matcher(read(name)).replaceAll(include -> Matcher.quoteReplacement(read(include.group(1))));
    }

    private static String read(String name) {
        try (InputStream stream = RedisMutex.class.getResourceAsStream("scripts/" + name + ".lua")) {
            if (stream == null) {
                throw new IllegalStateException("no script " + name);
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
