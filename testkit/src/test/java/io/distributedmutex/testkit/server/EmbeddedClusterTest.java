package io.distributedmutex.testkit.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.testing.Await;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A Redis Cluster: up, with slots that move and masters that are replaced, partitioned, gone. */
@Tag("slow")
@Timeout(180)
final class EmbeddedClusterTest {

    private static final Duration NODE_TIMEOUT = Duration.ofSeconds(2);
    /** Longer than a test looks at a split, so that nobody is taken to be down. */
    private static final Duration LONG_NODE_TIMEOUT = Duration.ofSeconds(40);

    private static final int MOVES = 200;

    @Test
    void movesSlotsAndReplacesMastersAndLeavesNothing() {
        EmbeddedCluster redis = EmbeddedRedis.cluster(3, 1)
                .nodeTimeout(NODE_TIMEOUT)
                .password("secret")
                .start();
        try (redis) {
            assertThat(redis.nodes()).hasSize(6);
            assertThat(redis.masters()).isEqualTo(redis.nodes().subList(0, 3));
            assertThat(redis.uris())
                    .hasSize(6)
                    .first()
                    .isEqualTo(
                            "redis://:secret@127.0.0.1:" + redis.nodes().get(0).port());

            slotMoves(redis);
            mastersAreReplaced(0, redis);
        }

        assertThat(redis.nodes())
                .noneMatch(EmbeddedRedis::isAlive)
                .extracting(EmbeddedRedis::folder)
                .noneMatch(folder -> folder.toFile().exists());
        redis.close();
    }

    private static void slotMoves(EmbeddedCluster redis) {
        int slot = redis.slotOf("{tag}1");
        EmbeddedRedis source = redis.masterOf(slot);
        EmbeddedRedis target = redis.masters().stream()
                .filter(master -> master != source)
                .findFirst()
                .orElseThrow();
        for (int i = 1; i <= 3; i++) {
            source.command("SET", "{tag}" + i, "v");
        }

        try (SlotMigration migration = redis.migrate(slot, target)) {
            assertThat(migration.source()).isSameAs(source);
            assertThat(migration.target()).isSameAs(target);
            assertThat(migration.moveKey("{tag}2")).isTrue();
            assertThat(migration.moveKey("{tag}2")).isFalse();
            assertThat(source.command("GET", "{tag}1")).isEqualTo("v");
            assertThatThrownBy(() -> source.command("GET", "{tag}2"))
                    .hasMessageContaining("ASK " + slot + " 127.0.0.1:" + redis.port(target));
            // Redis 6.2 answers ASK here, and TRYAGAIN where that leads.
            assertThatThrownBy(() -> source.command("MGET", "{tag}1", "{tag}2"))
                    .hasMessageMatching(".*: (TRYAGAIN|ASK) .*");
            assertThatThrownBy(() -> migration.moveKeys(0)).isInstanceOf(IllegalArgumentException.class);
            assertThat(migration.moveKeys(1)).isEqualTo(1);
            migration.finish();
        }

        assertThat(redis.masterOf(slot)).isSameAs(target);
        assertThat(target.command("MGET", "{tag}1", "{tag}2", "{tag}3")).isEqualTo(List.of("v", "v", "v"));
        assertThatThrownBy(() -> source.command("GET", "{tag}1")).hasMessageContaining("MOVED " + slot);
        assertThatThrownBy(() -> redis.migrate(slot, target)).hasMessageContaining("serves slot " + slot + " already");
        assertThatThrownBy(() -> redis.moveAtOnce(slot, target))
                .hasMessageContaining("serves slot " + slot + " already");
        if (redis.canMoveAtOnce()) {
            redis.moveAtOnce(slot, source);
            assertThat(redis.masterOf(slot)).isSameAs(source);
            assertThat(source.command("MGET", "{tag}1", "{tag}2", "{tag}3")).isEqualTo(List.of("v", "v", "v"));
        } else {
            assertThatThrownBy(() -> redis.moveAtOnce(slot, source)).hasMessageContaining("MIGRATESLOTS");
            assertThat(redis.masterOf(slot)).isSameAs(target);
        }
    }

