package io.distributedmutex.benchmarks;

import java.util.concurrent.TimeUnit;
import org.redisson.Redisson;
import org.redisson.api.RLock;
import org.redisson.api.RedissonClient;
import org.redisson.config.Config;

/** Redisson with its defaults. */
final class RedissonLocks implements Locks {

    enum Kind {
        PLAIN,
        FAIR,
        FENCED
    }

    private final RedissonClient client;
    private final Kind kind;

    RedissonLocks(String uri, Kind kind) {
        Config config = new Config();
        config.useSingleServer().setAddress(uri);
        this.client = Redisson.create(config);
        this.kind = kind;
    }

    @Override
    public Held lock(String key, long leaseMillis) {
        RLock lock = lockOf(key);
        lock.lock(leaseMillis, TimeUnit.MILLISECONDS);
        return lock::unlock;
    }

    @Override
    public Held lockRenewed(String key) {
        RLock lock = lockOf(key);
        lock.lock();
        return lock::unlock;
    }

    @Override
    public void close() {
        client.shutdown();
    }

    private RLock lockOf(String key) {
        return switch (kind) {
            case PLAIN -> client.getLock(key);
            case FAIR -> client.getFairLock(key);
            case FENCED -> client.getFencedLock(key);
        };
    }
}
