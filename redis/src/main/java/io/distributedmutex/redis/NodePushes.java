package io.distributedmutex.redis;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connection on which one master of a cluster pushes grants, made when this instance first waits for a key there.
 *
 * <p>A script counts only those whom its own node reaches; by that it finds out that a waiter is gone. So an instance subscribes
 * at the node that publishes. From Redis 7.0 on, and on Valkey, each slot has a channel of its own, which only nodes of its shard
 * carry ({@code SSUBSCRIBE}); on Redis 6.2 there is one channel for the connection, and all nodes carry it. Each connection has a
 * name of its own, which tells scripts the kind of channel.
 *
 * <p>Lettuce would subscribe to the channels of several slots in one command after a reconnect, which a cluster refuses, and does
 * not subscribe again to those of a slot that came back. So nothing here is left to it: a connection that is lost is made anew
 * here.
 */
final class NodePushes {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** What the name of a connection with sharded channels begins with; see grant.lua. */
    private static final String SHARDED = "shard-";

    /** The same, of one with a channel that all nodes of the cluster carry. */
    private static final String CLASSIC = "nodes-";

    private static final long FIRST_PAUSE_MILLIS = 100;
    private static final long LONGEST_PAUSE_MILLIS = 2_000;

    /** For how long a channel is kept after the last look at it: longer than two polls, of 1 min at most. */
    static final long KEPT_NANOS = TimeUnit.SECONDS.toNanos(150);

    /** Stands for the channel of messages among those of slots. */
    private static final int MESSAGES = -1;

    /** What hears of pushes. */
    interface Listener {

        /** A grant was pushed. */
        void received(String push);

        /** A message came. */
        void told(String message);

        /** Grants may have been missed. */
        void missed();

        /** A slot, or the whole node, may have another master now. */
        void doubtful();
    }

    /** A channel that is wanted. Guarded by the pushes. */
    private static final class Channel {
        private final String name;
        private long wantedNanos;
        private long askedNanos;
        private boolean asked;
        private boolean confirmed;

        /** Whether somebody has waited for it to be confirmed, or need not. */
        private boolean isAwaited;

        /** Of whoever waits for it. */
        private final CompletableFuture<Boolean> outcome = new CompletableFuture<>();

        Channel(String name, long nowNanos) {
            this.name = name;
            this.wantedNanos = nowNanos;
        }
    }

    private final ClusterNode node;
    private final NodeClient client;
    private final long timeoutNanos;
    private final String messages;
    private final Listener listener;

    private volatile String name;

    // Guarded by this.
    private final Map<Integer, Channel> channels = new HashMap<>();
    private @Nullable PushConnection connection;
    private boolean connecting;
    private boolean isSharded;
    private boolean missed;
    private boolean closed;

    /** Whether a refusal was told that has not ended since. */
    private boolean warned;

    private int failures;
    private boolean lookIsDue;
    private boolean sweepIsDue;

    /**
     * Pushes of a node; connects nothing.
     *
     * @param node the node
     * @param client makes the connection
     * @param isSharded whether the server has sharded channels; if it has not, it says so
     * @param timeoutNanos how long the server may take to answer
     * @param messages the channel of messages to this instance
     * @param listener hears of them
     */
    NodePushes(
            ClusterNode node,
            NodeClient client,
            boolean isSharded,
            long timeoutNanos,
            String messages,
            Listener listener) {
        this.node = node;
        this.isSharded = isSharded;
        this.name = drawName(isSharded);
        this.client = client;
        this.timeoutNanos = timeoutNanos;
        this.messages = messages;
        this.listener = listener;
    }

    /** The channel of a slot, which is in that slot. */
    static String channelName(int slot, String name) {
        return RedisLockStore.GRANTS + '{' + SlotTags.tagOf(slot) + '}' + name;
    }

    private static String drawName(boolean isSharded) {
        return (isSharded ? SHARDED : CLASSIC) + ClientName.draw();
    }

    /** The name of the connection; of the next one while there is none. */
    String name() {
        return name;
    }

    /** Whether grants for a slot arrive. From now on they are to: somebody waits for one. */
    synchronized boolean isSubscribed(int slot) {
        Channel channel = want(slot);
        return channel.confirmed;
    }

    /**
     * The beginning of a subscription, for which a first request may wait; later ones do not.
     *
     * @param slot the slot
     * @return completes when grants arrive; null if that was asked before
     */
    synchronized @Nullable CompletableFuture<Boolean> firstOutcome(int slot) {
        Channel channel = want(slot);
        if (channel.isAwaited || channel.confirmed) {
            return null;
        }
        channel.isAwaited = true;
        return channel.outcome;
    }

    /** Subscribes to grants of a slot; completes with true, or with what the server refuses it with. */
    synchronized CompletableFuture<Boolean> subscribe(int slot) {
        return want(slot).outcome;
    }

    /** Subscribes to messages to this instance. */
    CompletableFuture<Boolean> subscribeToMessages() {
        return subscribe(MESSAGES);
    }

