package io.distributedmutex.verification.simulation;

import io.distributedmutex.redis.SimulatedDeployment.Failure;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The keys of a simulated Redis node, and the commands on them that our store and its scripts use. Texts have a character for each
 * byte. Replies are Long, String, null, a list of these, or an {@link Failure}.
 */
final class NodeData {

    /** What a stream's last id was. */
    record StreamId(long millis, long sequence) {}

    static final String OK = "OK";

    private static final long NEVER = Long.MAX_VALUE;

    private final Map<String, Value> keys = new TreeMap<>();
    private final Set<String> dirty = new HashSet<>();
    private long nowMillis;

    /** What stands at a key: a String, a sorted set, a hash, or a {@link StreamId}. */
    static final class Value {
        final Object content;
        long expiryMillis = NEVER;

        Value(Object content) {
            this.content = content;
        }

        /** Another that does not change with this. */
        Value copy() {
            Object copied = content instanceof Map<?, ?> map ? new LinkedHashMap<>(map) : content;
            Value copy = new Value(copied);
            copy.expiryMillis = expiryMillis;
            return copy;
        }
    }

    /** Sets the node's clock for what follows. */
    void at(long millis) {
        nowMillis = millis;
    }

    boolean has(String key) {
        return value(key) != null;
    }

    /** The keys that were written since this was last asked. */
    Set<String> written() {
        Set<String> written = new HashSet<>(dirty);
        dirty.clear();
        return written;
    }

    @Nullable
    Value copyOf(String key) {
        Value value = value(key);
        return value == null ? null : value.copy();
    }

    void put(String key, @Nullable Value value) {
        if (value == null) {
            keys.remove(key);
        } else {
            keys.put(key, value);
        }
    }

    /** A key as text, if it is one. */
    @Nullable
    String text(String key) {
        Value value = value(key);
        return value != null && value.content instanceof String text ? text : null;
    }

    Set<String> names() {
        List.copyOf(keys.keySet()).forEach(this::value);
        return new HashSet<>(keys.keySet());
    }

    void clear() {
        keys.clear();
    }

    private @Nullable Value value(String key) {
        Value value = keys.get(key);
        if (value != null && nowMillis > value.expiryMillis) {
            keys.remove(key);
            return null;
        }
        return value;
    }

    private Value made(String key, Object content) {
        Value value = new Value(content);
        keys.put(key, value);
        dirty.add(key);
        return value;
    }

    /** Runs a command on keys. */
    @Nullable
    Object call(List<String> words) {
        String key = words.size() > 1 ? words.get(1) : "";
        return switch (words.get(0)) {
            case "GET" -> text(key);
            case "SET" -> set(key, words);
            case "DEL" -> delete(key);
            case "EXISTS" -> has(key) ? 1L : 0L;
            case "GETRANGE" -> {
                String text = text(key);
                yield text == null ? "" : text;
            }
            case "SETRANGE" -> {
                int at = Integer.parseInt(words.get(2));
                if (at < 0) {
                    yield new Failure("ERR offset is out of range");
                }
                String text = text(key);
                String changed = text.substring(0, at)
                        + words.get(3)
                        + text.substring(at + words.get(3).length());
                long expiry = value(key).expiryMillis;
                made(key, changed).expiryMillis = expiry;
                yield (long) changed.length();
            }
            case "PTTL" -> {
                Value value = value(key);
                yield value == null ? -2L : value.expiryMillis == NEVER ? -1L : value.expiryMillis - nowMillis;
            }
            case "PEXPIRE" -> expire(key, number(words.get(2)));
            case "XADD" -> add(key);
            case "XSETID" -> {
                String[] id = words.get(2).split("-");
                made(key, new StreamId(Long.parseLong(id[0]), Long.parseLong(id[1])));
                yield OK;
            }
            case "ZADD" -> addScored(key, words);
            case "ZSCORE" -> {
                Double score = scores(key).get(words.get(2));
                yield score == null ? null : written(score);
            }
            case "ZREM" -> remove(key, scores(key), words.get(2));
            case "ZCARD" -> (long) scores(key).size();
            case "ZPOPMIN" -> pop(key);
            case "HGET" -> fields(key).get(words.get(2));
            case "HSET" -> {
                Map<String, String> fields = fields(key);
                if (fields.isEmpty()) {
                    made(key, fields);
                }
                dirty.add(key);
                yield fields.put(words.get(2), words.get(3)) == null ? 1L : 0L;
            }
            case "HDEL" -> remove(key, fields(key), words.get(2));
            default -> new Failure("ERR unknown command '" + words.get(0) + "'");
        };
    }

