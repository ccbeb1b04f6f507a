package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.cluster.SlotHash;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.regex.Pattern;

/** What stands in a server. */
public final class RedisContents {

    private static final Pattern FENCE = Pattern.compile("dmutex:\\{[0-9a-z]{1,4}}:fence");

    private RedisContents() {}

    /** All keys. */
    public static TreeSet<String> keys(EmbeddedRedis redis) {
        TreeSet<String> keys = new TreeSet<>();
        for (Object key : (List<?>) redis.command("KEYS", "*")) {
            keys.add((String) key);
        }
        return keys;
    }

    /** The keys that should go when everything is released: all but the fence counters. */
    public static TreeSet<String> leftovers(EmbeddedRedis redis) {
        TreeSet<String> keys = keys(redis);
        keys.removeIf(key -> FENCE.matcher(key).matches());
        return keys;
    }

    /** Fails if anything but fence counters is still there when the bound is over. */
    public static void assertNothingLeft(EmbeddedRedis redis, Duration bound) {
        long end = System.nanoTime() + bound.toNanos();
        Await.value(
                "the keys of a test to go",
                bound.plusSeconds(1),
                () -> leftovers(redis).isEmpty() || System.nanoTime() > end ? Optional.of(true) : Optional.empty());
        assertThat(leftovers(redis))
                .as("left in Redis after %s ms", bound.toMillis())
                .isEmpty();
    }

    /** Fails if anything but fence counters is still there after the 2 s that a closed lease may take at worst. */
    public static void assertNothingLeft(EmbeddedRedis redis) {
        assertNothingLeft(redis, Duration.ofSeconds(2));
    }

    /** The last fencing token given in the slot of a lock: the id of a stream, ms-seq. */
    public static long lastFence(EmbeddedRedis redis, String lockKey) {
        String fence = keys(redis).stream()
                .filter(key -> FENCE.matcher(key).matches())
                .filter(key -> SlotHash.getSlot(key) == SlotHash.getSlot(lockKey))
                .findAny()
                .orElseThrow();
        List<?> info = (List<?>) redis.command("XINFO", "STREAM", fence);
        String[] id = ((String) info.get(info.indexOf("last-generated-id") + 1)).split("-");
        return Long.parseLong(id[0]) * 1000 + Long.parseLong(id[1]);
    }

    /** How long a key lasts still, in milliseconds; -1 without an expiry, -2 if it is not there. */
    public static long pttl(EmbeddedRedis redis, String key) {
        return (Long) redis.command("PTTL", key);
    }

    /** How many instances stand in the queue of a lock key. */
    public static long waiters(EmbeddedRedis redis, String lockKey) {
        return keys(redis).stream()
                .filter(key -> key.startsWith("dmutex:{") && key.endsWith("}:queue:" + lockKey))
                .mapToLong(key -> (Long) redis.command("ZCARD", key))
                .sum();
    }
}
