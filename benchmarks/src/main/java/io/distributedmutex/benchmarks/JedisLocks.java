package io.distributedmutex.benchmarks;

import java.net.URI;
import java.util.List;
import redis.clients.jedis.ConnectionPoolConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.params.SetParams;

/** Written by hand: SET NX PX and compare-and-delete on a pool with a connection for each thread that there may be. */
final class JedisLocks implements Locks {

    private static final int CONNECTIONS = 160;

    private final RedisClient client;
    private final String script;

    JedisLocks(String uri) {
        ConnectionPoolConfig pool = new ConnectionPoolConfig();
        pool.setMaxTotal(CONNECTIONS);
        pool.setMaxIdle(CONNECTIONS);
        client = RedisClient.builder().fromURI(URI.create(uri)).poolConfig(pool).build();
        script = client.scriptLoad(ByHand.COMPARE_AND_DELETE, "any");
    }

    @Override
    public Held lock(String key, long leaseMillis) throws InterruptedException {
        String token = ByHand.newToken();
        SetParams parameters = SetParams.setParams().nx().px(leaseMillis);
        ByHand.spin(() -> client.set(key, token, parameters) != null);
        return () -> client.evalsha(script, List.of(key), List.of(token));
    }

    @Override
    public void close() {
        client.close();
    }
}
