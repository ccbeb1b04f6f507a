package io.distributedmutex.verification.simulation;

import io.distributedmutex.redis.SimulatedDeployment;
import io.distributedmutex.redis.SimulatedDeployment.Failure;
import io.distributedmutex.testkit.ManualTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The servers of a deployment on simulated time: shards of a master and a replica each, as a Redis Cluster has them, or one shard
 * that Sentinels look after. Replicas lag; a replica that takes over has missed what is on its way to it. A slot moves key by
 * key. Each node has a view of its own of who has which slots, which may be old.
 *
 * <p>The rules are those of Redis: getNodeByQuery in its cluster.c says when a node answers {@code MOVED}, {@code ASK} or {@code
 * TRYAGAIN}; clusterDelSlot ends subscriptions of a slot on all nodes of its shard.
 */
final class SimulatedNodes {

    /** How many slots there are. */
    static final int SLOTS = 16_384;

    private static final long EPOCH_MILLIS = 1_735_689_600_000L;
    private static final int FIRST_PORT = 7_000;

    /** A master that was replaced cannot be one again before it has its successor's data. */
    private static final long SETTLE_NANOS = 500_000_000L;

    /**
     * For how long a master that has the cluster again waits for news before it serves. In Redis that is the node timeout, but
     * not more than CLUSTER_MAX_REJOIN_DELAY, 5 s, and not less than CLUSTER_MIN_REJOIN_DELAY, which this is.
     */
    private static final long REJOIN_NANOS = 500_000_000L;

    /** Which nodes of a cluster have sharded channels, as those of Redis 7.0 do; some while the cluster is upgraded. */
    enum Sharded {
        NONE,
        SOME,
        ALL
    }

    private static final String NOT_HERE = "ERR Script attempted to access a non local key in a cluster node";

    final ManualTime time;
    final List<Node> nodes = new ArrayList<>();
    private final SplittableRandom random;
    private final FailoverWitness witness;
    private final List<String> keys;
    private final boolean isCluster;
    private final boolean hasNative;
    private final int shards;
    private final NodeScripts scripts = new NodeScripts();

    /** Called when another master was named. */
    private Runnable named = () -> {};

    /** Who has what in truth. */
    private View truth;

    private @Nullable Move move;

    private int changes;

    /** From when on each shard may have another master again. */
    private final long[] settledNanos;

    /** Of names that were asked for. */
    private final Map<String, Integer> slots = new HashMap<>();

    /** A slot that moves, and the keys that have gone already. */
    private static final class Move {
        final int slot;
        final Node from;
        final Node to;

        Move(int slot, Node from, Node to) {
            this.slot = slot;
            this.from = from;
            this.to = to;
        }
    }

    /** Who has which slots, as somebody sees it: the master of each shard, and slots that have left the shard of their range. */
    private record View(int[] masters, Map<Integer, Integer> moved) {

        View copy() {
            return new View(masters.clone(), new TreeMap<>(moved));
        }

        int shardOf(int slot) {
            Integer shard = moved.get(slot);
            return shard != null ? shard : Math.min(masters.length - 1, slot / (SLOTS / masters.length));
        }

        int masterOf(int slot) {
            return masters[shardOf(slot)];
        }
    }

    /** A server. */
    final class Node {
        final int index;
        final int shard;
        final long clockMillis;
        final boolean hasShardedChannels;
        final NodeData data = new NodeData();
        final Set<Session> sessions = new LinkedHashSet<>();
        final ArrayDeque<Runnable> frozen = new ArrayDeque<>();

        /** What is on its way here from the master. */
        final ArrayDeque<Written> stream = new ArrayDeque<>();

        long lagNanos;
        boolean isDown;
        boolean isFrozen;

        /** From the other nodes; connections of instances reach it. */
        boolean isCutOff;

        /** It knows that, and refuses commands. */
        boolean hasLostCluster;

        /** What it has written since it was cut off. */
        final Set<String> unsent = new HashSet<>();

        View view;

        Node(int index, int shard, boolean hasShardedChannels, long clockMillis, View view) {
            this.index = index;
            this.hasShardedChannels = hasShardedChannels;
            this.shard = shard;
            this.clockMillis = clockMillis;
            this.view = view;
        }

        int port() {
            return FIRST_PORT + index;
        }

        boolean isMaster() {
            return view.masters[shard] == index;
        }

