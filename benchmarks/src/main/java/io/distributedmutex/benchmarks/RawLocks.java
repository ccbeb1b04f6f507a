package io.distributedmutex.benchmarks;

import io.distributedmutex.redis.StoreScripts;
import io.lettuce.core.RedisClient;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;

/**
 * The limit: the two scripts that an uncontended pair of ours cannot do without, sent by hand on one connection of
 * Lettuce, with no engine around them. No lock that anybody should use: it does not wait.
 */
final class RawLocks implements Locks {

    private final RedisClient client;
    private final StatefulRedisConnection<String, String> connection;
    private final RedisCommands<String, String> commands;
    private final String acquire;
    private final String release;

    RawLocks(String uri) {
        client = RedisClient.create(uri);
        connection = client.connect();
        commands = connection.sync();
        acquire = commands.scriptLoad(StoreScripts.acquire());
        release = commands.scriptLoad(StoreScripts.release());
    }

    @Override
    public Held lock(String key, long leaseMillis) {
        String token = ByHand.newToken();
        String[] keys = {"lock:" + key, "dmutex:{bar}:queue:" + key, "dmutex:{bar}:waiters:" + key, "dmutex:{bar}:fence"
        };
        commands.evalsha(
                acquire, ScriptOutputType.VALUE, keys, token, Long.toString(leaseMillis), "host:1234", "AAAAAAAAAAA");
        return () -> commands.evalsha(release, ScriptOutputType.INTEGER, keys, token);
    }

    @Override
    public void close() {
        connection.close();
        client.shutdown();
    }
}
