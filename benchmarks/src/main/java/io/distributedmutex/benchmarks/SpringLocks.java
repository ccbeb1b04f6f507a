package io.distributedmutex.benchmarks;

import io.lettuce.core.RedisURI;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Lock;
import org.springframework.data.redis.connection.RedisStandaloneConfiguration;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;
import org.springframework.integration.redis.util.RedisLockRegistry;
import org.springframework.integration.redis.util.RedisLockRegistry.RedisLockType;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;

/** Spring Integration's RedisLockRegistry with its defaults, but for the cache, so that 10,000 locks are not thrown out. */
final class SpringLocks implements Locks {

    private static final int CACHE = 100_000;

    private final LettuceConnectionFactory connections;
    private final ThreadPoolTaskScheduler scheduler = new ThreadPoolTaskScheduler();
    private final RedisLockType type;
    private final RedisLockRegistry registry;
    /** The lease time belongs to the registry. */
    private final Map<Long, RedisLockRegistry> others = new ConcurrentHashMap<>();

    private volatile boolean renewing;

    SpringLocks(String uri, RedisLockType type) {
        RedisURI address = RedisURI.create(uri);
        this.type = type;
        this.connections =
                new LettuceConnectionFactory(new RedisStandaloneConfiguration(address.getHost(), address.getPort()));
        connections.afterPropertiesSet();
        connections.start();
        this.registry = newRegistry(LEASE_MILLIS);
    }

    @Override
    public Held lock(String key) {
        return held(registry, key);
    }

    @Override
    public Held lock(String key, long leaseMillis) {
        return held(others.computeIfAbsent(leaseMillis, this::newRegistry), key);
    }

    @Override
    public Held lockRenewed(String key) {
        RedisLockRegistry renewed = others.computeIfAbsent(-1L, unused -> {
            scheduler.initialize();
            renewing = true;
            RedisLockRegistry created = newRegistry(30_000);
            created.setRenewalTaskScheduler(scheduler);
            return created;
        });
        var lock = renewed.obtain(key);
        lock.lock(Duration.ofSeconds(30));
        return lock::unlock;
    }

    @Override
    public void close() {
        registry.destroy();
        others.values().forEach(RedisLockRegistry::destroy);
        if (renewing) {
            scheduler.shutdown();
        }
        connections.destroy();
    }

    private RedisLockRegistry newRegistry(long leaseMillis) {
        RedisLockRegistry created = new RedisLockRegistry(connections, "locks", leaseMillis);
        created.setCacheCapacity(CACHE);
        created.setRedisLockType(type);
        return created;
    }

    private static Held held(RedisLockRegistry registry, String key) {
        Lock lock = registry.obtain(key);
        lock.lock();
        return lock::unlock;
    }
}
