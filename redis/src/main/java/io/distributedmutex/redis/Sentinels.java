package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.RedisURI;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import io.lettuce.core.sentinel.api.StatefulRedisSentinelConnection;
import io.lettuce.core.sentinel.api.async.RedisSentinelAsyncCommands;
import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Knows the primary, by what its Sentinels say. A connection to each of them is subscribed to what they publish when they choose
 * another; whatever it says, and whenever it is made, that Sentinel is asked. So a change is known within milliseconds of the
 * first Sentinel that knows it, and one Sentinel that is dead, late or cut off costs nothing.
 *
 * <p>Sentinels learn of a change one after the other. So an answer counts by its <em>epoch</em>, the number of the decision that it
 * is from (config-epoch, which Sentinels count up by consensus): a later decision replaces an earlier one, never the reverse. Two
 * answers count whatever their epoch, since an administrator may have made the Sentinels begin anew: that of the Sentinel that
 * named the primary of now, and any if that primary itself says that it is a replica.
 *
 * <p>While requests are sent, each subscription is tried twice a second; one that does not answer is made anew. A question
 * without an answer is then asked again.
 *
 * <p>Thread-safe.
 */
final class Sentinels {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** The first two end a failover, as the Sentinel that leads it and as the others see it; the last is by hand. */
    private static final String[] EVENTS = {"+promoted-slave", "+switch-master", "+monitor"};

    /** How often a subscription is tried, while requests are sent. It has to answer before the next time. */
    private static final long BEAT_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    /** The longest pause before the second attempt to reach a Sentinel; it doubles each time. */
    private static final long FIRST_PAUSE_MILLIS = 50;

    private static final long LONGEST_PAUSE_MILLIS = 1_000;

    /** How long a Sentinel has to answer. */
    private static final long ANSWER_MILLIS = 1_000;

    /** When a Sentinel that is not reached is no longer the only one to be believed on what it said last. */
    private static final long SOURCE_NANOS = TimeUnit.SECONDS.toNanos(10);

    /**
     * The primary, as a Sentinel named it.
     *
     * @param host its name or address
     * @param port its port
     * @param epoch the number of the decision
     * @param source which Sentinel said so
     */
    record Primary(String host, int port, long epoch, int source) {

        boolean isAt(Primary other) {
            return host.equals(other.host) && port == other.port;
        }

        SocketAddress address() {
            return InetSocketAddress.createUnresolved(host, port);
        }

        /** Whether a connection can be to this one: where a name stands for the host, the port decides. */
        boolean canBeAt(SocketAddress remote) {
            if (!(remote instanceof InetSocketAddress internet)) {
                // It has ended before anybody looked.
                return true;
            }
            InetAddress literal = NetUtil.createInetAddressFromIpAddressString(host);
            return internet.getPort() == port
                    && (literal == null || internet.getAddress() == null || literal.equals(internet.getAddress()));
        }

        String text() {
            return host + ":" + port;
        }
    }

    private final RedisClient client;
    private final String name;
    private final ScheduledExecutorService executor;
    private final List<Watch> watches = new ArrayList<>();
    private final AtomicLong nextBeatNanos = new AtomicLong(System.nanoTime());

    private volatile boolean closed;

    /** Called when another primary is named, on the client's threads. */
    private volatile Runnable moved = () -> {};

    /** The primary; null until a Sentinel has named it. */
    private volatile @Nullable Primary primary;

    // Guarded by this.
    /** Whether the primary of now says that it is a replica. */
    private boolean doubted;

    private CompletableFuture<Void> news = new CompletableFuture<>();

    /** The names that Sentinels know which do not know ours. */
    private final Set<String> otherNames = new TreeSet<>();

    /**
     * Makes ready; connects nothing.
     *
     * @param client for connections that are not re-established by it
     * @param uri with the Sentinels and the name by which they know the primary
     * @param executor for what is due later
     */
    Sentinels(RedisClient client, RedisURI uri, ScheduledExecutorService executor) {
        this.client = client;
        this.name = uri.getSentinelMasterId();
        this.executor = executor;
        for (RedisURI sentinel : uri.getSentinels()) {
            watches.add(new Watch(watches.size(), sentinel));
        }
    }

    /** Begins to ask all Sentinels, and to subscribe to them. */
    void start() {
        lookUp();
        watches.forEach(Watch::connect);
    }

    /**
     * Sets what is called when another primary is named.
     *
     * @param moved called on the client's threads; must not block
     */
    void onMoved(Runnable moved) {
        this.moved = moved;
    }

    /** The primary, or null as long as nobody has named it. */
    @Nullable
    Primary primary() {
        return primary;
    }