    private Channel want(int slot) {
        Channel channel = channel(slot);
        channel.wantedNanos = client.nanoTime();
        if (!channel.confirmed && !channel.asked) {
            work();
        }
        sweepLater();
        return channel;
    }

    /** All slots share a channel where there is none for each. Guarded by this. */
    private Channel channel(int slot) {
        if (slot == MESSAGES) {
            return channel(MESSAGES, messages);
        }
        return isSharded ? channel(slot, channelName(slot, name)) : channel(0, RedisLockStore.GRANTS + name);
    }

    private Channel channel(int slot, String channelName) {
        return channels.computeIfAbsent(slot, any -> new Channel(channelName, client.nanoTime()));
    }

    /** Whether anybody waits here, or waited a moment ago. */
    synchronized boolean isUsed() {
        return !channels.isEmpty();
    }

    /** Ends the connection, and makes another where there was one. */
    void renew() {
        @Nullable PushConnection open;
        synchronized (this) {
            open = connection;
        }
        if (open != null) {
            lost(open);
        }
    }

    /** Ends the connection for good. */
    void close() {
        end(forget());
    }

    /** Asks for nothing more; returns the connection, if there is one. */
    @Nullable
    PushConnection forget() {
        @Nullable PushConnection last;
        List<Channel> ended;
        synchronized (this) {
            closed = true;
            last = connection;
            connection = null;
            ended = new ArrayList<>(channels.values());
            channels.clear();
        }
        ended.forEach(channel -> channel.outcome.complete(false));
        return last;
    }

    private static void end(@Nullable PushConnection connection) {
        if (connection != null) {
            connection.end();
        }
    }

    /** Connects, or asks for what is not confirmed. Guarded by this. */
    private void work() {
        if (closed || channels.isEmpty()) {
            return;
        }
        PushConnection open = connection;
        if (open == null) {
            if (!connecting) {
                connecting = true;
                connect();
            }
            return;
        }
        for (Map.Entry<Integer, Channel> each : List.copyOf(channels.entrySet())) {
            Channel channel = each.getValue();
            if (!channel.confirmed && !channel.asked) {
                channel.asked = true;
                channel.askedNanos = client.nanoTime();
                ask(open, each.getKey(), channel);
            }
        }
        if (channels.values().stream().anyMatch(channel -> !channel.confirmed)) {
            lookLater(TimeUnit.NANOSECONDS.toMillis(timeoutNanos) + 1);
        }
    }

    @SuppressWarnings("FutureReturnValueIgnored") // What comes of it is taken in here.
    private void connect() {
        client.connectPushes(node.address())
                .whenComplete((opened, error) -> client.execute(() -> connected(opened, error)));
    }

    private void connected(@Nullable PushConnection opened, @Nullable Throwable error) {
        if (opened != null) {
            opened.listen(new Incoming(opened));
        }
        boolean isLate;
        List<Channel> refused = List.of();
        synchronized (this) {
            connecting = false;
            isLate = closed;
            if (opened != null && !closed) {
                connection = opened;
                failures = 0;
                work();
            } else if (!closed) {
                failures++;
                if (error != null && RedisErrors.refusal(error) != null) {
                    refused = new ArrayList<>(channels.values());
                }
                lookLater(pause());
            }
        }
        if (isLate) {
            end(opened);
        } else if (opened == null) {
            refused.forEach(channel -> channel.outcome.completeExceptionally(Objects.requireNonNull(error)));
            listener.doubtful();
        } else if (!opened.isOpen()) {
            lost(opened);
        }
    }

    private long pause() {
        return Math.min(LONGEST_PAUSE_MILLIS, FIRST_PAUSE_MILLIS << Math.min(failures, 10));
    }

    /** The next connection has another name, and so other channels. Guarded by this. */
    private void rename() {
        name = drawName(isSharded);
        Map<Integer, Channel> before = new HashMap<>(channels);
        channels.clear();
        before.forEach((slot, old) -> {
            Channel channel = channel(slot);
            channel.wantedNanos = Math.max(channel.wantedNanos, old.wantedNanos);
            channel.isAwaited = true;
            CompletableFuture<Boolean> unused = channel.outcome.whenComplete((heard, error) -> {
                if (error == null) {
                    old.outcome.complete(heard);
                } else {
                    old.outcome.completeExceptionally(error);
                }
            });
        });
    }

    private void ask(PushConnection open, int slot, Channel channel) {
        boolean sharded = isSharded && slot != MESSAGES;
        CompletionStage<Void> unused = open.subscribe(channel.name, sharded).whenComplete((ignored, error) -> {
            if (error != null) {
                client.execute(() -> refused(open, slot, channel, sharded, error));
            }
        });
    }

