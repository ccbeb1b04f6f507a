package io.distributedmutex.redis;

import io.distributedmutex.spi.StoreEvents;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import java.net.SocketAddress;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connection on which grants are pushed, and its channel. Only the server's confirmation makes it subscribed. After a
 * reconnect Lettuce asks once; a server that is busy or refuses at that moment would never be asked again. So this class asks
 * until the server confirms. Pushes in between are lost, so the instance then hears that grants may have been missed.
 *
 * <p>There is a second channel, for messages of other instances. Locks do without it, so it is asked for with each
 * confirmation of the first, and a server that refuses it is told of once.
 */
final class GrantSubscription {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    private static final long QUIET_NANOS = TimeUnit.MINUTES.toNanos(1);

    /** The longest pause before the first look at a subscription that is not there; it doubles each time. */
    private static final long FIRST_PAUSE_MILLIS = 100;

    /** The longest pause of all. */
    private static final long LONGEST_PAUSE_MILLIS = 2_000;

    /** How long a subscription may be missing before a WARN says so: connections come and go. */
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** For how long the news that commands work again waits for the subscription, which is about to be there too. */
    private static final long TOGETHER_MILLIS = 100;

    private final StatefulRedisPubSubConnection<String, String> connection;
    private final CommandConnection commands;
    private final Connections connections;
    private final long timeoutNanos;
    private final ClientName client;
    private final String messages;
    private final KeyPrefix prefix;
    private final StoreEvents events;
    private final ScheduledExecutorService executor;

    private final AtomicLong nextWarningNanos = new AtomicLong(System.nanoTime());
    private final AtomicLong malformed = new AtomicLong();

    private volatile boolean closed;

    /** Whether the server has confirmed the channel of messages on this connection. */
    private volatile boolean hearsMessages;

    private final AtomicBoolean refusalTold = new AtomicBoolean();

    /** Whether the server has confirmed that this connection is subscribed, to the channel of its name. */
    private volatile boolean subscribed;

    /** The name that this connection gets when its channel is subscribed to; null if it has its name. */
    private volatile @Nullable String nextName;

    /** Whether grants may have been missed of which the instance does not know yet. */
    private volatile boolean missed;

    // Guarded by this.
    /** The next look at whether it is subscribed. */
    private @Nullable Future<?> look;

    /** How many looks there were since it was last subscribed. */
    private int looks;

    /** When the server was last asked without having answered yet; only meaningful while unanswered. */
    private long askedNanos;

    private boolean unanswered;

    /** Since when commands work but pushes do not; only meaningful while alone. */
    private long aloneSinceNanos;

    private boolean alone;

    private boolean warned;

    /**
     * A subscription that is yet to be made.
     *
     * @param connections where its connection is from
     * @param commands tells whether commands work
     * @param timeoutNanos how long the server may take to answer
     * @param client whose channel to subscribe to, and who gets a new name with each connection
     * @param messages the channel of messages to the instance
     * @param prefix of the store's locks
     * @param events hears of grants
     */
    GrantSubscription(
            Connections connections,
            CommandConnection commands,
            long timeoutNanos,
            ClientName client,
            String messages,
            KeyPrefix prefix,
            StoreEvents events) {
        this.connections = connections;
        this.connection = connections.pushes();
        this.commands = commands;
        this.timeoutNanos = timeoutNanos;
        this.client = client;
        this.messages = messages;
        this.prefix = prefix;
        this.events = events;
        this.executor = connection.getResources().eventExecutorGroup();
    }

