package io.distributedmutex.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One server, which the user has named, or wherever the application's client connects to. */
final class OnePrimary implements PrimaryTopology, RoleListener {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** How long a server may say that it is a read-only replica before it is looked up anew. */
    private static final long READ_ONLY_PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final RedisErrors errors;
    private final PrimaryConnections primary;

    /** When the server first said that it is read-only; only meaningful while readOnly. */
    private volatile long readOnlySinceNanos;

    private volatile boolean readOnly;

    private OnePrimary(Connections connections, RedisErrors errors, Duration timeout) {
        this.errors = errors;
        this.primary = new PrimaryConnections(connections, errors, timeout, this);
    }

    /**
     * Connects with a client of our own.
     *
     * @param uri where to
     * @param ssl how to speak TLS; null for as the JDK does
     * @param errors says what went wrong
     * @param limits how long it may take
     * @return the server
     */
    static OnePrimary open(RedisURI uri, @Nullable SslOptions ssl, RedisErrors errors, ConnectLimits limits) {
        return checked(
                new OnePrimary(Connections.open(uri, ssl, errors, limits), errors, limits.command()), errors, limits);
    }

    /**
     * Connects with the application's client, by that client's own rules.
     *
     * @param client the application's client
     * @param errors says what went wrong
     * @param limits how long it may take
     * @return the server
     * @throws IllegalStateException if the client is shut down or has no URI
     */
    static OnePrimary open(RedisClient client, RedisErrors errors, ConnectLimits limits) {
        return checked(new OnePrimary(Connections.open(client, errors), errors, limits.command()), errors, limits);
    }

    private static OnePrimary checked(OnePrimary opened, RedisErrors errors, ConnectLimits limits) {
        boolean usable = false;
        try {
            ServerCheck.check(opened.server(), errors, limits.silence());
            usable = true;
            return opened;
        } finally {
            if (!usable) {
                opened.close();
            }
        }
    }

    @Override
    public PrimaryConnections primary() {
        return primary;
    }

    /** Whether a name leads elsewhere after a reconnect is not known. */
    @Override
    public boolean onMoved(Runnable moved) {
        return false;
    }

    @Override
    public void connected(SocketAddress at) {
        readOnly = false;
    }

    /** A primary that was demoted may keep its connections; asking DNS, or the client's Sentinels, anew finds its successor. */
    @Override
    public void readOnly() {
        long now = System.nanoTime();
        if (!readOnly) {
            readOnlySinceNanos = now;
            readOnly = true;
        } else if (now - readOnlySinceNanos > READ_ONLY_PATIENCE_NANOS) {
            readOnly = false;
            log.info("{} is still a read-only replica; reconnecting, in case its name has moved", errors.server());
            primary.connections().reconnect();
        }
    }

    /** The connection sees to that itself. */
    @Override
    public void silent() {}
}
