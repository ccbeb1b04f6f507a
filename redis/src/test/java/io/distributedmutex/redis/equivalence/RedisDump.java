package io.distributedmutex.redis.equivalence;

import io.distributedmutex.redis.equivalence.Contents.Held;
import io.distributedmutex.redis.equivalence.Contents.Kind;
import io.distributedmutex.redis.equivalence.Contents.Queue;
import io.distributedmutex.redis.equivalence.Contents.Waiter;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.SlotHash;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * All that stands in a server, read in one step without the product's help, and checked for what docs/internals/protocol.md says of the
 * keys.
 */
final class RedisDump {

    /** Milliseconds since the epoch, and for each key its name, type, PTTL and value. */
    private static final String READ = """
            local time = redis.call('TIME')
            local all = {time[1] * 1000 + math.floor(time[2] / 1000)}
            for _, key in ipairs(redis.call('KEYS', '*')) do
              local type, value = redis.call('TYPE', key).ok, {}
              if type == 'string' then value = {redis.call('GET', key)}
              elseif type == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
              elseif type == 'hash' then value = redis.call('HGETALL', key)
              elseif type == 'stream' then
                local info = redis.call('XINFO', 'STREAM', key)
                for i = 1, #info, 2 do
                  if info[i] == 'length' then value[1] = tostring(info[i + 1]) end
                  if info[i] == 'last-generated-id' then value[2] = info[i + 1] end
                end
              end
              all[#all + 1] = {key, type, redis.call('PTTL', key), value}
            end
            return all
            """;

    private static final Pattern COMPANION =
            Pattern.compile("dmutex:\\{[0-9a-z]{1,4}}:(queue|waiters):(.*)", Pattern.DOTALL);
    private static final Pattern FENCE = Pattern.compile("dmutex:\\{[0-9a-z]{1,4}}:fence");
    private static final Pattern OWNER =
            Pattern.compile("(-|[A-Za-z0-9_-]{22})(!|\\||\\|[0-9]{1,18})\\|(.{0,128})", Pattern.DOTALL);
    private static final Pattern STREAM_ID = Pattern.compile("([0-9]+)-([0-9]{1,3})");
    private static final Pattern ENTRY = Pattern.compile("([^|]*)\\|([^|]*)\\|(.*)", Pattern.DOTALL);
    private static final Pattern SIGN_OF_LIFE = Pattern.compile("(\\d+)\\|(\\d+)");

    /** What is true of a waiter of which the hash knows nothing. */
    private static final long USUAL_MILLIS = 2_000;

    private final String prefix;
    private final long toleranceMillis;
    private final Map<String, Integer> clients;
    private final Map<String, Held> held = new HashMap<>();
    private final Map<String, Long> fences = new HashMap<>();
    private final Map<String, Key> orders = new TreeMap<>();
    private final Map<String, Key> signs = new TreeMap<>();
    private final List<String> oddities = new ArrayList<>();
    private final long nowMillis;

    /** A key in the server; of a stream the value is its length and last id; of other types than these four it is empty. */
    private record Key(String name, String type, long remainingMillis, List<String> value) {}

    private RedisDump(String prefix, long toleranceMillis, Map<String, Integer> clients, long nowMillis) {
        this.prefix = prefix;
        this.toleranceMillis = toleranceMillis;
        this.clients = clients;
        this.nowMillis = nowMillis;
    }

    /**
     * Reads all.
     *
     * @param toleranceMillis how far two ends may be apart that should be one: before 7.2 the server's clock goes on while
     *     a script runs
     * @param clients the clients' numbers by their ids
     */
    @SuppressWarnings("unchecked")
    static Contents of(
            RedisCommands<String, String> administrator,
            String prefix,
            long toleranceMillis,
            Map<String, Integer> clients) {
        List<Object> all = administrator.eval(READ, ScriptOutputType.MULTI);
        RedisDump dump = new RedisDump(prefix, toleranceMillis, clients, (Long) all.get(0));
        for (Object each : all.subList(1, all.size())) {
            List<Object> key = (List<Object>) each;
            dump.add(new Key((String) key.get(0), (String) key.get(1), (Long) key.get(2), (List<String>) key.get(3)));
        }
        return dump.contents();
    }

    private void add(Key key) {
        Matcher companion = COMPANION.matcher(key.name());
        if (companion.matches()) {
            boolean isOrder = companion.group(1).equals("queue");
            (isOrder ? orders : signs).put(companion.group(2).substring(prefix.length()), key);
            checkSlot(key, companion.group(2));
        } else if (FENCE.matcher(key.name()).matches()) {
            addFence(key);
        } else if (key.name().startsWith(prefix)
                && SequencePlan.KEYS.contains(key.name().substring(prefix.length()))) {
            held.put(key.name().substring(prefix.length()), held(key));
        } else {
            oddities.add("a key of no use: " + key);
        }
    }

