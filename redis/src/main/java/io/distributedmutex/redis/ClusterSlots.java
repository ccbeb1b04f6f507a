package io.distributedmutex.redis;

import io.lettuce.core.cluster.SlotHash;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Which master serves each slot of a cluster, as one of its nodes saw it. Not changed once it is made.
 *
 * @see <a href="https://redis.io/docs/latest/commands/cluster-slots/">CLUSTER SLOTS</a>
 */
final class ClusterSlots {

    static final int COUNT = SlotHash.SLOT_COUNT;

    /** How many nodes are believed in; the makers of Redis advise at most 1,000. */
    private static final int MAXIMUM_NODES = 10_000;

    private final @Nullable NodeAddress[] bySlot;
    private final Set<NodeAddress> masters = new LinkedHashSet<>();
    private final Set<NodeAddress> nodes;

    private ClusterSlots(@Nullable NodeAddress[] bySlot, Set<NodeAddress> nodes) {
        this.bySlot = bySlot;
        this.nodes = nodes;
        @Nullable NodeAddress last = null;
        for (NodeAddress master : bySlot) {
            // A master has many slots in a row.
            if (master != null && !master.equals(last)) {
                masters.add(master);
                last = master;
            }
        }
    }

    /**
     * Reads the reply to {@code CLUSTER SLOTS}.
     *
     * @param reply ranges: the first slot, the last, the master, its replicas
     * @param from who said it: stands where a node does not know its own host
     * @return the slots
     * @throws UnexpectedReplyException if it is something else
     */
    static ClusterSlots parse(List<@Nullable Object> reply, NodeAddress from) {
        @Nullable NodeAddress[] bySlot = new NodeAddress[COUNT];
        Set<NodeAddress> nodes = new LinkedHashSet<>();
        for (Object each : reply) {
            if (!(each instanceof List<?> range) || range.size() < 3) {
                throw unexpected();
            }
            int first = slot(range.get(0));
            int last = slot(range.get(1));
            NodeAddress master = node(range.get(2), from);
            for (int slot = first; slot <= last; slot++) {
                bySlot[slot] = master;
            }
            for (Object node : range.subList(2, range.size())) {
                nodes.add(node(node, from));
            }
            if (nodes.size() > MAXIMUM_NODES) {
                throw unexpected();
            }
        }
        return new ClusterSlots(bySlot, nodes);
    }

    private static int slot(@Nullable Object number) {
        if (number instanceof Long slot && slot >= 0 && slot < COUNT) {
            return slot.intValue();
        }
        throw unexpected();
    }

    private static NodeAddress node(@Nullable Object node, NodeAddress from) {
        if (!(node instanceof List<?> parts) || parts.size() < 2 || !(parts.get(1) instanceof Long port)) {
            throw unexpected();
        }
        String host = parts.get(0) instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : "";
        NodeAddress address = NodeAddress.told(host, port, from);
        if (address == null) {
            throw unexpected();
        }
        return address;
    }

    private static UnexpectedReplyException unexpected() {
        return new UnexpectedReplyException("the ranges of slots, with their nodes");
    }

    /** The master of a slot; null if nobody serves it. */
    @Nullable
    NodeAddress masterOf(int slot) {
        return bySlot[slot];
    }

    /** All masters that serve slots. */
    Set<NodeAddress> masters() {
        return masters;
    }

    /** All nodes, masters and replicas. */
    Set<NodeAddress> nodes() {
        return nodes;
    }

    /** The slots that nobody serves, as ranges such as {@code 5461-10922}; empty if all are served. */
    String uncovered() {
        List<String> ranges = new ArrayList<>();
        for (int slot = 0; slot < COUNT; slot++) {
            if (bySlot[slot] == null) {
                int first = slot;
                while (slot + 1 < COUNT && bySlot[slot + 1] == null) {
                    slot++;
                }
                ranges.add(first == slot ? Integer.toString(slot) : first + "-" + slot);
            }
        }
        return String.join(", ", ranges);
    }

    /** The same with another master of one slot. */
    ClusterSlots with(int slot, NodeAddress master) {
        @Nullable NodeAddress[] changed = bySlot.clone();
        changed[slot] = master;
        Set<NodeAddress> more = new LinkedHashSet<>(nodes);
        more.add(master);
        return new ClusterSlots(changed, more);
    }

    /**
     * The same, but slots that nobody serves now stay with their masters of before, and so do those that may not be left.
     *
     * @param before what was believed until now
     * @param mayLeave whether slots of a master may go to another one
     */
    ClusterSlots after(ClusterSlots before, Predicate<NodeAddress> mayLeave) {
        @Nullable NodeAddress[] merged = bySlot.clone();
        Set<NodeAddress> all = new LinkedHashSet<>(nodes);
        @Nullable NodeAddress last = null;
        boolean stays = false;
        for (int slot = 0; slot < COUNT; slot++) {
            NodeAddress master = before.bySlot[slot];
            if (master != null && !master.equals(last)) {
                stays = !mayLeave.test(master);
                last = master;
            }
            if (master != null && (stays || merged[slot] == null)) {
                merged[slot] = master;
                all.add(master);
            }
        }
        return new ClusterSlots(merged, all);
    }

    static int slotOf(String redisKey) {
        return SlotHash.getSlot(redisKey.getBytes(StandardCharsets.UTF_8));
    }
}