    /** Whether a connection is to a server that is not the primary any more, or is none that we know of. */
    boolean nameAnotherThan(SocketAddress remote) {
        Primary known = primary;
        return known != null && !known.canBeAt(remote);
    }

    /**
     * Waits for the first Sentinel that names the primary.
     *
     * @param errors says what is wrong
     * @param deadline how long at most: longer where one is silent, and none has said anything
     * @return the primary
     * @throws StoreException if all have refused or do not know the name, or the time is up
     */
    Primary await(RedisErrors errors, ConnectLimits.Deadline deadline) {
        while (true) {
            CompletableFuture<Void> next = nextNews();
            Primary known = primary;
            if (known != null) {
                return known;
            }
            boolean hope = watches.stream().anyMatch(Watch::mayAnswer);
            boolean silent = watches.stream().noneMatch(Watch::hasSaidNo);
            if (!hope || !comes(next, System.nanoTime() + deadline.nanosLeft(silent))) {
                throw Thread.currentThread().isInterrupted()
                        ? errors.connecting(new InterruptedException())
                        : noPrimary(errors);
            }
        }
    }

    /**
     * Waits for another primary than the given one.
     *
     * @param before the primary until now
     * @param deadlineNanos how long at most
     * @return the primary of then
     */
    Primary awaitOtherThan(Primary before, long deadlineNanos) {
        CompletableFuture<Void> next = nextNews();
        while (before.equals(primary) && comes(next, deadlineNanos)) {
            next = nextNews();
        }
        return Objects.requireNonNull(primary);
    }

    /** Asks all Sentinels. */
    void lookUp() {
        watches.forEach(Watch::ask);
    }

    /** The primary of now says that it is a replica: asks all Sentinels, and believes whoever names another. */
    void doubt() {
        synchronized (this) {
            doubted = true;
        }
        lookUp();
    }

    /** The primary of now says that it is one. */
    synchronized void trust() {
        doubted = false;
    }

    /** A request is about to be sent to the primary: sees to it that the subscriptions are alive, twice a second. */
    void used() {
        long next = nextBeatNanos.get();
        long now = System.nanoTime();
        if (now - next >= 0 && nextBeatNanos.compareAndSet(next, now + BEAT_NANOS)) {
            later(this::beat, 0);
        }
    }

    /** Connects no more. Who owns the client ends the connections. */
    void close() {
        closed = true;
        tellNews();
    }

    private void beat() {
        watches.forEach(Watch::beat);
    }

    /** Completes with the next answer or failure of any Sentinel. Take it before looking at what they have said. */
    private synchronized CompletableFuture<Void> nextNews() {
        return news;
    }

    private void tellNews() {
        CompletableFuture<Void> told;
        synchronized (this) {
            told = news;
            news = new CompletableFuture<>();
        }
        told.complete(null);
    }

