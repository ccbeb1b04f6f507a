package io.distributedmutex.redis;

import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.CommandType;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tries once, when a store starts, all that locks need. What an ACL or a server lacks is then named at once, not by the first
 * release that is refused. Only lasting causes count; a server that is loading, out of memory, a replica or silent does not
 * fail the check.
 */
final class StartCheck {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    // Of each two, the first is said by Redis 6.2, and inside scripts by 7.0; the second by later ones and Valkey.
    private static final Pattern COMMAND_DENIED = Pattern.compile("can't run this command|permissions to run");
    private static final Pattern KEY_DENIED = Pattern.compile("one of the keys|permissions to access (a|the '.*') key");
    private static final Pattern CHANNEL_DENIED =
            Pattern.compile("the channel mentioned|one of the channels|permissions to access (a|the '.*') channel");

    /** A digest that no script has. */
    private static final String NO_SCRIPT = "0".repeat(40);

    private static final byte[][] NO_KEYS = {};

    /** What the keys begin with that are tried, behind the prefix. */
    private static final String PROBE = "dmutex:probe:";

    private static final int MAXIMUM_DRAWN = 100_000;

    /** A command that was refused. Top-level ones have nothing that they are about. */
    private record Refused(String command, String about, String said) {}

    private final RedisAsyncCommands<byte[], byte[]> redis;
    private final RedisErrors errors;
    private final Duration limit;
    private final String prefix;
    private final String lock;
    private final byte[][] keys;
    private final byte[][] arguments;
    private final CompletableFuture<List<Refused>> probe;
    private final CompletableFuture<String> digest;

    /** What a cluster says to the command before one for a slot that is moving. */
    private final CompletableFuture<String> asking;

    private final Set<String> unknownCommands = new LinkedHashSet<>();
    /** As ACL SETUSER takes them. */
    private final Set<String> lacking = new LinkedHashSet<>();

    /** Whether grants are pushed by sharded channels. */
    private final boolean isSharded;

    private boolean pushesAreDenied;

    private StartCheck(
            RedisAsyncCommands<byte[], byte[]> redis,
            RedisErrors errors,
            Duration limit,
            String prefix,
            String clientId,
            boolean isSharded,
            boolean isCluster) {
        this.redis = redis;
        this.errors = errors;
        this.limit = limit;
        this.prefix = prefix;
        this.lock = prefix + PROBE + clientId;
        LockKeys all = LockKeys.of(lock);
        this.isSharded = isSharded;
        String channel = isSharded
                ? NodePushes.channelName(ClusterSlots.slotOf(lock), PROBE + clientId)
                : RedisLockStore.GRANTS + "probe:" + clientId;
        this.keys = new byte[][] {all.lock(), all.queue(), all.waiters(), all.fence()};
        this.arguments = new byte[][] {
            keys[0],
            keys[1],
            keys[2],
            keys[3],
            channel.getBytes(StandardCharsets.UTF_8),
            (isSharded ? "SPUBLISH" : "PUBLISH").getBytes(StandardCharsets.US_ASCII)
        };
        this.probe = probe(keys);
        this.digest = RedisErrors.saidBy(redis.evalsha(NO_SCRIPT, ScriptOutputType.MULTI, NO_KEYS));
        this.asking = isCluster
                ? RedisErrors.saidBy(redis.dispatch(CommandType.ASKING, new StatusOutput<>(ByteArrayCodec.INSTANCE)))
                : CompletableFuture.completedFuture("");
    }

    /**
     * Begins to try, on keys of the server that is asked.
     *
     * @param topology where to
     * @param errors says what is wrong
     * @param limit how long a step may take
     * @param prefix of locks
     */
    static StartCheck begin(Topology topology, RedisErrors errors, Duration limit, String prefix) {
        String id = ClientName.draw();
        // A server has one slot of three, or of fifty.
        for (int drawn = 1; drawn < MAXIMUM_DRAWN && !topology.serverHas(PROBE + id); drawn++) {
            id = ClientName.draw();
        }
        return new StartCheck(
                topology.server(),
                errors,
                limit,
                prefix,
                id,
                topology.isSharded(),
                topology.shardOf(PROBE + id).isPresent());
    }

