package io.distributedmutex.redis.equivalence;

import io.distributedmutex.redis.equivalence.Contents.Held;
import io.distributedmutex.redis.equivalence.Contents.Kind;
import io.distributedmutex.redis.equivalence.Contents.Queue;
import io.distributedmutex.redis.equivalence.Contents.Waiter;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.SlotHash;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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
              elseif type == 'zset' then value = redis.call('ZRANGE', key, 0, -1)
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
    private static final Pattern WAITER = Pattern.compile("(\\d+)\\|(\\d+)\\|([^|]*)\\|(.*)", Pattern.DOTALL);

    private final String prefix;
    private final long toleranceMillis;
    private final Map<String, Integer> clients;
    private final Map<String, Held> held = new HashMap<>();
    private final Map<String, Long> fences = new HashMap<>();
    private final Map<String, Key> orders = new TreeMap<>();
    private final Map<String, Key> entries = new TreeMap<>();
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
            (isOrder ? orders : entries).put(companion.group(2).substring(prefix.length()), key);
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
        Set<String> waitedFor = new HashSet<>(orders.keySet());
        waitedFor.addAll(entries.keySet());
        for (String key : waitedFor) {
            Key order = orders.get(key);
            Key entry = entries.get(key);
            if (order == null || entry == null) {
                oddities.add("a queue with only one of its two keys: " + order + ", " + entry);
            } else {
                queues.put(key, queue(order, entry));
            }
        }
        Map<String, Long> lastFences = new HashMap<>();
        SequencePlan.KEYS.forEach(key -> lastFences.put(key, fences.getOrDefault(key, 0L)));
        return new Contents(held, queues, lastFences, oddities);
    }

    private Queue queue(Key order, Key entry) {
        Map<String, String> entryOf = new HashMap<>();
        for (int i = 0; i < entry.value().size(); i += 2) {
            entryOf.put(entry.value().get(i), entry.value().get(i + 1));
        }
        if (order.remainingMillis() < 0
                || Math.abs(entry.remainingMillis() - order.remainingMillis()) > toleranceMillis) {
            oddities.add("a queue whose two keys do not end together: " + order + ", " + entry);
        }
        if (!entryOf.keySet().equals(Set.copyOf(order.value()))) {
            oddities.add("a queue whose two keys have not the same members: " + order + ", " + entry);
        }
        List<Waiter> waiters = new ArrayList<>();
        for (String client : order.value()) {
            Matcher waiter = WAITER.matcher(entryOf.getOrDefault(client, ""));
            if (waiter.matches()) {
                waiters.add(new Waiter(
                        clients.getOrDefault(client, -1),
                        waiter.group(3),
                        waiter.group(4),
                        Long.parseLong(waiter.group(2)),
                        Long.parseLong(waiter.group(1)) - nowMillis));
            } else {
                oddities.add("a waiter without its entry: " + client + " in " + order + ", " + entry);
            }
        }
        return new Queue(waiters, order.remainingMillis());
    }

    private void checkSlot(Key companion, String lock) {
        if (SlotHash.getSlot(companion.name()) != SlotHash.getSlot(lock)) {
            oddities.add("a key in another slot than its lock: " + companion);
        }
    }
}
