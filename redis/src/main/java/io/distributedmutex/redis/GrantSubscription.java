package io.distributedmutex.redis;

import io.distributedmutex.spi.StoreEvents;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connection on which grants are pushed, and the one channel it subscribes to. Lettuce subscribes again after each
 * reconnect; what was pushed meanwhile is lost, and the instance is told so.
 */
final class GrantSubscription {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    private static final long QUIET_NANOS = TimeUnit.MINUTES.toNanos(1);

    private final StatefulRedisPubSubConnection<String, String> connection;
    private final String channel;
    private final String prefix;
    private final StoreEvents events;
    private final AtomicBoolean subscribed = new AtomicBoolean();
    private final AtomicLong nextWarningNanos = new AtomicLong(System.nanoTime());

    GrantSubscription(
            StatefulRedisPubSubConnection<String, String> connection,
            String channel,
            String prefix,
            StoreEvents events) {
        this.connection = connection;
        this.channel = channel;
        this.prefix = prefix;
        this.events = events;
    }

    /**
     * Subscribes.
     *
     * @return completes when grants can be received, or with what went wrong
     */
    Future<Void> start() {
        connection.addListener(new RedisPubSubAdapter<String, String>() {
            @Override
            public void message(String from, String message) {
                received(message);
            }

            @Override
            public void subscribed(String to, long count) {
                if (!subscribed.compareAndSet(false, true)) {
                    tellReconnected();
                }
            }
        });
        return connection.async().subscribe(channel);
    }

    /** The connections were re-established. */
    void tellReconnected() {
        try {
            events.reconnected();
        } catch (Throwable e) {
            log.error("a listener of store events failed", e);
        }
    }

    /** Reads {@code fencing token|how many|token|lock key}. */
    private void received(String push) {
        int first = push.indexOf('|');
        int second = push.indexOf('|', first + 1);
        int third = push.indexOf('|', second + 1);
        if (first < 0 || second < 0 || third < 0) {
            warnOfMalformed(push);
            return;
        }
        String token = push.substring(second + 1, third);
        String lockKey = push.substring(third + 1);
        long fencingToken;
        int fencingTokens;
        try {
            fencingToken = Long.parseLong(push, 0, first, 10);
            fencingTokens = Integer.parseInt(push, first + 1, second, 10);
        } catch (NumberFormatException e) {
            warnOfMalformed(push);
            return;
        }
        boolean numbersAreOurs = fencingToken >= 1
                && fencingToken <= OwnerValue.MAXIMUM_FENCING_TOKEN
                && fencingTokens >= 1
                && fencingTokens <= Replies.MAXIMUM_BLOCK;
        if (!numbersAreOurs || !OwnerValue.isToken(token) || !lockKey.startsWith(prefix)) {
            warnOfMalformed(push);
            return;
        }
        try {
            events.granted(lockKey.substring(prefix.length()), token, fencingToken, fencingTokens);
        } catch (Throwable e) {
            log.error("a listener of store events failed", e);
        }
    }

    private void warnOfMalformed(String push) {
        long next = nextWarningNanos.get();
        long now = System.nanoTime();
        if (now - next >= 0 && nextWarningNanos.compareAndSet(next, now + QUIET_NANOS)) {
            log.warn(
                    "ignored a push of {} characters that is no grant (said at most once a minute); does something"
                            + " else publish to channel {}?",
                    push.length(),
                    channel);
        }
    }
}
