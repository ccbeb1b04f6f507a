package io.distributedmutex.redis.equivalence;

import io.distributedmutex.spi.LockStore;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.RedisURI;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.SetArgs;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.SlotHash;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import io.lettuce.core.resource.ClientResources;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

/**
 * The store in a real server of its own, with connections that are used for many sequences: connecting anew for each would
 * take longer than the sequence.
 */
final class RedisSide implements Side, AutoCloseable {

    private static final Duration BOUND = Duration.ofSeconds(20);
    private static final String GRANTS = "dmutex:grants:";

    /**
     * Draws a number from each counter, and sets it ahead of the clock by ARGV[1] ms. Makes those that are not there, since in memory
     * there is one for all slots.
     */
    private static final String AHEAD = """
            for _, key in ipairs(KEYS) do
              local millis, seq = string.match(redis.call('XADD', key, 'MAXLEN', '0', '*', '', ''), '^(%d+)-(%d+)$')
              redis.call('XSETID', key, string.format('%.0f-%s', millis + ARGV[1], seq))
            end
            return 'OK'
            """;

    /**
     * So far, in milliseconds, the counters get ahead where time is moved: for the rest of the sequence, which takes less, on a
     * fast machine.
     */
    private static final long AHEAD_MILLIS = 100;

    /**
     * Moves all ends by ARGV[1] ms, to later if that is negative, and arrivals and signs of life by ARGV[2]; returns when the last
     * of those that this ends has ended, or 0.
     */
    private static final String MOVE = """
            local move, age = tonumber(ARGV[1]), tonumber(ARGV[2])
            local ended = false
            for _, key in ipairs(redis.call('KEYS', '*')) do
              local type = redis.call('TYPE', key).ok
              if type == 'hash' then
                local entries = redis.call('HGETALL', key)
                for i = 1, #entries, 2 do
                  local alive, rest = string.match(entries[i + 1], '^(%d+)(!?|.*)$')
                  if alive then redis.call('HSET', key, entries[i], string.format('%.0f', alive - age) .. rest) end
                end
              elseif type == 'zset' then
                for _, entry in ipairs(redis.call('ZRANGE', key, 0, -1)) do
                  redis.call('ZADD', key, 'INCR', string.format('%.0f', -age * 1000), entry)
                end
              end
              local left = redis.call('PTTL', key)
              if left >= 0 then
                redis.call('PEXPIRE', key, math.max(left - move, 1))
                ended = ended or left <= move
              end
            end
            local time = redis.call('TIME')
            return ended and time[1] * 1000 + math.floor(time[2] / 1000) + 1 or 0
            """;

    private final EmbeddedRedis redis;
    private final String prefix;
    private final String[] counters;
    private final BiFunction<RedisClient, String, LockStore> maker;
    private final RedisClient redisClient;
    private final RedisCommands<String, String> administrator;
    private final ConcurrentLinkedQueue<StatefulRedisPubSubConnection<?, ?>> opened = new ConcurrentLinkedQueue<>();
    private final List<Connected> clients = new ArrayList<>();
    private final Set<Integer> unsubscribed = new HashSet<>();
    private final Set<Integer> closed = new HashSet<>();
    private Passing passing = Passing.moved();
    private long startNanos;
    private long passedMillis;

    /** How far the clock is behind the last fencing token, by which waiters age: they do not until it has caught up. */
    private long behindMillis;

    /** A client, with what is needed to take its subscription from it. */
    private record Connected(Client client, String id, StatefulRedisPubSubConnection<String, String> pushes) {}

    /**
     * Connects.
     *
     * @param redis an empty server that nobody else uses
     * @param prefix the keys' prefix
     * @param resources threads, which may be shared
     * @param maker makes a store of a Lettuce client and a key prefix
     */
    RedisSide(
            EmbeddedRedis redis,
            String prefix,
            ClientResources resources,
            BiFunction<RedisClient, String, LockStore> maker) {
        this.redis = redis;
        this.prefix = prefix;
        this.counters = SequencePlan.KEYS.stream()
                .map(key -> counterOf(prefix + key))
                .distinct()
                .toArray(String[]::new);
        this.maker = maker;
        RedisURI uri = RedisURI.create(redis.uri());
        uri.setTimeout(BOUND);
        this.redisClient = RedisClient.create(resources, uri);
        this.redisClient.addListener(new RedisConnectionStateListener() {
            @Override
            public void onRedisConnected(RedisChannelHandler<?, ?> connection, SocketAddress address) {
                if (connection instanceof StatefulRedisPubSubConnection<?, ?> pushes) {
                    opened.add(pushes);
                }
            }
        });
        this.administrator = redisClient.connect().sync();
        for (int number = 0; number < SequencePlan.CLIENTS; number++) {
            clients.add(connect(number));
        }
    }

    /** Makes everything as new. */
    void begin(Passing passing) {
        for (int number = 0; number < SequencePlan.CLIENTS; number++) {
            subscribe(number);
            if (closed.contains(number)) {
                clients.set(number, connect(number));
            }
            awaitPushes(number);
            client(number).forget();
        }
        closed.clear();
        administrator.flushall();
        this.passing = passing;
        this.passedMillis = 0;
        this.behindMillis = 0;
        this.startNanos = System.nanoTime();
    }

    /** How far the server's time has gone beyond that which was let pass. */
    long lagMillis() {
        long elapsedMillis = (System.nanoTime() - startNanos) / 1_000_000;
        return passing.isReal() ? elapsedMillis - passedMillis : elapsedMillis;
    }