    /** The nodes tell each other who has it, and what they have not heard of yet may undo a move. */
    @Test
    void aSlotMovesToAndFroFasterThanNodesHearOfIt() {
        try (EmbeddedCluster redis =
                EmbeddedRedis.cluster(2, 0).nodeTimeout(LONG_NODE_TIMEOUT).start()) {
            int slot = redis.slotOf("k");
            for (int i = 0; i < MOVES; i++) {
                EmbeddedRedis source = redis.masterOf(slot);
                EmbeddedRedis target = redis.masters().stream()
                        .filter(master -> master != source)
                        .findFirst()
                        .orElseThrow();
                source.command("SET", "k", Integer.toString(i));
                redis.migrate(slot, target).close();
                assertThat(target.command("GET", "k")).isEqualTo(Integer.toString(i));
            }
        }
    }

    private static void mastersAreReplaced(int slot, EmbeddedCluster redis) {
        EmbeddedRedis first = redis.masterOf(slot);
        EmbeddedRedis replica = redis.replicasOf(first).get(0);

        redis.failOver(replica);
        assertThat(redis.masterOf(slot)).isSameAs(replica);
        assertThat(redis.replicasOf(replica)).containsExactly(first);

        assertThat(redis.killMaster(replica)).isSameAs(first);
        assertThat(redis.masterOf(slot)).isSameAs(first);
        assertThat(redis.masters()).hasSize(3).doesNotContain(replica);
    }

    @Test
    void aNodeThatKnowsNobodyMeetsTheFirstAgain() {
        try (EmbeddedCluster redis =
                EmbeddedRedis.cluster(2, 0).nodeTimeout(LONG_NODE_TIMEOUT).start()) {
            EmbeddedRedis alone = redis.nodes().get(1);
            alone.command("CLUSTER", "RESET", "SOFT");

            redis.acquaint();

            Await.until("all are connected", () -> connected(alone, redis).size() == 2);
        }
    }

    @Test
    void aMasterThatIsSplitOffIsReplacedAndBecomesAReplica() {
        EmbeddedCluster redis = EmbeddedRedis.cluster(3, 1)
                .nodeTimeout(NODE_TIMEOUT)
                .password("secret")
                .proxied(true)
                .start();
        try (redis) {
            EmbeddedRedis before = redis.masterOf(0);
            EmbeddedRedis replica = redis.replicasOf(before).get(0);
            String key = keyOf(before, redis);
            before.command("SET", key, "v");

            redis.split(List.of(before));

            Await.until(
                    "the master that is cut off refuses commands",
                    () -> answer(redis, before, "GET", key).startsWith("CLUSTERDOWN"));
            Await.until("its replica is in its place", () -> redis.masterOf(0) == replica);
            assertThat(redis.masters()).hasSize(3).contains(replica).doesNotContain(before);
            Await.until(
                    "its replica takes writes",
                    () -> answer(redis, replica, "SET", key, "w").equals("OK"));
            assertThat(answer(redis, before, "GET", key)).startsWith("CLUSTERDOWN");
            assertThat(answer(redis, before, "PING")).isEqualTo("PONG");

            redis.heal();

            assertThat(redis.masterOf(0)).isSameAs(replica);
            Await.until("it is a replica of its replica", () -> isMasterOf(replica, before, redis));
            redis.awaitComplete();
            assertThat(redis.masters()).hasSize(3).contains(replica).doesNotContain(before);
            assertThat(answer(redis, before, "GET", key))
                    .startsWith("MOVED " + redis.slotOf(key) + " 127.0.0.1:" + redis.port(replica));
            slotMoves(redis);
            // Not slot 0: who has taken it over cannot do so again within 4 s, in Redis.
            mastersAreReplaced(16_383, redis);
        }

        assertThat(redis.nodes())
                .noneMatch(EmbeddedRedis::isAlive)
                .extracting(EmbeddedRedis::folder)
                .noneMatch(folder -> folder.toFile().exists());
        assertThat(Await.threads("faulty-proxy-")).isEmpty();
    }

