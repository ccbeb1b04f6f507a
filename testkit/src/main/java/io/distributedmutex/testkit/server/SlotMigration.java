package io.distributedmutex.testkit.server;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A slot of an {@link EmbeddedCluster} on its way from one master to another. Each key moves by itself; until the end the old
 * master serves those that it has, and sends clients to the new one for the others (ASK). {@link EmbeddedCluster#moveAtOnce} is
 * the other way. Not thread-safe.
 */
public final class SlotMigration implements AutoCloseable {

    private static final String MIGRATE_MILLIS = "4000";

    private final EmbeddedCluster cluster;
    private final int slot;
    private final EmbeddedRedis source;
    private final EmbeddedRedis target;
    private final @Nullable String password;
    private boolean finished;

    private SlotMigration(
            EmbeddedCluster cluster, int slot, EmbeddedRedis source, EmbeddedRedis target, @Nullable String password) {
        this.cluster = cluster;
        this.slot = slot;
        this.source = source;
        this.target = target;
        this.password = password;
    }

    static SlotMigration begin(
            EmbeddedCluster cluster, int slot, EmbeddedRedis source, EmbeddedRedis target, @Nullable String password) {
        setSlot(target, slot, "IMPORTING", EmbeddedCluster.id(source));
        setSlot(source, slot, "MIGRATING", EmbeddedCluster.id(target));
        return new SlotMigration(cluster, slot, source, target, password);
    }

    /** Returns the master that had the slot when this began. */
    public EmbeddedRedis source() {
        return source;
    }

    /** Returns the master that gets the slot. */
    public EmbeddedRedis target() {
        return target;
    }

    /**
     * Moves keys of the slot, in no order.
     *
     * @param atMost how many at most, from 1 up
     * @return how many were moved; 0 when none is left
     */
    public int moveKeys(int atMost) {
        if (atMost < 1) {
            throw new IllegalArgumentException("at least 1 key must be moved, not " + atMost);
        }
        Object keys = source.command("CLUSTER", "GETKEYSINSLOT", Integer.toString(slot), Integer.toString(atMost));
        int moved = 0;
        for (Object key : keys instanceof List<?> list ? list : List.of()) {
            moveKey(String.valueOf(key));
            moved++;
        }
        return moved;
    }

    /**
     * Moves one key of the slot.
     *
     * @param key the key
     * @return whether it was there; one that has expired meanwhile was not
     */
    public boolean moveKey(String key) {
        List<String> words = new ArrayList<>(
                List.of("MIGRATE", target.host(), Integer.toString(target.port()), "", "0", MIGRATE_MILLIS));
        if (password != null) {
            words.addAll(List.of("AUTH", password));
        }
        words.addAll(List.of("KEYS", key));
        return "OK".equals(source.command(words.toArray(String[]::new)));
    }

    /** Moves what is left, tells all masters that the slot has moved, and waits until all nodes see it. */
    public void finish() {
        if (finished) {
            return;
        }
        cluster.awaitGreatestEpoch(target);
        do {
            while (moveKeys(100) > 0) {
                // More are left.
            }
            // The target first: until it knows, the source sends clients to somebody who would send them back.
            String id = EmbeddedCluster.id(target);
            setSlot(target, slot, "NODE", id);
        } while (!leftBySource());
        for (EmbeddedRedis master : cluster.masters()) {
            setSlot(master, slot, "NODE", EmbeddedCluster.id(target));
        }
        finished = true;
        cluster.awaitServed(slot, target);
    }

    /** As {@link #finish}. */
    @Override
    public void close() {
        finish();
    }

    /** It refuses as long as it has a key of the slot, which a client may have written just now. */
    private boolean leftBySource() {
        try {
            setSlot(source, slot, "NODE", EmbeddedCluster.id(target));
            return true;
        } catch (EmbeddedRedisException refused) {
            if (moveKeys(1) > 0) {
                return false;
            }
            throw refused;
        }
    }

    private static void setSlot(EmbeddedRedis node, int slot, String state, String id) {
        node.command("CLUSTER", "SETSLOT", Integer.toString(slot), state, id);
    }
}
