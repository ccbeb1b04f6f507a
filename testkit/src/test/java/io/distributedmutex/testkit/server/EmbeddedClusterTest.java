package io.distributedmutex.testkit.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A Redis Cluster: up, with slots that move and masters that are replaced, partitioned, gone. */
@Tag("slow")
@Timeout(90)
final class EmbeddedClusterTest {

    private static final Duration NODE_TIMEOUT = Duration.ofMillis(500);
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
            mastersAreReplaced(redis);
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
                    .hasMessageContaining("ASK " + slot + " 127.0.0.1:" + target.port());
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
        try (EmbeddedCluster redis = EmbeddedRedis.cluster(2, 0).start()) {
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

    private static void mastersAreReplaced(EmbeddedCluster redis) {
        EmbeddedRedis first = redis.masterOf(0);
        EmbeddedRedis replica = redis.replicasOf(first).get(0);

        redis.failOver(replica);
        assertThat(redis.masterOf(0)).isSameAs(replica);
        assertThat(redis.replicasOf(replica)).containsExactly(first);

        assertThat(redis.killMaster(replica)).isSameAs(first);
        assertThat(redis.masterOf(0)).isSameAs(first);
        assertThat(redis.masters()).hasSize(3).doesNotContain(replica);
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
        try (EmbeddedCluster redis = builder.start()) {
            EmbeddedRedis node = redis.nodes().get(0);
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
}