        /** Whether it does not serve, or not what it should. One that is cut off is well until it notices. */
        boolean isIll() {
            return isDown || isFrozen || hasLostCluster || !knows(this);
        }

        long nowMillis() {
            return EPOCH_MILLIS + clockMillis + time.elapsed().toMillis();
        }

        @Override
        public String toString() {
            return "node " + index;
        }
    }

    private record Written(long dueNanos, String key, NodeData.@Nullable Value value) {}

    /** A connection, seen from a node. */
    abstract static class Session {
        final Set<String> channels = new LinkedHashSet<>();

        /** Those of slots. */
        final Set<String> sharded = new LinkedHashSet<>();

        /** Sends a push. */
        abstract void push(String kind, String channel, String message);

        /** A command was answered. */
        abstract void done(List<String> words, @Nullable Object reply);

        /** The server has ended it. */
        abstract void ended();
    }

    /**
     * A deployment.
     *
     * @param shards how many masters there are; 0 for one with Sentinels
     * @param sharded which nodes have sharded channels
     */
    SimulatedNodes(
            ManualTime time,
            SplittableRandom random,
            FailoverWitness witness,
            List<String> keys,
            int shards,
            Sharded sharded) {
        this.time = time;
        this.keys = keys;
        this.random = random;
        this.witness = witness;
        this.isCluster = shards > 0;
        this.shards = Math.max(1, shards);
        this.settledNanos = new long[this.shards];
        this.hasNative = random.nextBoolean();
        int[] masters = new int[this.shards];
        for (int i = 0; i < masters.length; i++) {
            masters[i] = i;
        }
        truth = new View(masters, new TreeMap<>());
        for (int i = 0; i < 2 * this.shards; i++) {
            boolean hasShardedChannels =
                    isCluster && (sharded == Sharded.ALL || sharded == Sharded.SOME && random.nextBoolean());
            Node node = new Node(i, i % this.shards, hasShardedChannels, random.nextLong(2), truth.copy());
            node.lagNanos = random.nextInt(4) == 0 ? random.nextLong(400_000_000) : random.nextLong(3_000_000);
            nodes.add(node);
        }
    }

    void onNamed(Runnable listener) {
        named = listener;
    }

    boolean isCluster() {
        return isCluster;
    }

    /** How often slots have changed hands. */
    int changes() {
        return changes;
    }

    Node master(int shard) {
        return nodes.get(truth.masters[shard]);
    }

    Node masterOf(String key) {
        return nodes.get(truth.masterOf(slotOf(SimulatedDeployment.lockOf(key))));
    }

    Node at(int port) {
        return nodes.get(port - FIRST_PORT);
    }

    /** Whether all is as it should be. */
    boolean isWell() {
        return move == null && nodes.stream().allMatch(node -> isGone(node) || !node.isIll());
    }

    /** Whether it is cut off, and was replaced: the others are well without it. */
    private boolean isGone(Node node) {
        return node.isCutOff && master(node.shard) != node;
    }

    private boolean knows(Node node) {
        return Arrays.equals(node.view.masters, truth.masters) && node.view.moved.equals(truth.moved);
    }

    // ---- what happens to it

    private Node replica(int shard) {
        return nodes.stream()
                .filter(node -> node.shard == shard && truth.masters[shard] != node.index)
                .findFirst()
                .orElseThrow();
    }

    private boolean isBusy(int shard) {
        Move now = move;
        return time.elapsed().toNanos() < settledNanos[shard]
                || (now != null && (now.from.shard == shard || now.to.shard == shard))
                || nodes.stream().anyMatch(node -> node.shard == shard && (node.isCutOff || node.isIll()));
    }

    /** The master dies. Its replica takes over, unless the master is back before: then with all its data. */
    void kill(int shard) {
        if (isBusy(shard)) {
            return;
        }
        Node old = master(shard);
        old.isDown = true;
        List.copyOf(old.sessions).forEach(session -> end(old, session));
        later(random.nextLong(1_000_000_000L, 2_500_000_000L), () -> {
            // One that is back before it is replaced stays. It may have died again, and be replaced for that.
            if (old.isDown && master(shard) == old) {
                promote(shard, true);
            }
        });
        later(random.nextLong(200_000_000L, 4_000_000_000L), () -> {
            old.isDown = false;
            learn(old);
        });
    }