    /** Waits for news. Returns whether they came in time. */
    private static boolean comes(CompletableFuture<Void> news, long deadlineNanos) {
        try {
            news.get(deadlineNanos - System.nanoTime(), TimeUnit.NANOSECONDS);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (ExecutionException | TimeoutException e) {
            return false;
        }
    }

    private StoreException noPrimary(RedisErrors errors) {
        Map<String, Throwable> failures = new LinkedHashMap<>();
        boolean unknown = false;
        for (Watch watch : watches) {
            Throwable failure = watch.failure;
            unknown |= watch.unknown;
            if (failure != null) {
                failures.put(watch.text(), failure);
            }
        }
        synchronized (this) {
            return unknown ? errors.unknownPrimary(name, otherNames) : errors.noSentinel(failures);
        }
    }

    /** Takes in what a Sentinel says. */
    private void offer(Primary named) {
        boolean isNews;
        synchronized (this) {
            Primary known = primary;
            if (known == null
                    || named.epoch() > known.epoch()
                    || (!named.isAt(known) && (doubted || isTheWordOf(named.source(), known)))) {
                primary = named;
                doubted = false;
                isNews = known != null && !named.isAt(known);
            } else {
                isNews = false;
            }
        }
        tellNews();
        if (isNews && !closed) {
            moved.run();
        }
    }

    /** Whether a Sentinel may take back what was said: because it said so itself, or who did is gone. */
    private boolean isTheWordOf(int sentinel, Primary known) {
        return sentinel == known.source() || watches.get(known.source()).isGone();
    }

    private void later(Runnable task, long millis) {
        try {
            Future<?> unused = executor.schedule(
                    () -> {
                        try {
                            task.run();
                        } catch (Throwable e) {
                            if (!closed) {
                                log.warn("a Sentinel could not be asked", Texts.foreign(e));
                            }
                        }
                    },
                    millis,
                    TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            // The client is shutting down.
            closed = true;
        }
    }

    /** One Sentinel. */
    private final class Watch {

        private final int index;
        private final RedisURI uri;

        // Guarded by this.
        private @Nullable StatefulRedisPubSubConnection<String, String> connection;
        private int attempts;
        private boolean asking;
        private boolean askAgain;

        /** Whether the last question had no answer: what rang for it may ring no second time. */
        private boolean owed;

        /** When it was asked for a sign of life that has not come yet; only meaningful while unanswered. */
        private long askedNanos;

        private boolean unanswered;

        /** Whether the Sentinel does not let us subscribe. */
        private boolean denied;

        /** Since when it is not reached; only meaningful without a connection. */
        private volatile long goneNanos = System.nanoTime();

        private volatile boolean connected;

        /** Why it could not be reached or asked; null once it has answered. */
        private volatile @Nullable Throwable failure;

        /** Whether it has answered that it does not know the name. */
        private volatile boolean unknown;

        private volatile boolean warned;

        private volatile boolean warnedOfDenial;

        Watch(int index, RedisURI uri) {
            this.index = index;
            this.uri = uri;
        }

        String text() {
            return RedisUris.describe(uri);
        }

        /** Whether more can be expected of it: one that was silent may yet name the primary. */
        boolean mayAnswer() {
            Throwable error = failure;
            return !unknown && (error == null || RedisErrors.isSilence(error));
        }

        /** Whether it has refused, or does not know the name. */
        boolean hasSaidNo() {
            Throwable error = failure;
            return unknown || (error != null && RedisErrors.refusal(error) != null);
        }

        boolean isGone() {
            return !connected && System.nanoTime() - goneNanos > SOURCE_NANOS;
        }

        @SuppressWarnings("FutureReturnValueIgnored") // What comes of it is taken in here.
        void connect() {
            if (closed) {
                return;
            }
            client.connectPubSubAsync(StringCodec.UTF8, uri).whenComplete((made, error) -> {
                if (made == null) {
                    failed(error);
                } else {
                    connected(made);
                }
            });
        }

        private void failed(Throwable error) {
            long pause;
            synchronized (this) {
                pause = Math.min(LONGEST_PAUSE_MILLIS, FIRST_PAUSE_MILLIS << Math.min(attempts, 10));
                attempts++;
            }
            tell(error);
            later(this::connect, pause - ThreadLocalRandom.current().nextLong(pause / 2));
        }

        private void tell(@Nullable Throwable error) {
            failure = error;
            if (error != null && !warned && !closed && primary != null) {
                warned = true;
                log.warn("Sentinel {} does not answer; it is tried again: {}", text(), RedisErrors.reasonOf(error));
            } else if (error == null && warned) {
                warned = false;
                log.info("Sentinel {} answers again", text());
            }
            tellNews();
        }

        @SuppressWarnings("FutureReturnValueIgnored") // What comes of it is taken in here.
        private void connected(StatefulRedisPubSubConnection<String, String> made) {
            synchronized (this) {
                connection = made;
                connected = true;
                denied = false;
                unanswered = false;
            }
            made.addListener(new RedisPubSubAdapter<String, String>() {
                @Override
                public void subscribed(String channel, long count) {
                    confirmed();
                }

                @Override
                public void message(String channel, String message) {
                    ask();
                }
            });
            made.addListener(new RedisConnectionStateListener() {
                @Override
                public void onRedisDisconnected(RedisChannelHandler<?, ?> channel) {
                    lost(made);
                }
            });
            if (!made.isOpen()) {
                lost(made);
                return;
            }
            // Asked behind it: what it would have published before is in the answer.
            subscribe(made, EVENTS).whenComplete((ignored, error) -> {
                if (error != null && RedisErrors.refusal(error) != null) {
                    denied(error);
                }
                ask();
            });
        }

        private CompletableFuture<Void> subscribe(
                StatefulRedisPubSubConnection<String, String> on, String... channels) {
            synchronized (this) {
                if (!unanswered) {
                    askedNanos = System.nanoTime();
                    unanswered = true;
                }
            }
            return on.async().subscribe(channels).toCompletableFuture();
        }

        /** The server has confirmed a subscription: it is alive. */
        private synchronized void confirmed() {
            unanswered = false;
            attempts = 0;
        }

        private void denied(Throwable error) {
            synchronized (this) {
                denied = true;
                unanswered = false;
            }
            if (!warnedOfDenial) {
                warnedOfDenial = true;
                log.warn(
                        "Sentinel {} does not let this user subscribe, so it is asked twice a second; the user needs"
                                + " +subscribe and allchannels: {}",
                        text(),
                        RedisErrors.reasonOf(error));
            }
        }

        private void lost(StatefulRedisPubSubConnection<String, String> which) {
            synchronized (this) {
                if (connection != which) {
                    return;
                }
                connection = null;
                connected = false;
                goneNanos = System.nanoTime();
            }
            if (closed) {
                return;
            }
            if (!Connections.isClosed(which)) {
                CompletableFuture<Void> unused = which.closeAsync();
            }
            later(this::connect, ThreadLocalRandom.current().nextLong(FIRST_PAUSE_MILLIS));
        }

        void beat() {
            StatefulRedisPubSubConnection<String, String> current;
            boolean silent;
            boolean poll;
            boolean again;
            synchronized (this) {
                current = connection;
                poll = denied;
                again = owed;
                silent = unanswered && System.nanoTime() - askedNanos >= BEAT_NANOS / 2;
            }
            if (current == null) {
                return;
            }
            if (poll || again) {
                ask();
            }
            if (poll) {
                return;
            }
            if (silent) {
                lost(current);
            } else {
                CompletableFuture<Void> unused = subscribe(current, EVENTS[0]);
            }
        }

        /** Asks for the primary, on a connection of its own, since one that is subscribed takes no questions. */
        @SuppressWarnings("FutureReturnValueIgnored") // What comes of it is taken in here.
        void ask() {
            synchronized (this) {
                if (asking) {
                    askAgain = true;
                    return;
                }
                asking = true;
                askAgain = false;
            }
            if (closed) {
                return;
            }
            client.connectSentinelAsync(StringCodec.UTF8, uri).whenComplete((made, error) -> {
                if (made == null) {
                    answered(error);
                } else {
                    ask(made);
                }
            });
        }

        /** Epoch, address, epoch: the address is of that epoch if both are the same. */
        @SuppressWarnings("FutureReturnValueIgnored") // What comes of it is taken in here.
        private void ask(StatefulRedisSentinelConnection<String, String> on) {
            RedisSentinelAsyncCommands<String, String> sentinel = on.async();
            CompletableFuture<Map<String, String>> before =
                    sentinel.master(name).toCompletableFuture();
            CompletableFuture<SocketAddress> address =
                    sentinel.getMasterAddrByName(name).toCompletableFuture();
            CompletableFuture<Map<String, String>> after = sentinel.master(name).toCompletableFuture();
            CompletableFuture<List<Map<String, String>>> all =
                    sentinel.masters().toCompletableFuture();
            CompletableFuture<Void> replies =
                    CompletableFuture.allOf(ended(before), ended(address), ended(after), ended(all));
            later(() -> replies.completeExceptionally(new TimeoutException()), ANSWER_MILLIS);
            replies.whenComplete((ignored, late) -> {
                if (!Connections.isClosed(on)) {
                    CompletableFuture<Void> unused = on.closeAsync();
                }
                if (late != null) {
                    answered(late);
                } else if (address.isCompletedExceptionally()) {
                    CompletableFuture<Void> unused = address.handle((found, error) -> {
                        answered(error);
                        return null;
                    });
                } else if (address.join() instanceof InetSocketAddress internet) {
                    named(internet, before, after);
                } else {
                    unknownThere(all);
                }
            });
        }

        private void named(
                InetSocketAddress address,
                CompletableFuture<Map<String, String>> before,
                CompletableFuture<Map<String, String>> after) {
            long epoch = epochIn(before);
            if (epoch == epochIn(after)) {
                unknown = false;
                offer(new Primary(address.getHostString(), address.getPort(), epoch, index));
            } else {
                synchronized (this) {
                    askAgain = true;
                }
            }
            answered(null);
        }

        private void unknownThere(CompletableFuture<List<Map<String, String>>> all) {
            if (!all.isCompletedExceptionally()) {
                synchronized (Sentinels.this) {
                    all.join().forEach(master -> otherNames.add(String.valueOf(master.get("name"))));
                }
            }
            unknown = true;
            answered(null);
        }

        private void answered(@Nullable Throwable error) {
            boolean again;
            synchronized (this) {
                asking = false;
                again = askAgain;
                owed = error != null;
            }
            tell(error);
            if (again) {
                ask();
            } else if (primary == null && error != null && RedisErrors.isSilence(error)) {
                // As long as nobody is named, no request rings.
                later(this::ask, FIRST_PAUSE_MILLIS);
            }
        }
    }

    private static CompletableFuture<Object> ended(CompletableFuture<?> reply) {
        return reply.handle((value, error) -> true);
    }

    /** 0 for a user who may not ask for it: whoever answers then counts alike. */
    private static long epochIn(CompletableFuture<Map<String, String>> master) {
        if (master.isCompletedExceptionally()) {
            return 0;
        }
        try {
            return Long.parseLong(String.valueOf(master.join().get("config-epoch")));
        } catch (NumberFormatException e) {
            return 0;
        }
    }
}
