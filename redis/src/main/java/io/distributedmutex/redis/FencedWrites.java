package io.distributedmutex.redis;

import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.StaleTokenException;
import io.distributedmutex.spi.Checks;
import io.distributedmutex.spi.Messages;
import io.lettuce.core.api.sync.RedisScriptingCommands;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Writes to Redis that a holder whose lease is over can no longer make: each write carries the lease's fencing token, and is
 * refused once a greater one has written the same key. That is the receiving end of fencing tokens for data in Redis, on the same
 * server as the locks or on another, whatever the lock's key is.
 *
 * <p>Beside each key that is written so stands its fence, the greatest token so far, in the same slot of a cluster. Check, fence
 * and write are one step on the server, one round trip. Writes of others that carry no token are not seen: a key that is guarded
 * so must be written only so.
 *
 * <p>For data on the server of the locks there is {@link HeldWrites}, which asks for the lock itself instead of a fence.
 *
 * <p>A fence is remembered for 30 days after the last write, or as long as {@link #remembering} says: a holder that comes back
 * later than that, after nobody else has written, is no longer refused.
 *
 * <p>Each method throws {@link StaleTokenException} if a greater token has written; {@link IllegalArgumentException} for a token
 * that is none, or a key from which no fence in its slot can be named; and what Lettuce throws, such as
 * {@code RedisCommandExecutionException} where the key holds another type. Thread-safe if the connection is.
 */
public final class FencedWrites {

    private static final Duration REMEMBERED = Duration.ofDays(30);

    private static final String FENCE = "dmutex:fence:";

    private final RedisScriptingCommands<String, String> redis;
    private final GuardedWrite script;
    private final Duration remembered;

    private FencedWrites(RedisScriptingCommands<String, String> redis, Duration remembered) {
        this.redis = redis;
        this.script = GuardedWrite.of(Script.read("fenced_write"), redis);
        this.remembered = remembered;
    }

    /**
     * Writes over a connection of the application, which stays its own.
     *
     * @param redis the synchronous commands of a connection to one server or a cluster
     * @return what writes
     */
    public static FencedWrites on(RedisScriptingCommands<String, String> redis) {
        return new FencedWrites(Objects.requireNonNull(redis, "redis"), REMEMBERED);
    }

    /**
     * The same, with another time for which fences are remembered after the last write.
     *
     * @param time from 1 s to 365 days, a fraction of a millisecond is rounded up; or {@link Duration#ZERO} for ever: each key
     *     that was ever written then leaves its fence
     * @return what writes
     * @throws IllegalArgumentException if it is out of bounds
     */
    public FencedWrites remembering(Duration time) {
        return new FencedWrites(
                redis,
                time.isZero()
                        ? time
                        : Checks.roundedUp("time (zero: for ever)", time, Duration.ofSeconds(1), LockOptions.MAXIMUM));
    }

    /**
     * Sets a text: SET.
     *
     * @param lease the lease under which this is written
     * @param key the key to write
     * @param value its new value
     */
    public void set(Lease lease, String key, String value) {
        write(lease.fencingToken(), "SET", key, value);
    }

    /**
     * Sets fields of a hash: HSET.
     *
     * @param lease the lease under which this is written
     * @param key the key to write
     * @param fields one field or more
     * @throws IllegalArgumentException if there is no field
     */
    public void hset(Lease lease, String key, Map<String, String> fields) {
        write(lease.fencingToken(), "HSET", key, GuardedWrite.words(key, fields));
    }

    /**
     * Deletes a key, not its fence: DEL.
     *
     * @param lease the lease under which this is written
     * @param key the key to delete
     * @return whether it was there
     */
    public boolean del(Lease lease, String key) {
        return Long.valueOf(1).equals(write(lease.fencingToken(), "DEL", key));
    }

    /**
     * Writes by any command whose first argument is its one key.
     *
     * @param fencingToken the token of the lease under which this is written, perhaps another process's
     * @param command such as {@code RPUSH}
     * @param key the key to write
     * @param arguments what follows the key
     * @return the command's reply as a script sees it: a {@code Long}, a {@code String}, a {@code List} of them, or null
     */
    public @Nullable Object write(long fencingToken, String command, String key, String... arguments) {
        Objects.requireNonNull(command, "command");
        List<String> words = new ArrayList<>(List.of(command));
        words.addAll(List.of(arguments));
        List<?> reply = call(fencingToken, key, words);
        return reply.size() < 2 ? null : reply.get(1);
    }

    /**
     * Refuses a stale token without a write, and remembers a greater one: holders before it can write no more. For the beginning of
     * work that reads first.
     *
     * @param lease the lease under which the key will be written
     * @param key the key that will be written
     */
    public void check(Lease lease, String key) {
        call(lease.fencingToken(), key, List.of());
    }

    private List<?> call(long token, String key, List<String> words) {
        Checks.fencingToken("fencingToken", token);
        List<String> keys = List.of(fence(Objects.requireNonNull(key, "key")), key);
        List<String> arguments = new ArrayList<>();
        arguments.add(Long.toString(token));
        arguments.add(Long.toString(remembered.toMillis()));
        arguments.addAll(words);
        List<?> reply = script.run(redis, keys, arguments);
        String seen = reply.isEmpty() ? null : (String) reply.get(0);
        if (seen != null && Long.parseLong(seen) > token) {
            throw new StaleTokenException(key, token, Long.parseLong(seen));
        }
        return reply;
    }

    /** The fence's key, in the slot of the guarded key. */
    private static String fence(String key) {
        int open = key.indexOf('{');
        int close = open < 0 ? -1 : key.indexOf('}', open + 1);
        if (close > open + 1) {
            return FENCE + key;
        }
        if (key.isEmpty() || key.indexOf('}') >= 0) {
            throw new IllegalArgumentException("no fence in the slot of the key '" + Messages.shown(key)
                    + "' can be named: it is empty, or has a } without a hash tag such as {tag}");
        }
        return FENCE + "{" + key + "}";
    }
}