    /** The master stands still. Its replica takes over; then it goes on, and does not know yet. */
    void freeze(int shard, boolean isReplaced) {
        if (isBusy(shard)) {
            return;
        }
        Node old = master(shard);
        old.isFrozen = true;
        long electedNanos = random.nextLong(1_000_000_000L, 2_500_000_000L);
        if (isReplaced) {
            later(electedNanos, () -> promote(shard, true));
        }
        later(isReplaced ? electedNanos + random.nextLong(2_500_000_000L) : random.nextLong(2_500_000_000L), () -> {
            old.isFrozen = false;
            while (!old.frozen.isEmpty() && !old.isFrozen) {
                old.frozen.remove().run();
            }
            later(random.nextLong(20_000_000L), () -> learn(old));
        });
    }

    /** The replica takes over though the master is well, which learns of it later: it was cut off from the other nodes. */
    void split(int shard) {
        if (!isBusy(shard)) {
            promote(shard, true);
        }
    }

    /**
     * The master is cut off from the other nodes, but not from instances. In a cluster it serves them until it notices, and then
     * refuses; its replica takes over, unless it is back before.
     *
     * @param forGood whether it does not come back
     */
    void cutOff(int shard, boolean forGood) {
        if (!isCluster) {
            split(shard);
            return;
        }
        if (isBusy(shard)) {
            return;
        }
        Node old = master(shard);
        old.isCutOff = true;
        witness.note(() -> old + " is cut off");
        later(random.nextLong(1_000_000_000L, 2_000_000_000L), () -> old.hasLostCluster = old.isCutOff);
        later(random.nextLong(1_200_000_000L, 3_000_000_000L), () -> {
            if (old.isCutOff && master(shard) == old) {
                promote(shard, true);
            }
        });
        long backNanos = random.nextLong(random.nextBoolean() ? 3_000_000_000L : 8_000_000_000L);
        if (!forGood) {
            later(backNanos, () -> rejoin(old));
        }
    }

    /** It goes on refusing for a while. If it was not replaced, its replica gets what was held up. */
    private void rejoin(Node node) {
        witness.note(() -> node + " is cut off no more");
        node.isCutOff = false;
        if (master(node.shard) == node) {
            replicate(node, Set.copyOf(node.unsent));
        }
        node.unsent.clear();
        later(random.nextLong(20_000_000L), () -> learn(node));
        later(REJOIN_NANOS, () -> node.hasLostCluster &= node.isCutOff);
    }

    /** A planned failover. In a cluster the replica has everything first. */
    void handOver(int shard) {
        if (!isBusy(shard)) {
            promote(shard, !isCluster);
        }
    }

    private void promote(int shard, boolean isLossy) {
        Node old = master(shard);
        Node next = replica(shard);
        apply(next, isLossy ? time.elapsed().toNanos() : Long.MAX_VALUE);
        Set<String> lost = new HashSet<>();
        next.stream.forEach(written -> lost.add(written.key));
        lost.addAll(old.unsent);
        next.stream.clear();
        truth.masters[shard] = next.index;
        changes++;
        settledNanos[shard] = time.elapsed().toNanos() + SETTLE_NANOS;
        witness.note(() -> next + " takes over from " + old + ", without " + lost);
        witness.replaced(keysOf(shard), old, next, lost);
        learn(next);
        for (Node node : nodes) {
            if (node == old && !isLossy) {
                learn(old);
            } else if (node == old) {
                later(random.nextLong(100_000_000L, 1_500_000_000L), () -> learn(old));
            } else if (node != next) {
                later(random.nextLong(500_000_000L), () -> learn(node));
            }
        }
        named.run();
    }

    private List<String> keysOf(int shard) {
        return keys.stream().filter(key -> masterOf(key).shard == shard).toList();
    }

    /** A slot begins to move to another shard, key by key. */
    void beginMove(int slot, int toShard) {
        Node from = nodes.get(truth.masterOf(slot));
        if (!isCluster || move != null || from.shard == toShard || isBusy(from.shard) || isBusy(toShard)) {
            return;
        }
        move = new Move(slot, from, master(toShard));
    }

