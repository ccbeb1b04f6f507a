package io.distributedmutex.redis;

import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.StoreEvents;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.protocol.CommandType;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The masters of a Redis Cluster, each with a part of the slots. An instance has connections to those alone that have its keys.
 *
 * <p>Which master has a slot is asked of any node when connecting, and again whenever something shows that it may have changed:
 * a redirect, a node that is silent or gone, a subscription that a node has ended. Nothing is asked while all is well.
 *
 * <p>The answer has no number, so that of a node which has not heard yet looks like any other. A master that serves us is
 * therefore not left on the word of a third node: it says itself that it has given a slot away, or is silent, or has lost the
 * cluster ({@code CLUSTERDOWN}). Else somebody who has not heard of a failover could lead us back to the old master, and that,
 * if it stood still meanwhile, may not have heard either, and would renew a lease whose lock another one is about to get.
 *
 * <p>Where the master does not serve us, any answer is believed. What that costs: where the node that it names is well, a redirect;
 * where it is gone, requests that surely were not sent, and another look, 100 ms later at the earliest, of all masters that are
 * well. That ends with the first answer of a node that has heard, since after it nothing fails; and a node hears within {@code
 * cluster-node-timeout}, unless it is cut off from the majority of the masters. Then it goes on showing the cluster as it was,
 * itself as a master, and refuses commands ({@code CLUSTERDOWN}). So each node that is asked is also tried, and what one says
 * that has lost the cluster counts for nothing. Nodes that send requests to each other cost {@link
 * SlotRequests#MAXIMUM_REDIRECTS} redirects for each request, and one look in 100 ms.
 */
final class ClusterPrimaries implements Topology, SlotRequests.Cluster, ClusterNode.Listener {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** The shortest time between two looks at who has which slots. */
    private static final long LOOK_MILLIS = 100;

    /** The longest pause between two looks while a master is ill. */
    private static final long LONGEST_PAUSE_MILLIS = 1_000;

    /** How many nodes are asked where none is connected, or none of those knows. */
    private static final int OTHERS_ASKED = 3;

    /** The shortest time between two looks that ask others because none of those that are connected knows. */
    private static final long OTHERS_MILLIS = 500;

    /** A command that writes, and is refused for its form. A node that has lost the cluster refuses it for that before. */
    private static final List<CommandType> LOOK = List.of(CommandType.SETRANGE, CommandType.CLUSTER);

    /** Not that nobody serves the slot of that command alone. */
    private static final String LOST = "CLUSTERDOWN The cluster is down";

    /** How long a look waits for an answer before the next one may begin. */
    private static final long LOOK_LIMIT_MILLIS = 1_000;

    /** The shortest time between two reports that grants may have been missed. */
    private static final long REPORT_MILLIS = 1_000;

    /** For how long the first report waits for others like it. */
    private static final long TOGETHER_MILLIS = 20;

    /** How long the first who waits in a slot is held until its subscription is there. */
    private static final long SUBSCRIBED_MILLIS = 250;

    private final NodeClient client;
    private final RedisErrors errors;
    private final Duration timeout;
    private final KeyPrefix prefix;
    private final Set<NodeAddress> seeds;
    private final NodeAddress first;
    private final @Nullable StatefulRedisConnection<byte[], byte[]> firstConnection;
    private final boolean isSharded;

    private final Map<NodeAddress, ClusterNode> nodes = new ConcurrentHashMap<>();

    /** No masters any more, for as long as they may have something to answer. */
    private final Set<ClusterNode> leaving = ConcurrentHashMap.newKeySet();

    private final AtomicReferenceArray<SlotRequests> lanes = new AtomicReferenceArray<>(ClusterSlots.COUNT);

    private volatile ClusterSlots slots;

    private volatile @Nullable StoreEvents events;
    private volatile String messages = "";
    private volatile Runnable moved = () -> {};
    private volatile boolean closed;

    private final AtomicBoolean lookIsDue = new AtomicBoolean();
    private final AtomicBoolean reportIsDue = new AtomicBoolean();
    private volatile long lookedNanos;
    private volatile long reportedNanos;
    private volatile long othersAskedNanos;

    private final AtomicBoolean repeatIsDue = new AtomicBoolean();

    /** How many looks in a row found nobody in the place of an ill master. */
    private volatile int looksInVain;

    /** Which of the nodes that are not connected is asked next. Guarded by this. */
    private int nextOther;

    private ClusterPrimaries(
            NodeClient client,
            Set<NodeAddress> seeds,
            NodeAddress first,
            @Nullable StatefulRedisConnection<byte[], byte[]> firstConnection,
            ClusterSlots slots,
            boolean isSharded,
            RedisErrors errors,
            Duration timeout,
            KeyPrefix prefix) {
        this.client = client;
        this.seeds = seeds;
        this.first = first;
        this.firstConnection = firstConnection;
        this.slots = slots;
        this.isSharded = isSharded;
        this.errors = errors;
        this.timeout = timeout;
        this.prefix = prefix;
        this.lookedNanos = client.nanoTime() - TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS);
        this.reportedNanos = client.nanoTime() - TimeUnit.MILLISECONDS.toNanos(REPORT_MILLIS);
        this.othersAskedNanos = client.nanoTime() - TimeUnit.MILLISECONDS.toNanos(OTHERS_MILLIS);
    }

    /** A cluster that was found by other means. */
    static ClusterPrimaries found(
            NodeClient client,
            NodeAddress first,
            ClusterSlots slots,
            boolean isSharded,
            RedisErrors errors,
            Duration timeout,
            KeyPrefix prefix) {
        return new ClusterPrimaries(client, Set.of(first), first, null, slots, isSharded, errors, timeout, prefix);
    }

    // ---- connecting

    /**
     * Connects with a client of our own. Goes on trying, as {@link ConnectLimits} says, while no node answers or some slots
     * have no master.
     *
     * @param uris some of the nodes
     * @param ssl how to speak TLS; null for as the JDK does
     * @param errors says what went wrong
     * @param limits how long it may take
     * @param prefix of the locks, on which their slots depend
     */
    static ClusterPrimaries open(
            List<RedisURI> uris, @Nullable SslOptions ssl, RedisErrors errors, ConnectLimits limits, KeyPrefix prefix) {
        ClusterClient client = ClusterClient.own(uris.get(0), ssl, limits.command());
        return open(client, addresses(uris), errors, limits, prefix);
    }

    /**
     * Connects with what belongs to the application's client: its threads, options and credentials.
     *
     * @param client the application's client, which is not changed
     * @param errors says what went wrong
     * @param limits how long it may take
     * @param prefix of the locks, on which their slots depend
     */
    static ClusterPrimaries open(
            RedisClusterClient client, RedisErrors errors, ConnectLimits limits, KeyPrefix prefix) {
        RedisURI uri = RedisUris.checkNode(Lettuce.uriOf(client));
        return open(ClusterClient.of(client, uri, limits), addresses(List.of(uri)), errors, limits, prefix);
    }

    private static Set<NodeAddress> addresses(List<RedisURI> uris) {
        Set<NodeAddress> addresses = new LinkedHashSet<>();
        uris.forEach(uri -> addresses.add(new NodeAddress(uri.getHost(), uri.getPort())));
        return addresses;
    }

    private static ClusterPrimaries open(
            ClusterClient client, Set<NodeAddress> seeds, RedisErrors errors, ConnectLimits limits, KeyPrefix prefix) {
        boolean opened = false;
        try {
            FoundCluster found = FoundCluster.find(client, seeds, errors, limits);
            ClusterPrimaries cluster = new ClusterPrimaries(
                    client,
                    seeds,
                    found.first(),
                    found.connection(),
                    found.slots(),
                    found.isSharded(),
                    errors,
                    limits.command(),
                    prefix);
            opened = true;
            return cluster;
        } catch (RedisException e) {
            throw errors.connecting(e);
        } finally {
            if (!opened) {
                client.close();
            }
        }
    }

    // ---- what the store asks

    private int slotOf(String key) {
        return ClusterSlots.slotOf(prefix.text() + key);
    }

    @Override
    public Sender commands(String key) {
        return lane(slotOf(key));
    }

    private SlotRequests lane(int slot) {
        SlotRequests lane = lanes.get(slot);
        if (lane == null) {
            lanes.compareAndSet(slot, null, new SlotRequests(slot, this));
            lane = lanes.get(slot);
        }
        return lane;
    }

    @Override
    public Sender messages(String channel) {
        return nodeOf(ClusterSlots.slotOf(channel));
    }

    @Override
    public List<ClusterNode> servers() {
        return slots.masters().stream().map(this::nodeAt).toList();
    }

    @Override
    public RedisAsyncCommands<byte[], byte[]> server() {
        return Objects.requireNonNull(firstConnection, "found by other means").async();
    }

    /** That connection was for finding the cluster; those for locks are made when they are needed. */
    @Override
    public void started() {
        if (firstConnection != null) {
            FoundCluster.end(firstConnection);
        }
    }

    @Override
    public boolean serverHas(String key) {
        return first.equals(slots.masterOf(slotOf(key)));
    }

    @Override
    public Optional<String> shardOf(String key) {
        return Optional.of(nodeOf(slotOf(key)).toString());
    }

    @Override
    public boolean isSharded() {
        return isSharded;
    }

    @Override
    public ClientName.Names names(String key) {
        int slot = slotOf(key);
        return lane(slot).names(nodeOf(slot).pushes().name());
    }

    @Override
    public Future<Boolean> subscribe(String messages, KeyPrefix prefix, StoreEvents events) {
        this.messages = messages;
        this.events = events;
        // Nodes that were made before do not know whom to tell.
        nodes.values().forEach(ClusterNode::close);
        nodes.clear();
        int slot = ClusterSlots.slotOf(messages);
        NodePushes pushes = nodeOf(slot).pushes();
        CompletableFuture<Boolean> grants = pushes.subscribe(slot);
        CompletableFuture<Boolean> heard = pushes.subscribeToMessages().exceptionally(error -> false);
        return grants.thenCombine(heard, (subscribed, hears) -> hears);
    }

    @Override
    public boolean isSubscribed(String key) {
        if (events == null) {
            return true;
        }
        int slot = slotOf(key);
        NodePushes pushes = nodeOf(slot).pushes();
        if (pushes.isSubscribed(slot)) {
            return true;
        }
        // The first who waits there is not to be granted before it can hear of it.
        CompletableFuture<Boolean> outcome = pushes.firstOutcome(slot);
        // Whoever is held has the rest of the command time-out for the answer.
        return outcome != null && lane(slot).holdUntil(outcome, Math.min(SUBSCRIBED_MILLIS, timeout.toMillis() / 2));
    }

    @Override
    public boolean onMoved(Runnable moved) {
        this.moved = moved;
        return true;
    }

    @Override
    public void close() {
        closed = true;
        nodes.values().forEach(ClusterNode::end);
        leaving.forEach(ClusterNode::end);
        client.close();
    }

    // ---- what slots and nodes ask, and tell

    @Override
    public ClusterNode nodeOf(int slot) {
        NodeAddress master = slots.masterOf(slot);
        // All slots had a master when this connected, and none forgets it.
        return nodeAt(master == null ? first : master);
    }

    @Override
    public ClusterNode nodeAt(NodeAddress address) {
        ClusterNode node = nodes.get(address);
        return node != null
                ? node
                : nodes.computeIfAbsent(
                        address, at -> new ClusterNode(at, client, timeout, this, isSharded, messages, new Pushed()));
    }

    @Override
    public long nanoTime() {
        return client.nanoTime();
    }

    @Override
    public void execute(Runnable task) {
        client.execute(task);
    }

    @Override
    public void limit(Runnable expire, long sinceNanos) {
        long passed = TimeUnit.NANOSECONDS.toMillis(client.nanoTime() - sinceNanos);
        client.schedule(expire, Math.max(0, timeout.toMillis() - passed));
    }

    @Override
    public boolean schedule(Runnable task, long millis) {
        return client.schedule(task, millis);
    }

    @Override
    public void moved(int slot, NodeAddress to) {
        synchronized (this) {
            if (!to.equals(slots.masterOf(slot))) {
                slots = slots.with(slot, to);
            }
        }
        lookAgain();
    }

    @Override
    public void failed(Throwable error) {
        if (error instanceof StoreUnreachableException || SlotRequests.isDown(RedisErrors.saidIn(error))) {
            lookAgain();
        }
    }

    @Override
    public void doubtful(ClusterNode node) {
        lookAgain();
    }

    @Override
    public void reconnected(ClusterNode node) {
        lookAgain();
        report();
    }

    /** What is pushed by any node. */
    private final class Pushed implements NodePushes.Listener {

        @Override
        public void received(String push) {
            Push parsed = Push.parse(push, prefix);
            StoreEvents hears = events;
            if (parsed == null) {
                log.debug("dropped a push of {} characters that is no grant", push.length());
            } else if (hears != null) {
                tell(() -> hears.granted(parsed.key(), parsed.token(), parsed.fencingToken(), parsed.fencingTokens()));
            }
        }

        @Override
        public void told(String message) {
            StoreEvents hears = events;
            if (hears != null) {
                tell(() -> hears.message(message));
            }
        }

        @Override
        public void missed() {
            report();
        }

        @Override
        public void doubtful() {
            lookAgain();
        }
    }

    private static void tell(Runnable event) {
        try {
            event.run();
        } catch (Throwable e) {
            log.error("a listener of store events failed", e);
        }
    }

    /** Tells soon, and not too often, that grants may have been missed. */
    private void report() {
        if (closed || events == null || !reportIsDue.compareAndSet(false, true)) {
            return;
        }
        long since = TimeUnit.NANOSECONDS.toMillis(client.nanoTime() - reportedNanos);
        boolean scheduled = client.schedule(
                () -> {
                    reportIsDue.set(false);
                    reportedNanos = client.nanoTime();
                    StoreEvents hears = events;
                    if (!closed && hears != null) {
                        tell(hears::reconnected);
                    }
                },
                Math.max(TOGETHER_MILLIS, REPORT_MILLIS - since));
        if (!scheduled) {
            reportIsDue.set(false);
        }
    }

    // ---- who has which slots

    /** Looks soon, and not too often, who has which slots. */
    private void lookAgain() {
        if (closed || !lookIsDue.compareAndSet(false, true)) {
            return;
        }
        long since = TimeUnit.NANOSECONDS.toMillis(client.nanoTime() - lookedNanos);
        if (!client.schedule(this::look, Math.max(0, LOOK_MILLIS - since))) {
            lookIsDue.set(false);
        }
    }

    /**
     * Asks the masters that are connected; some other nodes if there are none, or none of them knows. The first answer counts; of
     * the others, which may be late, only what a node says of its own slots.
     */
    private void look() {
        if (closed) {
            return;
        }
        lookedNanos = client.nanoTime();
        Look look = new Look();
        // First: it ends the look also if an error strikes below.
        boolean scheduled = client.schedule(look::endInVain, LOOK_LIMIT_MILLIS);
        if (!scheduled) {
            lookIsDue.set(false);
        }
        List<ClusterNode> connected = connected();
        if (connected.isEmpty()) {
            look.ask(others(), look::endInVain);
        } else {
            look.ask(connected, () -> askOthers(look));
        }
    }

    /** None of the masters that are connected knows: all of them may be cut off from the majority. */
    private void askOthers(Look look) {
        long now = client.nanoTime();
        if (look.over.get() || now - othersAskedNanos < TimeUnit.MILLISECONDS.toNanos(OTHERS_MILLIS)) {
            look.endInVain();
        } else {
            othersAskedNanos = now;
            look.ask(others(), look::endInVain);
        }
    }

    /** Asks a node who has which slots, and whether it would serve a write. */
    private Request question() {
        Arguments all = new Arguments();
        Request.Pipeline pipeline = new Request.Pipeline(LOOK);
        all.begin(4).add("SETRANGE").add(prefix.text()).add("-1").add("-");
        pipeline.end(0, all.length());
        all.begin(2).add("CLUSTER").add("SLOTS");
        pipeline.end(1, all.length());
        return Request.pipeline("the slots", null, pipeline, all);
    }

    /** What a node says; empty if it has lost the cluster, or knows of no masters. */
    private static Optional<ClusterSlots> seen(List<@Nullable Object> replies, ClusterNode by) {
        if (replies.get(0) instanceof Part.ServerError error && error.text().startsWith(LOST)) {
            by.servesNot();
            return Optional.empty();
        }
        ClusterSlots seen = ClusterSlots.parse(replies.subList(1, replies.size()), by.address());
        return Optional.of(seen).filter(slots -> !slots.masters().isEmpty());
    }

    /** One look at who has which slots. */
    private final class Look {

        private final AtomicBoolean over = new AtomicBoolean();

        /** Nobody knows, or not in time. */
        void endInVain() {
            if (end()) {
                lookAgainIfIll();
            }
        }

        /** Returns whether this has ended it. */
        private boolean end() {
            boolean first = over.compareAndSet(false, true);
            if (first) {
                lookIsDue.set(false);
            }
            return first;
        }

        /**
         * Asks nodes.
         *
         * @param inVain what to do if none of them knows
         */
        void ask(List<ClusterNode> asked, Runnable inVain) {
            if (asked.isEmpty()) {
                inVain.run();
                return;
            }
            AtomicInteger failed = new AtomicInteger();
            Request question = question();
            for (ClusterNode node : asked) {
                CompletableFuture<Optional<ClusterSlots>> unused = node.send(question, replies -> seen(replies, node))
                        .whenComplete((seen, error) -> {
                            if (error == null) {
                                node.isWell();
                            }
                            if (error == null && seen.isPresent()) {
                                client.execute(() -> answered(seen.get(), node));
                            } else if (failed.incrementAndGet() == asked.size()) {
                                client.execute(inVain);
                            }
                        });
            }
        }

        private void answered(ClusterSlots seen, ClusterNode by) {
            boolean isFirst = end();
            believe(seen, by, isFirst);
            if (isFirst) {
                lookAgainIfIll();
            }
        }
    }

    /** As long as a master is ill another one may take its place, and nobody tells us. */
    private void lookAgainIfIll() {
        if (nodes.values().stream().noneMatch(ClusterNode::isIll)) {
            looksInVain = 0;
        } else if (repeatIsDue.compareAndSet(false, true)) {
            looksInVain = Math.min(looksInVain + 1, 10);
            long pause = Math.min(LONGEST_PAUSE_MILLIS, LOOK_MILLIS << looksInVain);
            boolean scheduled = client.schedule(
                    () -> {
                        repeatIsDue.set(false);
                        lookAgain();
                    },
                    pause);
            if (!scheduled) {
                repeatIsDue.set(false);
            }
        }
    }

    private List<ClusterNode> connected() {
        return nodes.values().stream()
                .filter(node -> node.isOpen() && !node.isIll())
                .toList();
    }

    /** Some nodes that are not connected, by turns; if all were silent when they were asked last, some of these once more. */
    private List<ClusterNode> others() {
        List<ClusterNode> others = others(node -> !node.isOpen() && !node.isIll());
        return others.isEmpty() ? others(node -> !node.isOpen()) : others;
    }

    private synchronized List<ClusterNode> others(Predicate<ClusterNode> wanted) {
        Set<NodeAddress> known = new LinkedHashSet<>(slots.nodes());
        known.addAll(seeds);
        List<NodeAddress> inOrder = List.copyOf(known);
        List<ClusterNode> others = new ArrayList<>();
        for (int i = 0; i < inOrder.size() && others.size() < OTHERS_ASKED; i++) {
            ClusterNode node = nodeAt(inOrder.get(Math.floorMod(nextOther++, inOrder.size())));
            if (wanted.test(node)) {
                others.add(node);
            }
        }
        return others;
    }

    /** Takes in who has which slots now, as a node sees it; of those of other masters only if it was the first to answer. */
    private void believe(ClusterSlots seen, ClusterNode by, boolean isFirst) {
        ClusterSlots before;
        ClusterSlots now;
        synchronized (this) {
            before = slots;
            if (!isFirst && !before.masters().contains(by.address())) {
                return;
            }
            now = seen.after(before, master -> master.equals(by.address()) || (isFirst && !isServing(master)));
            slots = now;
        }
        Set<NodeAddress> masters = now.masters();
        boolean changed = false;
        for (ClusterNode node : nodes.values()) {
            if (!masters.contains(node.address())) {
                changed |= before.masters().contains(node.address());
                leave(node);
            }
        }
        Set<NodeAddress> added = new LinkedHashSet<>(masters);
        added.removeAll(before.masters());
        if (changed || !added.isEmpty()) {
            log.info("{}: the masters are now {}", errors.server(), Texts.foreign(masters.toString()));
            tell(moved);
            report();
        }
    }

    private boolean isServing(NodeAddress master) {
        ClusterNode node = nodes.get(master);
        return node != null && node.isServing();
    }

    /** A node that is no master any more. What is on its way there is lost if it is silent; else it is about to be answered. */
    private void leave(ClusterNode node) {
        nodes.remove(node.address(), node);
        if (node.isSilent() || !node.isOpen()) {
            node.close();
        } else {
            leaving.add(node);
            client.schedule(
                    () -> {
                        leaving.remove(node);
                        node.close();
                    },
                    timeout.toMillis());
        }
    }
}