    @Test
    void aSplitThatEndsBeforeTheNodeTimeoutChangesNothing() throws IOException {
        try (EmbeddedCluster redis = EmbeddedRedis.cluster(3, 1)
                .nodeTimeout(LONG_NODE_TIMEOUT)
                .proxied(true)
                .start()) {
            List<EmbeddedRedis> masters = redis.masters();
            EmbeddedRedis master = masters.get(0);
            EmbeddedRedis itsReplica = redis.replicasOf(master).get(0);
            EmbeddedRedis other = masters.get(1);
            EmbeddedRedis otherReplica = redis.replicasOf(other).get(0);
            List<EmbeddedRedis> side = List.of(master, itsReplica, otherReplica);
            List<EmbeddedRedis> rest =
                    redis.nodes().stream().filter(node -> !side.contains(node)).toList();
            long epoch = greatestEpoch(redis);
            try (RespConnection client = RespConnection.open(redis.port(master), Duration.ofMinutes(1))) {
                assertThat(client.call(List.of("PING"))).isEqualTo("PONG");

                redis.split(side);

                for (EmbeddedRedis node : redis.nodes()) {
                    boolean isOfSide = side.contains(node);
                    Await.until(
                            () -> "the nodes connected with " + node + " are not those of its side",
                            () -> connected(node, redis).equals(Set.copyOf(isOfSide ? side : rest)));
                }
                Await.until("a replica of the other side has lost its master", () -> !hasMaster(otherReplica));
                assertThat(hasMaster(itsReplica)).isTrue();
                String key = keyOf(master, redis);
                assertThat(client.call(List.of("SET", key, "v"))).isEqualTo("OK");
                Await.until(
                        "a replica of the same side has it",
                        () -> itsReplica.command("INFO", "keyspace").toString().contains("keys=1"));

                redis.heal();

                redis.awaitComplete();
                Await.until(
                        "all nodes are connected",
                        () -> redis.nodes().stream()
                                .allMatch(node -> connected(node, redis).equals(Set.copyOf(redis.nodes()))));
                assertThat(client.call(List.of("GET", key))).isEqualTo("v");
            }
            assertThat(redis.masters()).isEqualTo(masters);
            assertThat(greatestEpoch(redis)).isEqualTo(epoch);
            assertThat(redis.replicasOf(other)).containsExactly(otherReplica);
        }
    }

    @Test
    void aSplitDoesNotWaitForNodesThatAreDeadOrPaused() {
        try (EmbeddedCluster redis = EmbeddedRedis.cluster(3, 0)
                .nodeTimeout(NODE_TIMEOUT)
                .proxied(true)
                .start()) {
            EmbeddedRedis first = redis.nodes().get(0);
            EmbeddedRedis paused = redis.nodes().get(1);
            EmbeddedRedis dead = redis.nodes().get(2);
            paused.pause();
            dead.kill();

            redis.split(List.of(first, dead));

            assertThatThrownBy(redis::masters).hasMessageContaining("alive and not cut off");
            paused.resume();
            dead.restart();
            Await.until(
                    "it reaches nobody of the other side",
                    () -> connected(paused, redis).equals(Set.of(paused)));
            Await.until("it has found its side", () -> connected(dead, redis).equals(Set.of(first, dead)));
            redis.heal();
            redis.awaitComplete();
        }
    }