    /** One key of it goes over; the last is followed by the slot. */
    void moveOne() {
        Move now = move;
        if (now == null) {
            return;
        }
        List<String> left = new ArrayList<>();
        now.from.data.at(now.from.nowMillis());
        for (String key : now.from.data.names()) {
            if (slotOf(key) == now.slot) {
                left.add(key);
            }
        }
        left.sort(null);
        if (!left.isEmpty()) {
            String key = left.get(random.nextInt(left.size()));
            witness.note(() -> key + " moves from " + now.from + " to " + now.to);
            NodeData.Value value = now.from.data.copyOf(key);
            now.to.data.at(now.to.nowMillis());
            if (value != null && value.expiryMillis != Long.MAX_VALUE) {
                // MIGRATE takes the time that is left.
                value.expiryMillis += now.to.nowMillis() - now.from.nowMillis();
            }
            now.to.data.put(key, value);
            now.from.data.put(key, null);
            replicate(now.to, Set.of(key));
            replicate(now.from, Set.of(key));
            return;
        }
        move = null;
        truth.moved.put(now.slot, now.to.shard);
        changes++;
        learn(now.to);
        learn(now.from);
        nodes.forEach(node -> later(random.nextLong(500_000_000L), () -> learn(node)));
    }

    /** Nothing moves any more, and everybody knows everything soon. */
    void heal() {
        while (move != null) {
            moveOne();
        }
        nodes.forEach(node -> node.lagNanos = Math.min(node.lagNanos, 3_000_000));
    }

    private void later(long nanos, Runnable task) {
        time.runAfter(task, nanos);
    }

    private void end(Node node, Session session) {
        node.sessions.remove(session);
        session.ended();
    }

    /** A node gets to know who has which slots. */
    private void learn(Node node) {
        if (node.isDown || node.isFrozen || node.isCutOff || knows(node)) {
            return;
        }
        View before = node.view;
        boolean wasMaster = node.isMaster();
        node.view = truth.copy();
        witness.note(() -> node + " learns that the masters are " + Arrays.toString(node.view.masters) + ", moved: "
                + node.view.moved);
        if (isCluster) {
            for (Session session : List.copyOf(node.sessions)) {
                for (String channel : List.copyOf(session.sharded)) {
                    int slot = slotOf(channel);
                    if (before.shardOf(slot) == node.shard && before.masterOf(slot) != node.view.masterOf(slot)) {
                        session.sharded.remove(channel);
                        session.push("unsubscribe", channel, "");
                    }
                }
            }
        }
        if (wasMaster && !node.isMaster()) {
            Node master = master(node.shard);
            node.data.clear();
            master.data.at(master.nowMillis());
            master.data.names().forEach(key -> node.data.put(key, master.data.copyOf(key)));
            node.stream.clear();
            if (!isCluster) {
                // Sentinels have it end all connections.
                List.copyOf(node.sessions).forEach(session -> end(node, session));
            }
        }
    }

    // ---- replication

    private void replicate(Node master, Set<String> keys) {
        if (master.isCutOff) {
            master.unsent.addAll(keys);
            return;
        }
        for (Node node : nodes) {
            if (node != master && node.shard == master.shard && node.view.masters[node.shard] == master.index) {
                long now = time.elapsed().toNanos();
                apply(node, now);
                for (String key : keys) {
                    node.stream.addLast(new Written(now + node.lagNanos, key, master.data.copyOf(key)));
                }
            }
        }
    }

    private static void apply(Node replica, long nowNanos) {
        while (!replica.stream.isEmpty() && replica.stream.getFirst().dueNanos <= nowNanos) {
            Written written = replica.stream.removeFirst();
            replica.data.put(written.key, written.value);
        }
    }

    /** What stands at a lock, here or where its slot moves from or to. */
    @Nullable
    String lockBeside(Node node, String key) {
        Move now = move;
        String lock = SimulatedDeployment.lockOf(key);
        String here = node.data.text(lock);
        if (here != null || now == null || now.slot != slotOf(lock)) {
            return here;
        }
        return now.from == node ? now.to.data.text(lock) : now.to == node ? now.from.data.text(lock) : null;
    }

    // ---- requests

    /** Runs what arrives at a node now, or when it goes on. */
    void arrive(Node node, Runnable request) {
        if (node.isFrozen) {
            node.frozen.add(request);
        } else if (!node.isDown) {
            request.run();
        }
    }