    @Override
    public Client client(int number) {
        return clients.get(number).client();
    }

    @Override
    public void pass(long millis) {
        passedMillis += millis;
        long caughtUp = Math.min(behindMillis, millis);
        behindMillis -= caughtUp;
        if (passing.isReal()) {
            long untilNanos = startNanos + passedMillis * 1_000_000;
            while (System.nanoTime() - untilNanos < 0) {
                LockSupport.parkNanos(untilNanos - System.nanoTime());
            }
        } else {
            long ended = move(millis, millis - caughtUp);
            // Without a look at the keys, for that would delete what the scripts shall find expired.
            await("the server's clock to go on", () -> serverMicros() / 1000 > ended);
        }
    }

    @Override
    public void delete(String key) {
        administrator.del(prefix + key);
    }

    @Override
    public void flushAll() {
        long last = contents().lastFences().values().stream()
                .mapToLong(Long::longValue)
                .max()
                .orElse(0);
        administrator.flushall();
        behindMillis = 0;
        await("the server's clock to pass its last fencing token", () -> serverMicros() / 1000 * 1000 > last);
    }

    /** Nobody can; but what is stored can be moved, as in {@link #pass}. */
    @Override
    public void setClockBack(long millis) {
        long aheadMillis = passing.isReal() ? millis : AHEAD_MILLIS;
        // Set ahead, the counters would make waiters older.
        move(-millis, -aheadMillis);
        behindMillis += millis;
        administrator.eval(AHEAD, ScriptOutputType.STATUS, counters, Long.toString(aheadMillis));
    }

    @Override
    public void flushScripts() {
        administrator.scriptFlush();
    }

    @Override
    public void putForeign(String key, String value, long millis) {
        if (millis < 0) {
            administrator.set(prefix + key, value);
        } else {
            administrator.set(prefix + key, value, SetArgs.Builder.px(millis));
        }
    }

    @Override
    public void putWrongType(String key, boolean list) {
        administrator.del(prefix + key);
        if (list) {
            administrator.rpush(prefix + key, "one", "two");
        } else {
            administrator.hset(prefix + key, "field", "value");
        }
    }

    @Override
    public void unsubscribe(int client) {
        if (!closed.contains(client) && unsubscribed.add(client)) {
            Connected connected = clients.get(client);
            connected.pushes().sync().unsubscribe(GRANTS + connected.id());
        }
    }

    @Override
    public void subscribe(int client) {
        if (unsubscribed.remove(client) && !closed.contains(client)) {
            Connected connected = clients.get(client);
            connected.pushes().sync().subscribe(GRANTS + connected.id());
            // The store hears of it on another thread.
            awaitPushes(client);
        }
    }

    @Override
    public void close(int client) {
        if (closed.add(client)) {
            client(client).store().close();
            String channel = GRANTS + clients.get(client).id();
            await(
                    "the server to notice that a client is gone",
                    () -> administrator.pubsubNumsub(channel).get(channel) == 0);
        }
    }

    @Override
    public void awaitPushes(int client) {
        if (closed.contains(client)) {
            return;
        }
        try {
            // Its answer comes on the same connection after all that was pushed before.
            clients.get(client).pushes().async().ping().get(BOUND.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new AssertionError("no answer from " + redis, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    @Override
    public Contents contents() {
        Map<String, Integer> numbers = new HashMap<>();
        for (int number = 0; number < clients.size(); number++) {
            numbers.put(clients.get(number).id(), number);
        }
        return RedisDump.of(administrator, prefix, passing.boundMillis(), numbers);
    }

    @Override
    public void close() {
        clients.forEach(connected -> connected.client().store().close());
        redisClient.shutdown(Duration.ZERO, BOUND);
    }

    /** The fence counter of a lock's slot, as docs/internals/protocol.md says. */
    private static String counterOf(String lock) {
        int slot = SlotHash.getSlot(lock);
        return IntStream.iterate(0, number -> number + 1)
                .mapToObj(number -> Integer.toString(number, Character.MAX_RADIX))
                .filter(tag -> SlotHash.getSlot(tag) == slot)
                .findFirst()
                .map(tag -> "dmutex:{" + tag + "}:fence")
                .orElseThrow();
    }

    private Connected connect(int number) {
        opened.clear();
        Set<String> before = new HashSet<>(administrator.pubsubChannels(GRANTS + "*"));
        Client client = new Client(maker.apply(redisClient, prefix), number);
        List<String> channels = new ArrayList<>(administrator.pubsubChannels(GRANTS + "*"));
        channels.removeAll(before);
        @SuppressWarnings("unchecked")
        StatefulRedisPubSubConnection<String, String> pushes =
                (StatefulRedisPubSubConnection<String, String>) opened.remove();
        return new Connected(client, channels.get(0).substring(GRANTS.length()), pushes);
    }

    private long move(long millis, long ageMillis) {
        return administrator.eval(
                MOVE, ScriptOutputType.INTEGER, new String[0], Long.toString(millis), Long.toString(ageMillis));
    }

    private long serverMicros() {
        List<String> time = administrator.time();
        return Long.parseLong(time.get(0)) * 1_000_000 + Long.parseLong(time.get(1));
    }

    private static void await(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + BOUND.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) {
                throw new AssertionError("waited " + BOUND.toSeconds() + " s for " + what);
            }
            Thread.onSpinWait();
        }
    }
}
