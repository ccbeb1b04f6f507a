package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import io.lettuce.core.api.async.RedisAsyncCommands;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The primary that Sentinels name, wherever that is now. Follows {@link Sentinels} to another as soon as one of them names it,
 * also while the old one still answers, and takes writes: nobody else may be told to lock there any more.
 */
final class SentinelPrimary implements PrimaryTopology, RoleListener {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** The pause between two attempts to connect to a primary that is not there yet, or not one yet. */
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    /** How often a server that says it is a replica is asked again, and the Sentinels with it. */
    private static final long ROLE_MILLIS = 200;

    private static final long LOOK_UP_NANOS = TimeUnit.MILLISECONDS.toNanos(ROLE_MILLIS);

    private final RedisErrors errors;
    private final Sentinels sentinels;
    private final PrimaryConnections primary;

    /** When the Sentinels may be asked again for a reason that comes often. */
    private final AtomicLong nextLookUpNanos = new AtomicLong(System.nanoTime());

    /** Whether another primary was named that is not connected to yet. */
    private final AtomicBoolean hasMoved = new AtomicBoolean();

    private volatile Runnable moved = () -> {};

    /** Whether the server is being asked for its role, until it is the primary. */
    private final AtomicBoolean checking = new AtomicBoolean();

    private SentinelPrimary(Connections connections, Sentinels sentinels, RedisErrors errors, Duration timeout) {
        this.errors = errors;
        this.sentinels = sentinels;
        this.primary = new PrimaryConnections(connections, errors, timeout, this);
    }

    /**
     * Connects to the primary that the Sentinels name. Goes on trying, as {@link ConnectLimits} says, while none of them names
     * one that is there and says that it is the primary.
     *
     * @param uri with the Sentinels
     * @param ssl how to speak TLS; null for as the JDK does
     * @param errors says what went wrong
     * @param limits how long it may take
     * @return the primary
     */
    static SentinelPrimary open(RedisURI uri, @Nullable SslOptions ssl, RedisErrors errors, ConnectLimits limits) {
        OwnClient own = new OwnClient(uri, ssl, limits.command());
        boolean opened = false;
        try {
            Sentinels sentinels = Objects.requireNonNull(own.sentinels());
            Opened first = connect(own, sentinels, errors, limits);
            SentinelPrimary primary = new SentinelPrimary(first.connections(), sentinels, errors, limits.command());
            sentinels.onMoved(primary::moved);
            if (!first.at().isAt(Objects.requireNonNull(sentinels.primary()))) {
                // It moved before anybody was told.
                primary.moved();
            }
            opened = true;
            return primary;
        } catch (RedisException e) {
            throw errors.connecting(e);
        } finally {
            if (!opened) {
                own.close();
            }
        }
    }

    private record Opened(Connections connections, Sentinels.Primary at) {}

    private static Opened connect(OwnClient own, Sentinels sentinels, RedisErrors errors, ConnectLimits limits) {
        sentinels.start();
        Sentinels.Primary named = sentinels.await(errors, limits.begin());
        ConnectLimits.Deadline deadline = limits.begin();
        @Nullable StoreException said = null;
        while (true) {
            StoreException failure;
            @Nullable Connections connections = null;
            boolean usable = false;
            try {
                connections = Connections.tryOnce(own, errors, deadline);
                RedisAsyncCommands<byte[], byte[]> server =
                        connections.commands().async();
                if (Connections.awaitWithin(ServerRole.ask(server), errors, deadline.left()) == ServerRole.REPLICA) {
                    failure = errors.replica(named.text());
                    sentinels.doubt();
                } else {
                    ServerCheck.check(server, errors, deadline.left());
                    usable = named.isAt(Objects.requireNonNull(sentinels.primary()));
                    if (usable) {
                        return new Opened(connections, named);
                    }
                    // The connections may be to either.
                    failure = errors.movedAway(named.text());
                }
            } catch (StoreUnreachableException e) {
                failure = e;
                sentinels.lookUp();
            } catch (StoreRefusedException e) {
                if (!e.isTransient()) {
                    throw e;
                }
                failure = e;
            } finally {
                if (connections != null && !usable) {
                    connections.drop();
                }
            }
            boolean silent = RedisErrors.isSilence(failure);
            said = silent ? said : failure;
            if (!deadline.allowsRetry(silent)) {
                throw said == null ? failure : said;
            }
            named = sentinels.awaitOtherThan(named, System.nanoTime() + PAUSE_NANOS);
        }
    }

    @Override
    public PrimaryConnections primary() {
        return primary;
    }

    @Override
    public Sender commands(String key) {
        sentinels.used();
        return primary.commands();
    }

    @Override
    public boolean onMoved(Runnable moved) {
        this.moved = moved;
        return true;
    }

    @Override
    public void close() {
        sentinels.close();
        primary.close();
    }

    /** The Sentinels have chosen another primary. Whether the old one is dead or well, nobody is to lock there any more. */
    private void moved() {
        Sentinels.Primary now = sentinels.primary();
        hasMoved.set(true);
        log.info("{}: the primary is now {}", errors.server(), now == null ? "unknown" : Texts.foreign(now.text()));
        primary.connections().connectAnew();
    }

    @Override
    public void connected(SocketAddress at) {
        if (sentinels.nameAnotherThan(at)) {
            // Which is left, and there will be another connection.
            return;
        }
        if (hasMoved.compareAndSet(true, false)) {
            moved.run();
        }
        checkRole();
    }

    @Override
    public void readOnly() {
        if (isTimeToLookUp()) {
            sentinels.doubt();
            checkRole();
        }
    }

    @Override
    public void silent() {
        if (isTimeToLookUp()) {
            sentinels.lookUp();
        }
    }

    private boolean isTimeToLookUp() {
        long next = nextLookUpNanos.get();
        long now = System.nanoTime();
        return now - next >= 0 && nextLookUpNanos.compareAndSet(next, now + LOOK_UP_NANOS);
    }

    /** Asks the server whether it is the primary. One that is not is asked until it is, or the Sentinels name another. */
    private void checkRole() {
        if (checking.compareAndSet(false, true)) {
            askRole();
        }
    }

    @SuppressWarnings("FutureReturnValueIgnored") // What comes of it is taken in here.
    private void askRole() {
        boolean asked = false;
        try {
            ServerRole.ask(server()).whenComplete((role, error) -> {
                if (role == ServerRole.REPLICA) {
                    sentinels.doubt();
                    askRoleLater();
                    return;
                }
                checking.set(false);
                if (role == ServerRole.PRIMARY) {
                    sentinels.trust();
                }
            });
            asked = true;
        } finally {
            if (!asked) {
                checking.set(false);
            }
        }
    }

    private void askRoleLater() {
        try {
            Future<?> unused = primary.connections()
                    .commands()
                    .getResources()
                    .eventExecutorGroup()
                    .schedule(this::askRole, ROLE_MILLIS, TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            // The client is shutting down.
            checking.set(false);
        }
    }
}
