package io.distributedmutex.redis;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LossReason;
import io.distributedmutex.spi.Messages;
import io.distributedmutex.spi.StoredLease;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.api.sync.RedisScriptingCommands;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Writes to the Redis of the locks that are carried out only while the lease is its holder's: the server looks at the lock and
 * writes in one step, one round trip. So a write is refused from the moment on in which the lease has ended on the server, also if
 * nobody else has written since. Nothing is kept beside the data.
 *
 * <p>It must be the server, and the database, that the lease's lock is on. In a Redis Cluster the data must be in the lock's
 * slot: give both names the same hash tag, such as the key {@code {tenant:123}} for the lock and {@code {tenant:123}:settings}
 * for the data. For data elsewhere there is {@link FencedWrites}, which compares fencing tokens.
 *
 * <p>What others write without holding the lock is not seen. A write without an answer, because of a time-out or an interrupt, may
 * still be carried out for as long as this process's {@code DistributedMutex} has the lock.
 *
 * <p>Each method throws {@link LeaseLostException} if the lease is no longer held; nothing was written then. Further
 * {@link IllegalArgumentException} for a lease of another library or a test double, for the lock itself as a key to write, and for
 * keys in other slots of a cluster; and what Lettuce throws, such as {@code RedisCommandExecutionException} where the key holds
 * another type. Thread-safe if the connection is.
 */
public final class HeldWrites {

    /** A script of the application becomes the body of a function, with its own lines. */
    private static final String BEFORE = "local body = function() ";

    private static final String AFTER = "\nend " + Script.withIncludes("held_write");

    private static final String COMMAND = "return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))";

    private static final Long NOBODY = 0L;
    private static final Long HELD = 1L;

    private final RedisScriptingCommands<String, String> redis;
    private final KeyPrefix prefix;
    private final GuardedWrite command;

    private HeldWrites(RedisScriptingCommands<String, String> redis, KeyPrefix prefix) {
        this.redis = redis;
        this.prefix = prefix;
        this.command = guarded(COMMAND);
    }

    /**
     * Writes over a connection of the application, which stays its own, under leases of a mutex with the default key prefix.
     *
     * @param redis the synchronous commands of a connection to the server of the locks, and to their database
     * @return what writes
     */
    public static HeldWrites on(RedisScriptingCommands<String, String> redis) {
        return new HeldWrites(Objects.requireNonNull(redis, "redis"), KeyPrefix.DEFAULT);
    }

    /**
     * The same, under leases of a mutex with another key prefix.
     *
     * @param keyPrefix as in {@link RedisMutex.Builder#keyPrefix}
     * @return what writes
     * @throws IllegalArgumentException if a mutex cannot have it
     */
    public HeldWrites keyPrefix(String keyPrefix) {
        return new HeldWrites(redis, KeyPrefix.of(keyPrefix));
    }

    /**
     * Sets a text: SET.
     *
     * @param lease the lease under which this is written
     * @param key the key to write
     * @param value its new value
     */
    public void set(Lease lease, String key, String value) {
        write(lease, "SET", key, value);
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
        write(lease, "HSET", key, GuardedWrite.words(key, fields));
    }

    /**
     * Deletes a key: DEL.
     *
     * @param lease the lease under which this is written
     * @param key the key to delete
     * @return whether it was there
     */
    public boolean del(Lease lease, String key) {
        return Long.valueOf(1).equals(write(lease, "DEL", key));
    }

    /**
     * Writes by any command whose first argument is its one key.
     *
     * @param lease the lease under which this is written
     * @param command such as {@code RPUSH}
     * @param key the key to write
     * @param arguments what follows the key
     * @return the command's reply as a script sees it: a {@code Long}, a {@code String}, a {@code List} of them, or null
     */
    public @Nullable Object write(Lease lease, String command, String key, String... arguments) {
        List<String> words = new ArrayList<>(List.of(Objects.requireNonNull(command, "command")));
        words.addAll(List.of(arguments));
        return run(this.command, lease, List.of(key), words);
    }

    /**
     * Runs a Lua script. It sees its own KEYS and ARGV, as in EVAL.
     *
     * @param lease the lease under which this runs
     * @param script the script, without a first line {@code #!lua}
     * @param keys all keys that it touches
     * @param arguments its arguments
     * @return its reply: a {@code Long}, a {@code String}, a {@code List} of them, or null
     */
    public @Nullable Object eval(Lease lease, String script, List<String> keys, String... arguments) {
        if (script.startsWith("#!")) {
            throw new IllegalArgumentException("the script must not begin with '#!': it runs within another one");
        }
        return run(guarded(script), lease, keys, List.of(arguments));
    }

    private GuardedWrite guarded(String script) {
        return GuardedWrite.of(BEFORE + script + AFTER, redis);
    }

    private @Nullable Object run(GuardedWrite script, Lease lease, List<String> keys, List<String> arguments) {
        String lock = prefix.text() + lease.key();
        if (keys.contains(lock)) {
            throw new IllegalArgumentException(
                    "'" + Messages.shown(lock) + "' is the lock itself, which must not be written");
        }
        if (!(lease instanceof StoredLease stored)) {
            throw new IllegalArgumentException("the lease on '" + Messages.shown(lease.key()) + "', a "
                    + lease.getClass().getName() + ", is none of a DistributedMutex, so no server knows it");
        }
        if (!lease.isValid()) {
            throw lost(lease, lock, "no longer held", null);
        }
        List<String> allKeys = new ArrayList<>(keys);
        allKeys.add(lock);
        List<String> allArguments = new ArrayList<>(arguments);
        allArguments.add(stored.token());
        List<?> reply = run(script, allKeys, allArguments);
        Object held = reply.get(0);
        if (HELD.equals(held)) {
            return reply.size() < 2 ? null : reply.get(1);
        }
        throw NOBODY.equals(held)
                ? lost(lease, lock, "not held on this server: nobody has the lock", LossReason.REVOKED)
                : lost(lease, lock, "not held on this server: somebody else has the lock", LossReason.TAKEN);
    }

    private List<?> run(GuardedWrite script, List<String> keys, List<String> arguments) {
        try {
            return script.run(redis, keys, arguments);
        } catch (RedisCommandExecutionException e) {
            if (String.valueOf(e.getMessage()).startsWith("CROSSSLOT")) {
                throw new IllegalArgumentException(
                        "the lock '" + Messages.shown(keys.get(keys.size() - 1)) + "' and the keys "
                                + Messages.shown(
                                        keys.subList(0, keys.size() - 1).toString())
                                + " are not in one slot of the cluster: give their names the same hash tag, such as {tag}",
                        e);
            }
            throw e;
        }
    }

    /** What the instance itself knows of the end goes before what the server says. */
    private static LeaseLostException lost(Lease lease, String lock, String how, @Nullable LossReason told) {
        LossReason known = lease.lossReason().orElse(null);
        boolean isLive = known == null && lease.isValid();
        return new LeaseLostException(
                "the lease on '" + Messages.shown(lease.key()) + "' is " + how + " '" + Messages.shown(lock)
                        + "'; nothing was written, stop",
                isLive ? told : known);
    }
}