    /**
     * Subscribes.
     *
     * @return completes when grants can be received, with whether messages can too; or with what went wrong
     */
    Future<Boolean> start() {
        connection.addListener(new RedisPubSubAdapter<String, String>() {
            @Override
            public void message(String from, String message) {
                if (from.equals(messages)) {
                    told(message);
                } else {
                    received(message);
                }
            }

            @Override
            public void subscribed(String to, long count) {
                if (to.equals(messages)) {
                    hearsMessages = true;
                } else if (to.equals(channel())) {
                    confirmed();
                } else if (!to.equals(channelOf(client.current()))) {
                    // Lettuce subscribes anew to whatever it was subscribed to when the connection was lost.
                    unsubscribe(to);
                }
            }

            /** Not by us. Whoever took the subscription from this connection has to give it back. */
            @Override
            public void unsubscribed(String from, long count) {
                missed |= from.equals(channel());
            }
        });
        // In this order: who finds grants confirmed looks whether messages are.
        CompletionStage<Boolean> second = askForMessages();
        RedisFuture<Void> first = connection.async().subscribe(channel());
        connection.addListener(new RedisConnectionStateListener() {
            @Override
            public void onRedisConnected(RedisChannelHandler<?, ?> channel, SocketAddress address) {
                connections.reconnectAtOnce();
                lookIn(0);
            }

            @Override
            public void onRedisDisconnected(RedisChannelHandler<?, ?> channel) {
                lost();
            }
        });
        if (!connection.isOpen()) {
            lost();
        }
        return first.thenCombine(second, (grants, heard) -> heard).toCompletableFuture();
    }

    /** Completes with whether the server grants it. */
    private CompletionStage<Boolean> askForMessages() {
        return connection.async().subscribe(messages).handle((subscribed, error) -> {
            if (error != null && this.subscribed && RedisErrors.refusal(error) != null) {
                warnOfNoMessages(error);
            }
            return error == null;
        });
    }

    private void warnOfNoMessages(Throwable refusal) {
        if (refusalTold.compareAndSet(false, true)) {
            log.warn(
                    "{} does not let this user subscribe to channels {}*, so deadlocks with other instances are not found; the"
                            + " user needs &{}*: {}",
                    commands.errors().server(),
                    RedisLockStore.MESSAGES,
                    RedisLockStore.MESSAGES,
                    commands.errors().connecting(refusal).getMessage());
        }
    }

    /** Whether grants arrive. If they do not, it is made sure that somebody cares for it, since somebody waits for one. */
    boolean isSubscribed() {
        if (!subscribed) {
            lookIn(FIRST_PAUSE_MILLIS);
        }
        return subscribed;
    }

    /** Commands work again. */
    void commandsReconnected() {
        missed = true;
        if (subscribed) {
            tellReconnected();
            return;
        }
        connections.reconnectAtOnce();
        try {
            Future<?> unused = executor.schedule(this::tellReconnected, TOGETHER_MILLIS, TimeUnit.MILLISECONDS);
        } catch (Throwable e) {
            tellReconnected();
        }
        lookIn(0);
    }

    /** Asks no more. */
    void close() {
        closed = true;
    }

    private void lost() {
        missed = true;
        subscribed = false;
        hearsMessages = false;
        nextName = ClientName.draw();
        synchronized (this) {
            unanswered = false;
        }
        lookIn(FIRST_PAUSE_MILLIS);
    }

    /** What is to be subscribed to: of the name that this connection is to have. */
    private String channel() {
        String next = nextName;
        return channelOf(next != null ? next : client.current());
    }

    private static String channelOf(String name) {
        return RedisLockStore.GRANTS + name;
    }

    private void confirmed() {
        takeName();
        boolean toBeTold;
        synchronized (this) {
            toBeTold = warned;
            subscribed = true;
            warned = false;
            alone = false;
            unanswered = false;
            looks = 0;
        }
        if (!hearsMessages && !closed) {
            CompletionStage<Boolean> unused = askForMessages();
        }
        if (missed && commands.isOpen()) {
            tellReconnected();
        }
        if (toBeTold) {
            log.warn("{}: subscribed to pushes again", commands.errors().server());
        }
    }

    /** Until now what was pushed to the name before came here too, since Lettuce has subscribed to that channel anew. */
    private void takeName() {
        String next = nextName;
        if (next != null) {
            String before = client.current();
            client.become(next);
            nextName = null;
            unsubscribe(channelOf(before));
        }
    }