    private void refused(PushConnection open, int slot, Channel channel, boolean sharded, Throwable error) {
        String said = RedisErrors.saidIn(error);
        if (said.isEmpty()) {
            // The connection has ended, or is about to.
            lost(open);
            return;
        }
        if (sharded && RedisErrors.isUnknownCommand(said)) {
            boolean first;
            synchronized (this) {
                first = isSharded && open == connection;
                if (first) {
                    isSharded = false;
                    // Who waits here already does so under a name by which this server can tell nobody.
                    missed = true;
                    rename();
                    work();
                }
            }
            return;
        }
        boolean moved = Redirect.isOne(said);
        synchronized (this) {
            channel.asked = false;
            if (moved) {
                // Whoever waits for it asks elsewhere next time.
                channels.remove(slot, channel);
            } else {
                failures++;
                lookLater(pause());
            }
        }
        if (moved) {
            channel.outcome.complete(false);
            listener.doubtful();
            listener.missed();
        } else {
            channel.outcome.completeExceptionally(error);
            warn(said);
        }
    }

    private void warn(String said) {
        boolean first;
        synchronized (this) {
            first = !warned;
            warned = true;
        }
        if (first) {
            log.warn(
                    "{}: not subscribed to pushes, so that its locks are handed over at the waiters' next poll only; asking"
                            + " until it works: {}",
                    node.errors().server(),
                    Texts.foreign(said));
        }
    }

    /** Looks at what is not confirmed, once, later. Guarded by this. */
    private void lookLater(long millis) {
        if (!lookIsDue && !closed) {
            lookIsDue = client.schedule(this::look, millis);
        }
    }

    private void look() {
        @Nullable PushConnection silent = null;
        synchronized (this) {
            lookIsDue = false;
            long now = client.nanoTime();
            for (Channel channel : channels.values()) {
                if (channel.asked && !channel.confirmed && now - channel.askedNanos >= timeoutNanos) {
                    silent = connection;
                }
            }
            if (silent == null) {
                work();
            }
        }
        if (silent != null) {
            // Whoever does not answer this may be dead without knowing it.
            end(silent);
            lost(silent);
        }
    }

    private void lost(PushConnection which) {
        synchronized (this) {
            if (connection != which) {
                return;
            }
            connection = null;
            missed = true;
            failures++;
            rename();
            if (!channels.isEmpty()) {
                lookLater(failures == 1 ? 1 : pause());
            }
        }
        end(which);
        listener.doubtful();
    }

    /** The server has confirmed a channel. */
    private void confirmed(PushConnection at, String to) {
        @Nullable Channel found = null;
        boolean tell = false;
        synchronized (this) {
            for (Channel channel : channels.values()) {
                if (at == connection && channel.name.equals(to)) {
                    channel.confirmed = true;
                    warned = false;
                    channel.asked = false;
                    found = channel;
                }
            }
            if (found != null && missed && channels.values().stream().allMatch(channel -> channel.confirmed)) {
                missed = false;
                tell = true;
            }
        }
        if (found != null) {
            found.outcome.complete(true);
        }
        if (tell) {
            listener.missed();
        }
    }

    /** Not by us: the slot has gone to another master, or this node has left its shard. */
    private void taken(PushConnection at, String from) {
        boolean unasked = false;
        synchronized (this) {
            if (at == connection) {
                unasked = channels.values().removeIf(channel -> channel.name.equals(from));
            }
        }
        if (unasked) {
            listener.doubtful();
            listener.missed();
        }
    }

    private void sweepLater() {
        if (!sweepIsDue && !closed) {
            sweepIsDue = client.schedule(this::sweep, TimeUnit.NANOSECONDS.toMillis(KEPT_NANOS));
        }
    }

    /** Ends what nobody has looked at for long, and the connection with the last of it. */
    private void sweep() {
        List<Channel> ended = new ArrayList<>();
        @Nullable PushConnection open;
        boolean sharded;
        boolean last;
        synchronized (this) {
            sweepIsDue = false;
            long now = client.nanoTime();
            channels.entrySet().removeIf(each -> {
                boolean over = each.getKey() != MESSAGES && now - each.getValue().wantedNanos >= KEPT_NANOS;
                if (over) {
                    ended.add(each.getValue());
                }
                return over;
            });
            open = connection;
            sharded = isSharded;
            last = channels.isEmpty();
            if (last) {
                connection = null;
            } else if (channels.size() > 1 || !channels.containsKey(MESSAGES)) {
                sweepLater();
            }
        }
        if (last) {
            end(open);
        } else if (open != null) {
            ended.forEach(channel -> open.unsubscribe(channel.name, sharded));
        }
    }

    private final class Incoming implements PushConnection.Listener {

        private final PushConnection at;

        Incoming(PushConnection at) {
            this.at = at;
        }

        @Override
        public void received(String from, String message) {
            if (from.equals(messages)) {
                listener.told(message);
            } else {
                listener.received(message);
            }
        }

        @Override
        public void subscribed(String to) {
            confirmed(at, to);
        }

        @Override
        public void unsubscribed(String from) {
            taken(at, from);
        }

        @Override
        public void lost() {
            NodePushes.this.lost(at);
        }
    }
}