    /** Runs commands. */
    List<@Nullable Object> run(Node node, Session session, List<List<String>> commands) {
        List<@Nullable Object> replies = new ArrayList<>();
        boolean asking = false;
        for (List<String> words : commands) {
            if (words.get(0).equals("ASKING")) {
                asking = true;
                replies.add(NodeData.OK);
                continue;
            }
            node.data.at(node.nowMillis());
            Object reply = run(node, session, words, asking);
            replies.add(reply);
            session.done(words, reply);
            asking = false;
            Set<String> written = node.data.written();
            if (!written.isEmpty()) {
                replicate(node, written);
                witness.wrote(this, node, written);
            }
        }
        return replies;
    }

    private @Nullable Object run(Node node, Session session, List<String> words, boolean asking) {
        String name = words.get(0);
        switch (name) {
            case "CLUSTER":
                return slots(node);
            case "PUBLISH":
                return publish(node, words.get(1), words.get(2));
            case "SUBSCRIBE":
                session.channels.add(words.get(1));
                session.push("subscribe", words.get(1), "");
                return 1L;
            case "UNSUBSCRIBE":
                session.channels.remove(words.get(1));
                session.push("unsubscribe", words.get(1), "");
                return 1L;
            case "SSUBSCRIBE", "SUNSUBSCRIBE":
                return subscribeInSlot(node, session, name.equals("SSUBSCRIBE"), words.get(1));
            default:
                break;
        }
        boolean isScript = name.equals("EVAL");
        int count = isScript ? Integer.parseInt(words.get(2)) : 1;
        List<String> keys = isScript ? words.subList(3, 3 + count) : List.of(words.get(1));
        Failure refusal = refusal(node, keys, asking);
        if (refusal != null) {
            return refusal;
        }
        if (isScript) {
            List<String> arguments = words.subList(3 + count, words.size());
            return scripts.run(
                    words.get(1),
                    keys,
                    arguments,
                    command -> inScript(node, command, !asking && isLeaving(node, keys)));
        }
        if (name.equals("DELIFEQ") && hasNative) {
            boolean isSame = words.get(2).equals(node.data.text(words.get(1)));
            return isSame ? node.data.call(List.of("DEL", words.get(1))) : (Object) 0L;
        }
        return node.data.call(words);
    }

    private @Nullable Object inScript(Node node, List<String> words, boolean isLeaving) {
        return switch (words.get(0)) {
            case "PUBLISH" -> publish(node, words.get(1), words.get(2));
            case "SPUBLISH" -> publishInSlot(node, words.get(1), words.get(2));
            case "PUBSUB" -> {
                boolean inSlot = words.get(1).equals("SHARDNUMSUB");
                if (inSlot && !node.hasShardedChannels) {
                    yield new Failure("ERR Unknown subcommand or wrong number of arguments for 'SHARDNUMSUB'");
                }
                yield new ArrayList<Object>(List.of(words.get(2), subscribers(node, words.get(2), inSlot)));
            }
            default -> isLeaving && !node.data.has(words.get(1)) ? new Failure(NOT_HERE) : node.data.call(words);
        };
    }

    private boolean isLeaving(Node node, List<String> keys) {
        Move now = move;
        return now != null && now.from == node && slotOf(keys.get(0)) == now.slot;
    }

    /** What a node says that does not serve these keys. */
    private @Nullable Failure refusal(Node node, List<String> keys, boolean asking) {
        if (!isCluster) {
            return node.isMaster() ? null : new Failure("READONLY You can't write against a read only replica.");
        }
        if (node.hasLostCluster) {
            return new Failure("CLUSTERDOWN The cluster is down");
        }
        int slot = slotOf(keys.get(0));
        long missing = keys.stream().filter(key -> !node.data.has(key)).count();
        Move now = move;
        boolean moves = now != null && now.slot == slot;
        if (node.view.masterOf(slot) == node.index) {
            if (moves && now.from == node && missing > 0) {
                return missing == keys.size()
                        ? redirect("ASK", slot, now.to.index)
                        : new Failure("TRYAGAIN Multiple keys request during rehashing of slot");
            }
            return null;
        }
        if (moves && now.to == node && asking) {
            return keys.size() > 1 && missing > 0
                    ? new Failure("TRYAGAIN Multiple keys request during rehashing of slot")
                    : null;
        }
        return redirect("MOVED", slot, node.view.masterOf(slot));
    }

    private int slotOf(String name) {
        return slots.computeIfAbsent(name, SimulatedDeployment::slotOf);
    }

    private static Failure redirect(String how, int slot, int index) {
        return new Failure(how + " " + slot + " " + SimulatedDeployment.HOST + ":" + (FIRST_PORT + index));
    }

