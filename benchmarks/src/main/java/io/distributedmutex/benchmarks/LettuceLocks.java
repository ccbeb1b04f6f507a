package io.distributedmutex.benchmarks;

import io.lettuce.core.RedisClient;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.SetArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;

/** Written by hand: SET NX PX and compare-and-delete on the one connection that Lettuce's guide recommends to share. */
final class LettuceLocks implements Locks {

    private final RedisClient client;
    private final StatefulRedisConnection<String, String> connection;
    private final RedisCommands<String, String> commands;
    private final String script;

    LettuceLocks(String uri) {
        client = RedisClient.create(uri);
        connection = client.connect();
        commands = connection.sync();
        script = commands.scriptLoad(ByHand.COMPARE_AND_DELETE);
    }

    @Override
    public Held lock(String key, long leaseMillis) throws InterruptedException {
        String token = ByHand.newToken();
        SetArgs arguments = SetArgs.Builder.nx().px(leaseMillis);
        ByHand.spin(() -> commands.set(key, token, arguments) != null);
        return () -> commands.evalsha(script, ScriptOutputType.INTEGER, new String[] {key}, token);
    }

    @Override
    public void close() {
        connection.close();
        client.shutdown();
    }
}