    private void addFence(Key key) {
        if (key.remainingMillis() != -1) {
            oddities.add("a fence counter that expires: " + key);
        }
        Matcher id = STREAM_ID.matcher(key.value().get(1));
        if (!key.value().get(0).equals("0") || !id.matches()) {
            oddities.add("a fence counter that is not an empty stream with an id of ours: " + key);
            return;
        }
        for (String each : SequencePlan.KEYS) {
            if (SlotHash.getSlot(prefix + each) == SlotHash.getSlot(key.name())) {
                fences.put(each, Long.parseLong(id.group(1)) * 1000 + Long.parseLong(id.group(2)));
            }
        }
    }

    private Held held(Key key) {
        if (!key.type().equals("string")) {
            return new Held(Kind.NOT_A_STRING, "", "", 0, key.remainingMillis());
        }
        Matcher owner = OWNER.matcher(key.value().get(0));
        long fencingToken = owner.matches() && owner.group(2).length() > 1
                ? Long.parseLong(owner.group(2).substring(1))
                : 0;
        if (!owner.matches() || (fencingToken == 0 && owner.group(2).length() > 1)) {
            return new Held(Kind.FOREIGN, "", "", 0, key.remainingMillis());
        }
        if (key.remainingMillis() < 0) {
            oddities.add("a lease without an end: " + key);
        }
        return new Held(Kind.LEASE, owner.group(1), owner.group(3), fencingToken, key.remainingMillis());
    }

    private Contents contents() {
        Map<String, Queue> queues = new HashMap<>();
        orders.forEach((key, order) -> queues.put(key, queue(key, order, signs.get(key))));
        signs.forEach((key, sign) -> {
            if (!orders.containsKey(key)) {
                oddities.add("signs of life without a queue: " + sign);
            }
        });
        Map<String, Long> lastFences = new HashMap<>();
        SequencePlan.KEYS.forEach(key -> lastFences.put(key, fences.getOrDefault(key, 0L)));
        return new Contents(held, queues, lastFences, oddities);
    }

    private Queue queue(String key, Key order, @Nullable Key signs) {
        Map<String, String> signOf = new HashMap<>();
        for (int i = 0; signs != null && i < signs.value().size(); i += 2) {
            signOf.put(signs.value().get(i), signs.value().get(i + 1));
        }
        boolean endLater = signs != null && signs.remainingMillis() > order.remainingMillis() + toleranceMillis;
        if (order.remainingMillis() < 0 || (signs != null && signs.remainingMillis() < 0) || endLater) {
            oddities.add("a queue whose keys do not end, or not together: " + order + ", " + signs);
        }
        List<Waiter> waiters = new ArrayList<>();
        for (int i = 0; i < order.value().size(); i += 2) {
            String text = order.value().get(i);
            BigDecimal arrival = new BigDecimal(order.value().get(i + 1));
            Matcher entry = ENTRY.matcher(text);
            String sign = signOf.remove(text);
            Matcher life = SIGN_OF_LIFE.matcher(sign == null ? "" : sign);
            boolean saysMore = arrival.remainder(BigDecimal.ONE).signum() != 0;
            if (saysMore && sign == null && entry.matches()) {
                // The hash has expired, and all in it was too old.
                waiters.add(
                        new Waiter(clients.getOrDefault(entry.group(2), -1), entry.group(1), entry.group(3), -1, -1));
                continue;
            }
            if (!entry.matches() || saysMore != life.matches() || (sign != null) != saysMore) {
                oddities.add("not a waiter of ours: " + text + " at " + arrival + " in " + order + ", " + signs);
                continue;
            }
            long aliveUntil = saysMore ? Long.parseLong(life.group(1)) : arrival.longValue() / 1000 + USUAL_MILLIS;
            long fenceMillis = Math.max(nowMillis, fences.getOrDefault(key, 0L) / 1000);
            waiters.add(new Waiter(
                    clients.getOrDefault(entry.group(2), -1),
                    entry.group(1),
                    entry.group(3),
                    saysMore ? Long.parseLong(life.group(2)) : USUAL_MILLIS,
                    aliveUntil - fenceMillis));
        }
        if (!signOf.isEmpty()) {
            oddities.add("signs of life of who does not wait: " + signOf + " beside " + order);
        }
        return new Queue(waiters, order.remainingMillis());
    }

    private void checkSlot(Key companion, String lock) {
        if (SlotHash.getSlot(companion.name()) != SlotHash.getSlot(lock)) {
            oddities.add("a key in another slot than its lock: " + companion);
        }
    }
}