    /** The reply to CLUSTER SLOTS. */
    List<@Nullable Object> slots(Node node) {
        TreeSet<Integer> starts = new TreeSet<>(node.view.moved.keySet());
        node.view.moved.keySet().forEach(slot -> starts.add(slot + 1));
        for (int shard = 0; shard < shards; shard++) {
            starts.add(shard * (SLOTS / shards));
        }
        List<@Nullable Object> ranges = new ArrayList<>();
        starts.headSet(SLOTS).forEach(first -> {
            Integer next = starts.higher(first);
            ranges.add(range(node.view, first, next == null ? SLOTS - 1 : Math.min(next, SLOTS) - 1));
        });
        return ranges;
    }

    private List<@Nullable Object> range(View view, int first, int last) {
        List<@Nullable Object> range = new ArrayList<>(List.of((long) first, (long) last));
        int master = view.masterOf(first);
        range.add(place(master));
        nodes.stream()
                .filter(node -> node.shard == nodes.get(master).shard && node.index != master)
                .forEach(node -> range.add(place(node.index)));
        return range;
    }

    private static List<Object> place(int index) {
        return List.of(
                SimulatedDeployment.HOST.getBytes(java.nio.charset.StandardCharsets.US_ASCII),
                (long) FIRST_PORT + index);
    }

    // ---- pushes

    private @Nullable Object subscribeInSlot(Node node, Session session, boolean begins, String channel) {
        if (!node.hasShardedChannels) {
            return new Failure("ERR unknown command 'SSUBSCRIBE'");
        }
        int slot = slotOf(channel);
        if (begins) {
            if (node.view.shardOf(slot) != node.shard) {
                return redirect("MOVED", slot, node.view.masterOf(slot));
            }
            session.sharded.add(channel);
            session.push("subscribe", channel, "");
        } else if (session.sharded.remove(channel)) {
            session.push("unsubscribe", channel, "");
        }
        return 1L;
    }

    private static long subscribers(Node node, String channel, boolean inSlot) {
        return node.sessions.stream()
                .filter(session -> (inSlot ? session.sharded : session.channels).contains(channel))
                .count();
    }

    /** Counts those at this node, and reaches all. */
    private long publish(Node node, String channel, String message) {
        long count = deliver(node, channel, message, false);
        if (isCluster) {
            nodes.stream().filter(other -> other != node).forEach(other -> byBus(node, other, channel, message, false));
        }
        return count;
    }

    /** Counts those at this node, and reaches those in its shard. */
    private Object publishInSlot(Node node, String channel, String message) {
        if (!node.hasShardedChannels) {
            return new Failure("ERR Unknown Redis command called from Lua script");
        }
        long count = deliver(node, channel, message, true);
        nodes.stream()
                .filter(other -> other != node && other.shard == node.shard && other.hasShardedChannels)
                .forEach(other -> byBus(node, other, channel, message, true));
        return count;
    }

    private void byBus(Node from, Node to, String channel, String message, boolean inSlot) {
        if (from.isCutOff || to.isCutOff) {
            return;
        }
        later(
                random.nextLong(2_000_000),
                () -> arrive(to, () -> {
                    long unused = deliver(to, channel, message, inSlot);
                }));
    }

    private static long deliver(Node node, String channel, String message, boolean inSlot) {
        long count = 0;
        for (Session session : List.copyOf(node.sessions)) {
            if ((inSlot ? session.sharded : session.channels).contains(channel)) {
                session.push("message", channel, message);
                count++;
            }
        }
        return count;
    }

    // ---- for the end

    /** The locks that are taken, with what stands there. */
    Map<String, String> taken(Set<String> keys) {
        Map<String, String> taken = new HashMap<>();
        for (String key : keys) {
            Node node = masterOf(key);
            node.data.at(node.nowMillis());
            String value = node.data.text(SimulatedDeployment.lockOf(key));
            if (value != null) {
                taken.put(key, value);
            }
        }
        return taken;
    }

    /** What stands in the masters but fences. */
    Set<String> left() {
        Set<String> left = new HashSet<>();
        for (int shard = 0; shard < shards; shard++) {
            Node node = master(shard);
            node.data.at(node.nowMillis());
            node.data.names().stream().filter(key -> !key.endsWith("}:fence")).forEach(left::add);
        }
        return left;
    }
}