    @Test
    void partitionsANodeOfItsClientsAndSaysWhatItCannotDo() {
        assertThatThrownBy(() -> EmbeddedRedis.cluster(0, 0)).hasMessage("masters must be 1 to 20, not 0");
        assertThatThrownBy(() -> EmbeddedRedis.cluster(1, 6)).hasMessage("replicas must be 0 to 5, not 6");
        EmbeddedClusterBuilder builder = EmbeddedRedis.cluster(1, 0).proxied(true);
        assertThatThrownBy(() -> builder.nodeTimeout(Duration.ofMillis(199)))
                .hasMessage("nodeTimeout must be 200 ms to 600000 ms, not 199 ms");
        assertThatThrownBy(() -> builder.password("")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> builder.executables(List.of()))
                .hasMessage("each of 1 nodes needs an executable, but there are 0");
        try (EmbeddedCluster redis = builder.start();
                EmbeddedCluster other = EmbeddedRedis.cluster(2, 0)
                        .nodeTimeout(LONG_NODE_TIMEOUT)
                        .start()) {
            EmbeddedRedis node = redis.nodes().get(0);
            EmbeddedRedis foreign = other.nodes().get(0);
            assertThatThrownBy(() -> redis.split(List.of()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("some nodes can be cut off from others, not 0 of 1");
            assertThatThrownBy(() -> redis.split(List.of(node)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("some nodes can be cut off from others, not 1 of 1");
            assertThatThrownBy(() -> redis.split(List.of(foreign)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("is none of");
            assertThatThrownBy(() -> other.split(List.of(foreign)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("has no proxy");
            assertThat(redis.port(node)).isEqualTo(redis.proxy(node).port()).isNotEqualTo(node.port());
            assertThat(redis.masterOf(16_383)).isSameAs(node);
            assertThatThrownBy(() -> redis.masterOf(16_384)).hasMessage("a slot is 0 to 16383, not 16384");
            assertThatThrownBy(() -> redis.killMaster(node)).hasMessageContaining("has no replica");

            redis.partition(node);

            assertThatThrownBy(
                            () -> RespConnection.ask(redis.port(node), null, Duration.ofMillis(200), List.of("PING")))
                    .isInstanceOf(IOException.class);
            redis.heal();
            assertThat(node.command("PING")).isEqualTo("PONG");
        }
    }

    /** What a client hears that reaches a node as clients do; an error reply as its text. */
    private static String answer(EmbeddedCluster redis, EmbeddedRedis node, String... words) {
        try {
            return String.valueOf(
                    RespConnection.ask(redis.port(node), node.password(), Duration.ofSeconds(10), List.of(words)));
        } catch (EmbeddedRedisException errorReply) {
            return String.valueOf(errorReply.getMessage());
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private static String keyOf(EmbeddedRedis master, EmbeddedCluster redis) {
        return IntStream.range(0, EmbeddedCluster.SLOTS)
                .mapToObj(Integer::toString)
                .filter(key -> redis.masterOf(redis.slotOf(key)) == master)
                .findFirst()
                .orElseThrow();
    }

    /** The nodes, itself too, with which a node says that it has a connection on the bus. */
    private static Set<EmbeddedRedis> connected(EmbeddedRedis node, EmbeddedCluster redis) {
        List<String> lines =
                String.valueOf(node.command("CLUSTER", "NODES")).lines().toList();
        return redis.nodes().stream()
                .filter(other -> lines.stream()
                        .anyMatch(line -> line.contains(":" + redis.port(other) + "@") && line.contains(" connected")))
                .collect(Collectors.toSet());
    }

    private static boolean hasMaster(EmbeddedRedis replica) {
        return String.valueOf(replica.command("INFO", "replication")).contains("master_link_status:up");
    }

    private static boolean isMasterOf(EmbeddedRedis master, EmbeddedRedis replica, EmbeddedCluster redis) {
        return redis.replicasOf(master).contains(replica);
    }

    /** Which a replica raises when it asks to become the master. */
    private static long greatestEpoch(EmbeddedCluster redis) {
        return redis.nodes().stream()
                .flatMap(node -> String.valueOf(node.command("CLUSTER", "INFO")).lines())
                .filter(line -> line.startsWith("cluster_current_epoch:"))
                .mapToLong(line -> Long.parseLong(line.substring(line.indexOf(':') + 1)))
                .max()
                .orElseThrow();
    }
}
