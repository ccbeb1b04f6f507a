package io.distributedmutex.redis.store;

import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.testkit.contract.LockStoreContract;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedSentinel;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** The Redis store keeps the contract, on each version of the server that is to be had here. */
class RedisLockStoreTest {

    @Nested
    @WithRedis(executable = "embedded")
    class OnTheEmbeddedServer extends RedisContract {
        OnTheEmbeddedServer(EmbeddedRedis redis) {
            super(redis);
        }
    }

    @Nested
    @Tag("deep")
    @WithRedis(executable = "installed")
    class OnTheInstalledServer extends RedisContract {
        OnTheInstalledServer(EmbeddedRedis redis) {
            super(redis);
        }
    }

    @Nested
    @Tag("deep")
    class BehindSentinels extends RedisContract {

        private static EmbeddedSentinel sentinels;

        BehindSentinels() {
            super(sentinels.primary(), sentinels.uri());
        }

        @BeforeAll
        static void start() {
            sentinels = EmbeddedRedis.sentinel(1, 3).start();
        }

        @AfterAll
        static void stop() {
            sentinels.close();
        }
    }

    abstract static class RedisContract extends LockStoreContract {

        private static final String PREFIX = "lock:";

        private final EmbeddedRedis redis;
        private final String uri;

        RedisContract(EmbeddedRedis redis) {
            this(redis, redis.uri());
        }

        RedisContract(EmbeddedRedis redis, String uri) {
            this.redis = redis;
            this.uri = uri;
        }

        @Override
        protected LockStore newStore() {
            return RedisLockStore.connect(uri);
        }

        @Override
        protected void elapse(Duration duration) {
            long end = System.nanoTime() + duration.toNanos();
            while (System.nanoTime() - end < 0) {
                LockSupport.parkNanos(end - System.nanoTime());
            }
        }

        @Override
        protected void deleteKey(String key) {
            redis.command("DEL", PREFIX + key);
        }

        @Override
        protected void loseAllData() {
            redis.command("FLUSHALL");
        }

        @Override
        protected void putForeignValue(String key, @Nullable Duration remaining) {
            if (remaining == null) {
                redis.command("SET", PREFIX + key, "somebody else's");
            } else {
                redis.command("SET", PREFIX + key, "somebody else's", "PX", Long.toString(remaining.toMillis()));
            }
        }

        @Override
        protected boolean putWrongType(String key) {
            redis.command("DEL", PREFIX + key);
            redis.command("HSET", PREFIX + key, "field", "value");
            return true;
        }

        @Override
        protected Set<String> leftovers() {
            Set<String> left = new TreeSet<>();
            if (redis.command("KEYS", "*") instanceof List<?> keys) {
                keys.forEach(key -> left.add(String.valueOf(key)));
            }
            left.removeIf(key -> key.startsWith("dmutex:{") && key.endsWith("}:fence"));
            return left;
        }
    }
}
