package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A Redis Cluster of real processes for tests: masters, each with an equal part of the slots, and replicas.
 *
 * <pre>{@code
 * try (EmbeddedCluster redis = EmbeddedRedis.cluster(3, 1).start()) {
 *     int slot = redis.slotOf("k");
 *     try (SlotMigration migration = redis.migrate(slot, redis.masters().get(2))) {
 *         migration.moveKeys(1);             // half way: clients are redirected by ASK
 *     }                                      // the rest, and all nodes hear of it: MOVED
 *     redis.killMaster(redis.masterOf(slot));
 * }
 * }</pre>
 *
 * <p>Each node is an {@link EmbeddedRedis}: it can be killed, paused, restarted and asked by itself. One that is restarted empty
 * has forgotten the cluster. All end with {@link #close}, or with the JVM. Thread-safe.
 *
 * <p>Methods that ask a node that is alive ask one that takes commands, if there is such. They ask none that a {@link #split}
 * has cut off, and those that wait for all nodes that are alive do not wait for it.
 */
public final class EmbeddedCluster implements AutoCloseable {

    static final int SLOTS = 16_384;

    private static final int BUS_OFFSET = 10_000;
    private static final Pattern MY_EPOCH = Pattern.compile("cluster_my_epoch:(\\d+)");
    private static final Set<String> MOVE_ENDS = Set.of("success", "failed", "cancelled");

    private final ServerGroup group;
    private final List<EmbeddedRedis> nodes;
    private final @Nullable String password;

    /** What {@link #split} has cut off. */
    private volatile Set<EmbeddedRedis> cutOff = Set.of();

    EmbeddedCluster(ServerGroup group, List<EmbeddedRedis> nodes, @Nullable String password) {
        this.group = group;
        this.nodes = List.copyOf(nodes);
        this.password = password;
    }

    /** A line of CLUSTER NODES. */
    private record Line(String id, int port, List<String> flags, String masterId, List<String> slots) {

        private static final int WORDS_BEFORE_SLOTS = 8;

        static Line parse(String text) {
            List<String> words = List.of(text.split(" "));
            String address = words.get(1).split("@", 2)[0];
            return new Line(
                    words.get(0),
                    Integer.parseInt(address.substring(address.lastIndexOf(':') + 1)),
                    List.of(words.get(2).split(",")),
                    words.get(3),
                    words.subList(Math.min(WORDS_BEFORE_SLOTS, words.size()), words.size()));
        }

        boolean isServingMaster() {
            return flags.contains("master")
                    && !flags.contains("fail")
                    && slots.stream().anyMatch(Line::isOwned);
        }

        boolean serves(int slot) {
            return isServingMaster()
                    && slots.stream().filter(Line::isOwned).anyMatch(range -> {
                        String[] ends = range.split("-", -1);
                        return Integer.parseInt(ends[0]) <= slot && slot <= Integer.parseInt(ends[ends.length - 1]);
                    });
        }

        /** Not one that is being migrated, which stands in brackets. */
        private static boolean isOwned(String range) {
            return !range.startsWith("[");
        }
    }

    /** Returns {@code redis://host:port} of each node, with the password if there is one. */
    public List<String> uris() {
        String userInfo = password == null ? "" : ":" + EmbeddedRedis.percentEncoded(password) + "@";
        return nodes.stream()
                .map(node -> "redis://" + userInfo + node.host() + ":" + port(node))
                .toList();
    }

    /** Returns all nodes: the masters of the beginning, then the replicas. */
    public List<EmbeddedRedis> nodes() {
        return nodes;
    }

    /** Returns the port by which a client reaches the node: its proxy's if it has one. */
    public int port(EmbeddedRedis node) {
        return group.announced(group.requireOurs(node).port());
    }

    /** Returns the masters that serve slots, as a node that is alive sees it, in the order of {@link #nodes}. */
    public List<EmbeddedRedis> masters() {
        List<Line> lines = view(anyAnswering());
        return nodes.stream()
                .filter(node -> lines.stream().anyMatch(line -> line.isServingMaster() && line.port() == port(node)))
                .toList();
    }

    /** Returns the replicas of a master, as it sees it itself. */
    public List<EmbeddedRedis> replicasOf(EmbeddedRedis master) {
        String id = id(group.requireOurs(master));
        return view(master).stream()
                .filter(line -> line.masterId().equals(id))
                .flatMap(line -> group.at(line.port()).stream())
                .toList();
    }

    /**
     * Returns the master of a slot, as a node that is alive sees it.
     *
     * @throws EmbeddedRedisException if nobody serves it within 30 s
     */
    public EmbeddedRedis masterOf(int slot) {
        checkSlot(slot);
        return group.await("slot " + slot + " is served", () -> masterOf(slot, anyAnswering()));
    }

    /** Returns the slot of a key, by what stands in its braces if it has such. */
    public int slotOf(String key) {
        return Integer.parseInt(String.valueOf(anyAnswering().command("CLUSTER", "KEYSLOT", key)));
    }

    /**
     * Begins to move a slot: from now on its master answers ASK for a key that it does not have. Where it has some of several,
     * it answers TRYAGAIN from Redis 7.0 on, and ASK before.
     *
     * @param slot 0 to 16383
     * @param target a master, not the one that serves the slot
     * @return the migration, of which {@link SlotMigration#close} does the rest
     */
    public SlotMigration migrate(int slot, EmbeddedRedis target) {
        EmbeddedRedis source = masterToMoveFrom(slot, target);
        return SlotMigration.begin(this, slot, source, target, password);
    }

    /**
     * Returns whether the masters can move a slot at once, as {@link #moveAtOnce} does: Valkey can from 9.0 on. They are asked, as
     * versions do not tell.
     */
    public boolean canMoveAtOnce() {
        return answering().stream().allMatch(node -> {
            try {
                return node.command("CLUSTER", "GETSLOTMIGRATIONS") instanceof List<?>;
            } catch (EmbeddedRedisException unknown) {
                return false;
            }
        });
    }

    /**
     * Moves a slot at once, as {@code CLUSTER MIGRATESLOTS} does: its master serves it until the other has all keys, holds writes
     * back for a moment, and from then on answers MOVED. Returns when all nodes that are alive see it.
     *
     * @param slot 0 to 16383
     * @param target a master, not the one that serves the slot
     * @throws EmbeddedRedisException if the servers cannot ({@link #canMoveAtOnce}), it fails, or takes more than 30 s
     */
    public void moveAtOnce(int slot, EmbeddedRedis target) {
        EmbeddedRedis source = masterToMoveFrom(slot, target);
        String number = Integer.toString(slot);
        source.command("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", number, number, "NODE", id(target));
        String state = group.await("slot " + slot + " has moved to " + target, () -> stateOfLastMove(source));
        if (!state.equals("success")) {
            throw new EmbeddedRedisException(
                    "slot " + slot + " did not move from " + source + " to " + target + ": " + state);
        }
        awaitServed(slot, target);
    }

    /** How the latest migration from that master ended; empty if it has not. */
    private static Optional<String> stateOfLastMove(EmbeddedRedis source) {
        if (source.command("CLUSTER", "GETSLOTMIGRATIONS") instanceof List<?> all
                && !all.isEmpty()
                && all.get(0) instanceof List<?> latest) {
            int name = latest.indexOf("state");
            return Optional.of(String.valueOf(latest.get(name + 1))).filter(MOVE_ENDS::contains);
        }
        return Optional.empty();
    }

    private EmbeddedRedis masterToMoveFrom(int slot, EmbeddedRedis target) {
        EmbeddedRedis source = masterOf(slot);
        if (source == group.requireOurs(target)) {
            throw new IllegalArgumentException(target + " serves slot " + slot + " already");
        }
        return source;
    }

    /**
     * Makes a replica the master, in good order: the master holds writes back until the replica has all of them. Waits until
     * all nodes that are alive see it.
     *
     * @param replica the replica
     * @throws EmbeddedRedisException if that is not so within 30 s
     */
    public void failOver(EmbeddedRedis replica) {
        String id = id(group.requireOurs(replica));
        String before = view(replica).stream()
                .filter(line -> line.id().equals(id))
                .map(Line::masterId)
                .findFirst()
                .orElse("");
        replica.command("CLUSTER", "FAILOVER");
        group.await(
                "all nodes see " + replica + " as the master, and its master as a replica",
                () -> answering().stream().allMatch(node -> {
                    List<Line> lines = view(node);
                    return lines.stream().anyMatch(line -> line.id().equals(id) && line.isServingMaster())
                            && lines.stream()
                                    .anyMatch(line -> line.id().equals(before)
                                            && line.masterId().equals(id));
                }));
    }

    /**
     * Kills a master (SIGKILL) and waits until all nodes that are alive see one of its replicas in its place. On Redis 6.2 and 7.0
     * a replica that has itself taken over within the last 4 s, or 4 node timeouts if that is longer, cannot do so again: it
     * counts its old votes, and nobody believes it.
     *
     * @param master a master that has a replica
     * @return the new master
     * @throws EmbeddedRedisException if that is not so within 30 s
     */
    public EmbeddedRedis killMaster(EmbeddedRedis master) {
        List<EmbeddedRedis> replicas = replicasOf(master);
        if (replicas.isEmpty()) {
            throw new IllegalArgumentException(master + " has no replica to take its place");
        }
        master.kill();
        return group.await(
                "a replica of " + master + " is in its place",
                () -> replicas.stream()
                        .filter(replica -> answering().stream()
                                .allMatch(node -> view(node).stream()
                                        .anyMatch(line -> line.isServingMaster() && line.port() == port(replica))))
                        .findFirst());
    }

    /**
     * Returns the proxy before a node, by which clients and replicas reach it. The one before its cluster bus is not it.
     *
     * @throws IllegalStateException if there is none: see {@link EmbeddedClusterBuilder#proxied}
     */
    public FaultyProxy proxy(EmbeddedRedis node) {
        return group.proxyOf(node);
    }

    /**
     * Lets nothing through to a node or back, for clients and replicas. Connections stay open. The cluster bus works, so the
     * other nodes do not see it: {@link EmbeddedRedis#pause} and {@link #split} are what they see.
     *
     * @throws IllegalStateException as {@link #proxy}
     */
    public void partition(EmbeddedRedis node) {
        group.partition(node, Direction.values());
    }

    /**
     * Lets nothing through one way: see {@link #partition(EmbeddedRedis)}.
     *
     * @param node the node
     * @param direction which way is cut
     * @throws IllegalStateException as {@link #proxy}
     */
    public void partition(EmbeddedRedis node, Direction direction) {
        group.partition(node, direction);
    }

    /**
     * Cuts some nodes off from the others, both ways, on the cluster bus and in replication. Clients still reach all nodes, and
     * nodes of one side reach each other. After the {@linkplain EmbeddedClusterBuilder#nodeTimeout node timeout} the side without
     * a majority of the masters refuses commands (CLUSTERDOWN); about a second later, replicas on the other side take over from
     * the masters that it misses. Connections of one side with the other are reset, and new ones too, until {@link #heal}.
     * Another split replaces this one. Keys of a {@linkplain #migrate slot that moves} go from one side to the other all the same.
     *
     * @param side the nodes to cut off, which should be the side without the majority: this class asks the others meanwhile
     * @throws IllegalArgumentException if it is no node, all nodes, or has one that is not of this cluster
     * @throws IllegalStateException as {@link #proxy}
     */
    public void split(List<EmbeddedRedis> side) {
        side.forEach(group::proxyOf);
        Set<EmbeddedRedis> apart = Set.copyOf(side);
        if (apart.isEmpty() || apart.size() == nodes.size()) {
            throw new IllegalArgumentException(
                    "some nodes can be cut off from others, not " + apart.size() + " of " + nodes.size());
        }
        cutOff = apart;
        for (EmbeddedRedis node : nodes) {
            Predicate<ByteBuffer> fromOtherSide = saidFirst -> NodeGreeting.port(saidFirst)
                    .flatMap(group::at)
                    .filter(sender -> apart.contains(sender) != apart.contains(node))
                    .isPresent();
            proxy(node).refuseIf(fromOtherSide);
            group.proxyOf(node, busPort(node.port())).refuseIf(fromOtherSide);
        }
    }

    /** Ends a split, all partitions and other faults of the proxies. The nodes need a moment to find each other again. */
    public void heal() {
        group.heal();
        cutOff = Set.of();
    }

    /** Kills what is alive and deletes the folders. A second call does nothing. */
    @Override
    public void close() {
        group.close();
    }

    /** Returns for instance {@code a cluster of 6 nodes, redis 6.2.6}. */
    @Override
    public String toString() {
        return "a cluster of " + nodes.size() + " nodes, "
                + nodes.stream()
                        .map(node -> node.executable().toString())
                        .distinct()
                        .collect(Collectors.joining(" and "));
    }

    /** The port of a node's cluster bus, without its proxy. */
    static int busPort(int port) {
        return port + BUS_OFFSET;
    }

    static String id(EmbeddedRedis node) {
        return String.valueOf(node.command("CLUSTER", "MYID"));
    }

    static void checkSlot(int slot) {
        if (slot < 0 || slot >= SLOTS) {
            throw new IllegalArgumentException("a slot is 0 to " + (SLOTS - 1) + ", not " + slot);
        }
    }

    /** Waits until all nodes that are alive see a slot at its new master. */
    void awaitServed(int slot, EmbeddedRedis master) {
        group.await(
                "slot " + slot + " is served by " + master,
                () -> answering().stream().allMatch(node -> masterOf(slot, node).equals(Optional.of(master))));
    }

    /**
     * Waits until a master's configuration epoch is greater than those of all others: it decides whose claim to a slot counts. A
     * master raises its own when it takes a slot, above those that it has heard of; a late message of one of which it has not
     * heard would take the slot from it.
     */
    void awaitGreatestEpoch(EmbeddedRedis master) {
        group.await("the configuration epoch of " + master + " is the greatest", () -> {
            long own = epochOf(master);
            boolean isGreatest =
                    masters().stream().filter(other -> other != master).allMatch(other -> epochOf(other) < own);
            if (!isGreatest) {
                master.command("CLUSTER", "BUMPEPOCH");
            }
            return isGreatest;
        });
    }

    private static long epochOf(EmbeddedRedis master) {
        Matcher epoch = MY_EPOCH.matcher(String.valueOf(master.command("CLUSTER", "INFO")));
        if (!epoch.find()) {
            throw new EmbeddedRedisException("no configuration epoch in the CLUSTER INFO of " + master);
        }
        return Long.parseLong(epoch.group(1));
    }

    /**
     * Makes all nodes know each other. A node forgets whom it was to meet if it has no answer within a second, and would then
     * stay alone for ever; so whoever is alone meets the first node, again and again.
     */
    void acquaint() {
        EmbeddedRedis first = nodes.get(0);
        String busPort = Integer.toString(group.announced(busPort(first.port())));
        group.await("all nodes know each other", () -> {
            boolean acquainted = true;
            for (EmbeddedRedis node : nodes) {
                List<Line> lines = view(node);
                if (lines.size() == 1 && node != first) {
                    node.command("CLUSTER", "MEET", first.host(), Integer.toString(first.port()), busPort);
                }
                acquainted &= lines.size() == nodes.size()
                        && lines.stream().noneMatch(line -> line.flags().contains("handshake"));
            }
            return acquainted;
        });
    }

    /** Waits until all nodes take commands, see the same masters, and replicas have their master's data. */
    void awaitComplete() {
        group.await("all nodes take commands", () -> nodes.stream().allMatch(EmbeddedCluster::takesCommands));
        group.await(
                "all nodes see the same",
                () -> nodes.stream()
                                .map(node -> view(node).stream()
                                        .map(line -> line.port() + " " + line.masterId() + " " + line.slots())
                                        .sorted()
                                        .collect(Collectors.joining("\n")))
                                .distinct()
                                .count()
                        == 1);
        group.await(
                "the replicas have their master's data",
                () -> nodes.stream()
                        .noneMatch(node -> String.valueOf(node.command("INFO", "replication"))
                                .contains("master_link_status:down")));
    }

    private Optional<EmbeddedRedis> masterOf(int slot, EmbeddedRedis viewer) {
        return view(viewer).stream()
                .filter(line -> line.serves(slot))
                .flatMap(line -> group.at(line.port()).stream())
                .findFirst();
    }

    private static List<Line> view(EmbeddedRedis node) {
        List<Line> lines = new ArrayList<>();
        for (String line :
                String.valueOf(node.command("CLUSTER", "NODES")).strip().split("\n", -1)) {
            lines.add(Line.parse(line.strip()));
        }
        return lines;
    }

    /** One that takes commands if there is such: another has missed what happened, as after a split. */
    private EmbeddedRedis anyAnswering() {
        List<EmbeddedRedis> answering = answering();
        return answering.stream()
                .filter(EmbeddedCluster::takesCommands)
                .findFirst()
                .orElse(answering.get(0));
    }

    private static boolean takesCommands(EmbeddedRedis node) {
        return String.valueOf(node.command("CLUSTER", "INFO")).contains("cluster_state:ok");
    }

    private List<EmbeddedRedis> answering() {
        List<EmbeddedRedis> answering = nodes.stream()
                .filter(node -> node.isAlive() && !node.isPaused() && !cutOff.contains(node))
                .toList();
        if (answering.isEmpty()) {
            throw new EmbeddedRedisException("no node of " + this + " is alive and not cut off");
        }
        return answering;
    }
}