    @SuppressWarnings("FutureReturnValueIgnored") // If that is lost, the connection is too.
    private void unsubscribe(String from) {
        connection.async().unsubscribe(from);
    }

    /** Looks at the latest after a pause, or at an earlier time that is set already. */
    private synchronized void lookIn(long millis) {
        Future<?> set = look;
        if (closed || (millis > 0 && set != null && !set.isDone())) {
            return;
        }
        if (set != null) {
            set.cancel(false);
        }
        try {
            look = executor.schedule(this::look, millis, TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            // The client is shutting down.
            look = null;
        }
    }

    private void look() {
        if (closed || subscribed) {
            return;
        }
        boolean open = connection.isOpen();
        boolean silent;
        boolean ask;
        long pause;
        synchronized (this) {
            long now = System.nanoTime();
            silent = open && unanswered && now - askedNanos >= timeoutNanos;
            ask = open && (!unanswered || silent);
            looks++;
            if (ask) {
                askedNanos = now;
                unanswered = true;
            }
            pause = Math.min(LONGEST_PAUSE_MILLIS, FIRST_PAUSE_MILLIS << Math.min(looks, 10));
            look = null;
        }
        // First, so that nothing that goes wrong below keeps it from being looked at again.
        lookIn(pause - ThreadLocalRandom.current().nextLong(pause / 2));
        warnOfSilence();
        if (!open) {
            connections.reconnectIfForgotten();
        } else if (silent) {
            // Whoever does not answer this may be dead without knowing it.
            connections.reconnectPushes();
        } else if (ask) {
            ask();
        }
    }

    @SuppressWarnings("FutureReturnValueIgnored") // What comes of it is taken in here.
    private void ask() {
        connection.async().subscribe(channel()).whenComplete((ignored, error) -> {
            if (error != null) {
                synchronized (this) {
                    unanswered = false;
                }
                if (RedisErrors.refusal(error) != null) {
                    warn(commands.errors().connecting(error).getMessage());
                }
            }
        });
    }

    private void warnOfSilence() {
        boolean tooLong;
        synchronized (this) {
            long now = System.nanoTime();
            if (!commands.isOpen()) {
                alone = false;
            } else if (!alone) {
                alone = true;
                aloneSinceNanos = now;
            }
            tooLong = alone && now - aloneSinceNanos >= PATIENCE_NANOS;
        }
        if (tooLong) {
            warn(connection.isOpen() ? "it does not answer" : "there is no connection for them");
        }
    }

    private void warn(@Nullable String why) {
        synchronized (this) {
            if (warned || subscribed) {
                return;
            }
            warned = true;
        }
        log.warn(
                "{}: not subscribed to pushes, so that locks are handed over at the waiters' next poll only; asking until it"
                        + " works: {}",
                commands.errors().server(),
                why);
    }

    /** Commands work again, or pushes, or both. Reported once for both unless one comes much later. */
    private void tellReconnected() {
        if (!missed || closed) {
            return;
        }
        missed = !subscribed;
        try {
            events.reconnected();
        } catch (Throwable e) {
            log.error("a listener of store events failed", e);
        }
    }

    private void received(String message) {
        Push push = Push.parse(message, prefix);
        if (push == null) {
            warnOfMalformed(message);
            return;
        }
        try {
            events.granted(push.key(), push.token(), push.fencingToken(), push.fencingTokens());
        } catch (Throwable e) {
            log.error("a listener of store events failed", e);
        }
    }

    private void told(String message) {
        try {
            events.message(message);
        } catch (Throwable e) {
            log.error("a listener of store events failed", e);
        }
    }

    private void warnOfMalformed(String push) {
        malformed.incrementAndGet();
        long next = nextWarningNanos.get();
        long now = System.nanoTime();
        if (now - next >= 0 && nextWarningNanos.compareAndSet(next, now + QUIET_NANOS)) {
            log.warn(
                    "dropped {} pushes that are no grants, the last of {} characters (said at most once a minute); does"
                            + " something else publish to channel {}?",
                    malformed.getAndSet(0),
                    push.length(),
                    channel());
        }
    }
}