    /** The subscription to grants was refused. */
    void subscriptionDenied(StoreRefusedException refusal) {
        note(new Refused(isSharded ? "SSUBSCRIBE" : "SUBSCRIBE", "", String.valueOf(refusal.getMessage())));
    }

    /**
     * Waits for the outcome.
     *
     * @throws StoreRefusedException if something is missing; the message names all of it
     */
    void end() {
        try {
            List<Refused> refused = Connections.awaitWithin(probe, errors, limit);
            if (refused.stream().anyMatch(each -> each.about().isEmpty() && matches(KEY_DENIED, each))) {
                // Which of them? Keys that a script does not announce are looked at one by one.
                refused = Connections.awaitWithin(probe(NO_KEYS), errors, limit);
            }
            refused.forEach(this::note);
            note(new Refused("EVALSHA", "", Connections.awaitWithin(digest, errors, limit)));
            note(new Refused("ASKING", "", Connections.awaitWithin(asking, errors, limit)));
        } catch (StoreUnreachableException e) {
            if (Thread.currentThread().isInterrupted()) {
                throw e;
            }
            log.debug("what the user may do was not found out", e);
        }
        if (!lacking.isEmpty() || !unknownCommands.isEmpty()) {
            throw errors.lacking(lacking, unknownCommands);
        }
        if (pushesAreDenied) {
            log.warn(
                    "{} does not let this user publish to channels {}*, so a waiter learns of a freed key by its next poll"
                            + " only; the user needs +{} &{}*",
                    errors.server(),
                    RedisLockStore.GRANTS,
                    isSharded ? "spublish" : "publish",
                    RedisLockStore.GRANTS);
        }
    }

    private CompletableFuture<List<Refused>> probe(byte[][] announced) {
        return redis.<List<Object>>eval(Script.PROBE.text(), ScriptOutputType.MULTI, announced, arguments)
                .handle((reply, error) ->
                        error == null ? refused(reply) : List.of(new Refused("EVAL", "", RedisErrors.saidIn(error))))
                .toCompletableFuture();
    }

    /** What the script returns; a server that answers something else will say more when it is asked for locks. */
    private static List<Refused> refused(List<Object> reply) {
        List<String> texts = new ArrayList<>();
        for (Object each : reply) {
            texts.add(each instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : "");
        }
        List<Refused> refused = new ArrayList<>();
        for (int i = 0; i + 2 < texts.size(); i += 3) {
            refused.add(new Refused(texts.get(i), texts.get(i + 1), texts.get(i + 2)));
        }
        return refused;
    }

    private void note(Refused refused) {
        boolean ofCommand = matches(COMMAND_DENIED, refused);
        boolean ofKey = matches(KEY_DENIED, refused);
        boolean ofChannel = matches(CHANNEL_DENIED, refused);
        if (refused.command().endsWith("PUBLISH") && (ofCommand || ofChannel)) {
            pushesAreDenied = true;
        } else if (ofCommand) {
            lacking.add("+" + refused.command().toLowerCase(Locale.ROOT));
        } else if (ofChannel) {
            lacking.add("&" + RedisLockStore.GRANTS + "*");
        } else if (ofKey && !refused.about().equals(lock)) {
            lacking.add("~dmutex:*");
        } else if (ofKey && !prefix.isEmpty()) {
            // Without a prefix the user may well be allowed those keys only that the application locks.
            lacking.add("~" + prefix + "*");
        } else if (RedisErrors.isUnknownCommand(refused.said())) {
            unknownCommands.add(refused.command());
        }
    }

    private static boolean matches(Pattern pattern, Refused refused) {
        return pattern.matcher(refused.said()).find();
    }
}
