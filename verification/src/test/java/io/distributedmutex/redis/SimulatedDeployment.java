package io.distributedmutex.redis;

import io.distributedmutex.spi.LockStore;
import io.lettuce.core.RedisURI;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The store as it is, with all of its routing, on connections that are simulated. In the store's package, as nobody else needs
 * it. Hosts are all {@value #HOST}; a node is known by its port. Texts have a character for each byte.
 */
public final class SimulatedDeployment {

    /** Where all nodes are. */
    public static final String HOST = "node";

    /** How long a command may take. */
    public static final Duration TIMEOUT = Duration.ofSeconds(2);

    private SimulatedDeployment() {}

    /** An error reply. */
    public record Failure(String text) {}

    /** The machine of an instance, and its network. */
    public interface Wire {

        /** Its clock. */
        long nanoTime();

        /** Runs something on it later. */
        void later(Runnable task, long nanos);

        /** Connects to a port; answers with null if that fails. */
        void connect(int port, Consumer<@Nullable Link> opened);

        /** Where Sentinels say that the primary is. */
        int primary();

        /**
         * A request about a key is made.
         *
         * @param request stands for it, also in {@link Link#send}
         * @return what is to be called when its caller hears of it
         */
        Runnable asked(Object request, String key);
    }

    /** A connection, seen from the instance. */
    public interface Link {

        boolean isOpen();

        /** Sends the commands of a request; a reply to each, unless the connection is lost before. */
        void send(Object request, List<List<String>> commands, Consumer<List<@Nullable Object>> answered);

        /** Sets what hears of its loss, and of pushes: the kind, the channel, the message. */
        void listen(Runnable lost, Pushed pushed);

        void close();
    }

    /** Hears of pushes. */
    public interface Pushed {

        void pushed(String kind, String channel, String message);
    }

    /**
     * A store in a cluster.
     *
     * @param wire the instance's machine
     * @param first the port of the first node
     * @param slots the reply to CLUSTER SLOTS
     * @param isSharded whether there are sharded channels
     */
    public static LockStore cluster(Wire wire, int first, List<@Nullable Object> slots, boolean isSharded) {
        NodeAddress address = new NodeAddress(HOST, first);
        RedisErrors errors = RedisErrors.ofCluster(List.of(RedisURI.create(HOST, first)), TIMEOUT.toMillis());
        Topology cluster = ClusterPrimaries.found(
                new SimulatedClient(wire),
                address,
                ClusterSlots.parse(slots, address),
                isSharded,
                errors,
                TIMEOUT,
                KeyPrefix.DEFAULT);
        return store(wire, errors, cluster);
    }

    /** A store at the primary that Sentinels name. */
    public static FollowingStore sentinels(Wire wire) {
        SimulatedPrimary primary = new SimulatedPrimary(new SimulatedClient(wire), wire);
        return new FollowingStore(store(wire, primary.errors(), primary), primary::moved);
    }

    /**
     * A store, and what tells it that the Sentinels name another primary.
     *
     * @param store the store
     * @param moved to be called then
     */
    public record FollowingStore(LockStore store, Runnable moved) {}

    private static LockStore store(Wire wire, RedisErrors errors, Topology topology) {
        return new RedisLockStore(
                KeyPrefix.DEFAULT,
                ConnectLimits.of(TIMEOUT),
                false,
                errors,
                new ObservedTopology(topology, wire),
                wire::nanoTime);
    }

    /** The slot of what stands in Redis under this name. */
    public static int slotOf(String redisKey) {
        return ClusterSlots.slotOf(redisKey);
    }

    /** The name in Redis of a key of ours. */
    public static String lockOf(String key) {
        return KeyPrefix.DEFAULT.text() + key;
    }

    /** The names in Redis of a lock's queue and of the fence of its slot. */
    public static List<String> companionsOf(String key) {
        LockKeys keys = LockKeys.of(lockOf(key));
        return List.of(text(keys.queue()), text(keys.fence()));
    }

    static String text(byte[] bytes) {
        return new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1);
    }
}