    private static long number(String text) {
        return (long) Double.parseDouble(text);
    }

    private @Nullable Object set(String key, List<String> words) {
        if (words.contains("NX") && has(key)) {
            return null;
        }
        int px = words.indexOf("PX");
        made(key, words.get(2)).expiryMillis = px < 0 ? NEVER : nowMillis + number(words.get(px + 1));
        return OK;
    }

    private long delete(String key) {
        boolean was = has(key);
        keys.remove(key);
        dirty.add(key);
        return was ? 1L : 0L;
    }

    private long expire(String key, long millis) {
        Value value = value(key);
        if (value == null) {
            return 0L;
        }
        dirty.add(key);
        value.expiryMillis = nowMillis + millis;
        if (millis <= 0) {
            keys.remove(key);
        }
        return 1L;
    }

    private String add(String key) {
        Value value = value(key);
        StreamId last = value == null ? new StreamId(0, -1) : (StreamId) value.content;
        StreamId next =
                nowMillis > last.millis ? new StreamId(nowMillis, 0) : new StreamId(last.millis, last.sequence + 1);
        made(key, next);
        return next.millis + "-" + next.sequence;
    }

    @SuppressWarnings("unchecked") // As the commands of such a key made it.
    private Map<String, Double> scores(String key) {
        Value value = value(key);
        return value == null ? new LinkedHashMap<>() : (Map<String, Double>) value.content;
    }

    @SuppressWarnings("unchecked") // As the commands of such a key made it.
    private Map<String, String> fields(String key) {
        Value value = value(key);
        return value == null ? new LinkedHashMap<>() : (Map<String, String>) value.content;
    }

    private Object addScored(String key, List<String> words) {
        Map<String, Double> scores = scores(key);
        if (scores.isEmpty()) {
            made(key, scores);
        }
        dirty.add(key);
        boolean onlyNew = words.get(2).equals("NX");
        boolean increases = words.get(2).equals("INCR");
        int at = onlyNew || increases ? 3 : 2;
        double score = Double.parseDouble(words.get(at));
        String member = words.get(at + 1);
        if (increases) {
            return written(scores.merge(member, score, Double::sum));
        }
        if (onlyNew) {
            return scores.putIfAbsent(member, score) == null ? 1L : 0L;
        }
        return scores.put(member, score) == null ? 1L : 0L;
    }

    private long remove(String key, Map<String, ?> from, String what) {
        if (from.remove(what) == null) {
            return 0L;
        }
        dirty.add(key);
        if (from.isEmpty()) {
            keys.remove(key);
        }
        return 1L;
    }

    private List<Object> pop(String key) {
        Map<String, Double> scores = scores(key);
        Map.Entry<String, Double> first = scores.entrySet().stream()
                .min(Map.Entry.<String, Double>comparingByValue().thenComparing(Map.Entry.comparingByKey()))
                .orElse(null);
        if (first == null) {
            return List.of();
        }
        List<Object> popped = new ArrayList<>(List.of(first.getKey(), written(first.getValue())));
        remove(key, scores, first.getKey());
        return popped;
    }

    /** As Redis writes a score. */
    private static String written(double score) {
        return score == Math.rint(score)
                ? Long.toString((long) score)
                : Double.toString(score).contains("E")
                        ? new java.math.BigDecimal(score).toPlainString()
                        : Double.toString(score);
    }

    /** The members of a sorted set, in order. */
    List<String> members(String key) {
        return scores(key).entrySet().stream()
                .sorted(Comparator.comparingDouble(Map.Entry::getValue))
                .map(Map.Entry::getKey)
                .toList();
    }
}
